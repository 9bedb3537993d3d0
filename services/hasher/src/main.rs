//! The `hasher` program.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use kit::start::{self, Common};

/// Answers with the SHA-256 digest of what is posted, any number of requests at once.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  hasher --listen 127.0.0.1:8002 --delay 0\n  curl -s --data-binary @file 127.0.0.1:8002"
)]
struct Cli {
    /// Address and port to listen on
    #[arg(long, env = "HASHER_LISTEN", default_value = "[::]:80", value_name = "ADDRESS")]
    listen: SocketAddr,
    #[command(flatten)]
    config: hasher::Config,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    start::service("hasher", cli.listen, &cli.common, |metrics| hasher::app(&cli.config, metrics).router)
}
