//! The `webui` program.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use kit::start::{self, Common};

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
    #[command(flatten)]
    config: webui::Config,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.common.task {
        Some(task) => task.run("webui", cli.listen),
        None => start::on_one_thread(&cli.common.logs, webui::run(&cli.config, cli.listen, &cli.common.limits)),
    }
}
