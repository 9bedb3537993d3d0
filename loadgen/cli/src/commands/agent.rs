//! An agent: sends its part of the load of a coordinator on another machine.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;

use agents::{Heard, Token};
use anyhow::Context;

use super::sender::read_token;
use super::stop::stop_on_signals;
use super::{WrongUsage, out};

const EXAMPLES: &str = "\
Examples:
  Once: make a token, and bring it to each machine
    loadgen agent --new-token > token
  On each machine that sends, on the address that the coordinator reaches:
    loadgen agent --listen 10.10.1.2:7420 --token-file token
  On the machine of the coordinator:
    loadgen bench --rate 20000 --agent 10.10.1.2:7420 --agent 10.10.1.3:7420 --token-file token http://10.10.1.9/

An agent obeys whoever proves to have the token, one at a time, and nobody else. It ends its run when it has heard nothing
for 5 seconds, and waits for the next. It listens on the address that it is given and on no other.";

/// Send its part of the load of a coordinator on another machine
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Address and port to wait on: that of one interface, not of all
    #[arg(long, value_name = "IP:PORT", env = "LOADGEN_AGENT_LISTEN", default_value = "127.0.0.1:7420")]
    listen: SocketAddr,

    /// Go to a coordinator that waits there, serve it once and end, instead of listening
    #[arg(long, value_name = "HOST:PORT", env = "LOADGEN_AGENT_JOIN", conflicts_with = "listen")]
    join: Option<String>,

    /// File with the token that the coordinator has to have
    #[arg(long, value_name = "FILE", env = "LOADGEN_TOKEN_FILE", required_unless_present = "new_token")]
    token_file: Option<PathBuf>,

    /// Listen on all interfaces although others may reach them
    #[arg(long)]
    all_interfaces: bool,

    /// Print a new token, and nothing else
    #[arg(long)]
    new_token: bool,
}

/// Runs until it is ended by a signal, or with `--join` until its coordinator is gone.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.new_token {
        out::line(Token::random().text())?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = args.token_file.as_ref().ok_or_else(|| WrongUsage::new("--token-file is missing"))?;
    let token = read_token(file).map_err(WrongUsage::new)?;
    let stop = stop_on_signals().context("the signals that end an agent cannot be caught")?;
    if let Some(coordinator) = &args.join {
        agents::join(coordinator, &token, &stop, &tell).with_context(|| format!("coordinator {coordinator}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    // `[::ffff:0.0.0.0]` is every interface, too.
    if args.listen.ip().to_canonical().is_unspecified() && !args.all_interfaces {
        return Err(WrongUsage::new(format!(
            "{} is every interface of this machine: name the address that the coordinator reaches, or say --all-interfaces",
            args.listen.ip()
        ))
        .into());
    }
    let listener = TcpListener::bind(args.listen).with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr().context("the port cannot be told")?;
    out::line(format_args!("agent waits on {address}"))?;
    agents::serve(&listener, &token, &stop, &tell).context("no connection can be taken")?;
    Ok(ExitCode::SUCCESS)
}

/// Says what happens, for the log of whoever started the agent.
fn tell(heard: Heard) {
    match heard {
        Heard::Coordinator(peer) => anstream::eprintln!("coordinator {peer} has the token"),
        Heard::Refused(peer, error) => anstream::eprintln!("refused {peer}: {error}"),
        Heard::Deaf(error) => anstream::eprintln!("no connection can be taken now: {error}; it is tried again"),
        Heard::Run(url) => anstream::eprintln!("sending to {url}"),
        Heard::Gone(peer) => anstream::eprintln!("coordinator {peer} is gone"),
    }
}
