//! The `session` program.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use kit::start::{self, Common};

/// A web application that keeps its visitors' sessions in memory.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  session --listen 127.0.0.1:8000\n  curl -c jar -b jar 127.0.0.1:8000/whoami\n\
                  and open http://127.0.0.1:8000/ in a browser."
)]
struct Cli {
    /// Address and port to listen on
    #[arg(long, env = "SESSION_LISTEN", default_value = "[::]:80", value_name = "ADDRESS")]
    listen: SocketAddr,
    #[command(flatten)]
    config: session::Config,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.common.task {
        Some(task) => task.run("session", cli.listen),
        None => start::on_one_thread(&cli.common.logs, session::run(cli.config, cli.listen, &cli.common.limits)),
    }
}
