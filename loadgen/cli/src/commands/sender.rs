//! Who sends the load: this process, or agents.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use agents::{Fleet, Part, Token};
use anyhow::Context;
use instrument::Observer;
use instrument::config::Config;
use instrument::report::Report;

use super::WrongUsage;

/// How long agents that come by themselves may take.
const COME: Duration = Duration::from_secs(60);

/// Who sends the load.
#[derive(Debug, clap::Args)]
pub struct SenderArgs {
    /// Let an agent (`loadgen agent`) send its part of the load; with several, each has its part of one schedule
    #[arg(long, value_name = "HOST:PORT", requires = "token_file")]
    agent: Vec<String>,

    /// Wait until so many agents have come (`loadgen agent --join`), and let them send
    #[arg(long, value_name = "N", requires_all = ["token_file", "listen"], conflicts_with = "agent")]
    agents: Option<usize>,

    /// Address and port to wait for agents on
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,

    /// File with the token that the agents have
    #[arg(long, value_name = "FILE", env = "LOADGEN_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

/// Reads a token from its file.
pub fn read_token(path: &std::path::Path) -> anyhow::Result<Token> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Token::new(&text).with_context(|| path.display().to_string())
}

/// Sends the load of any number of runs.
pub enum Sender {
    /// This process.
    Here,
    /// Agents, which obey this process.
    Agents(Fleet),
}

impl SenderArgs {
    /// Makes ready whoever sends.
    pub fn sender(&self, stop: &AtomicBool) -> anyhow::Result<Sender> {
        if self.agent.is_empty() && self.agents.is_none() {
            return Ok(Sender::Here);
        }
        let file = self.token_file.as_ref().ok_or_else(|| WrongUsage::new("agents need --token-file"))?;
        let token = read_token(file).map_err(WrongUsage::new)?;
        Ok(Sender::Agents(match (self.agents, self.listen) {
            (Some(0), _) => return Err(WrongUsage::new("--agents has to be more than zero").into()),
            (Some(agents), Some(address)) => {
                let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
                let address = listener.local_addr().context("the port cannot be told")?;
                anstream::eprintln!("waiting on {address} for {agents} agents");
                let mut tell = |came| anstream::eprintln!("{came} of {agents} agents");
                Fleet::gather(&listener, agents, &token, COME, stop, &mut tell)?
            }
            _ => Fleet::dial(&self.agent, &token)?,
        }))
    }
}

impl Sender {
    /// Runs a plan. The parts are those of the agents; there are none where this process sends.
    pub fn run(
        &mut self,
        config: &Config,
        stop: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<(Report, Vec<Part>)> {
        match self {
            Sender::Here => Ok((instrument::run(config, stop, observer)?, Vec::new())),
            Sender::Agents(fleet) => {
                let outcome = fleet.run(config, stop, observer)?;
                Ok((outcome.report, outcome.parts))
            }
        }
    }

    /// How many threads hand over each interval of a plan.
    pub fn threads(&self, config: &Config) -> usize {
        match self {
            Sender::Here => config.threads,
            Sender::Agents(fleet) => fleet.threads(config),
        }
    }
}
