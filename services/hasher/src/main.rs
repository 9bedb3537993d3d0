//! The `hasher` program.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use kit::metrics::Metrics;
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
    if let Some(task) = &cli.common.task {
        return task.run("hasher", cli.listen);
    }
    let metrics = Metrics::new("hasher");
    let app = hasher::app(&cli.config, &metrics).router;
    start::on_one_thread(
        &cli.common.logs,
        start::serve_until_signal("hasher", cli.listen, app, &metrics, &cli.common.limits),
    )
}
