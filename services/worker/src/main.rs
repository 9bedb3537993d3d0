//! The `worker` program.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use kit::start::{self, Common};
use ledger::Ledger;
use worker::Worker;

/// Mines: asks rng for bytes and hasher for their digest, and counts both in Redis.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  worker --rng-url http://localhost:8001 --hasher-url http://localhost:8002 --redis-url redis://localhost"
)]
struct Cli {
    #[command(flatten)]
    config: worker::Config,
    /// Where Redis is
    #[arg(long, env = "REDIS_URL", default_value = "redis://redis", value_name = "URL")]
    redis_url: String,
    /// Address and port for /healthz, /readyz and /metrics; none unless given
    #[arg(long, env = "WORKER_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(task) = &cli.common.task {
        return match cli.listen {
            Some(listen) => task.run("worker", listen),
            None => start::fail("worker", "nothing to ask: it listens only where --listen or WORKER_LISTEN is given"),
        };
    }
    // The client of Redis starts a task of its own, so it is made inside the runtime.
    start::on_one_thread(&cli.common.logs, async {
        match Ledger::in_redis(&cli.redis_url) {
            Ok(ledger) => worker::program::run(Worker::new(cli.config, ledger), cli.listen, &cli.common.limits).await,
            Err(error) => start::usage("worker", &format!("--redis-url, REDIS_URL: `{}`: {error}", cli.redis_url)),
        }
    })
}
