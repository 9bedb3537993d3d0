//! The `webui` program.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use kit::start::{self, Common};
use ledger::Ledger;

/// Shows how fast the swarm hashes, on a page that a class can watch.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  webui --listen 127.0.0.1:8000 --redis-url redis://127.0.0.1\n  \
                  curl -s 127.0.0.1:8000/json\nand open http://127.0.0.1:8000/ in a browser."
)]
struct Cli {
    /// Address and port to listen on
    #[arg(long, env = "WEBUI_LISTEN", default_value = "[::]:80", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The Redis that the workers count in
    #[arg(long, env = "REDIS_URL", default_value = "redis://redis", value_parser = ledger::in_redis)]
    redis_url: Ledger,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    start::service("webui", cli.listen, &cli.common, |metrics| webui::app(cli.redis_url, metrics))
}
