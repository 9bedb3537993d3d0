//! The `rng` program.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use kit::start::{self, Common};

/// Answers with random bytes, one request at a time.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  rng --listen 127.0.0.1:8001 --delay 100ms\n  curl -s 127.0.0.1:8001/32 | xxd"
)]
struct Cli {
    /// Address and port to listen on
    #[arg(long, env = "RNG_LISTEN", default_value = "[::]:80", value_name = "ADDRESS")]
    listen: SocketAddr,
    #[command(flatten)]
    config: rng::Config,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    start::service("rng", cli.listen, &cli.common, |metrics| rng::app(&cli.config, metrics).router)
}
