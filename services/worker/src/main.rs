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
    #[arg(long, env = "REDIS_URL", default_value = "redis://redis", value_parser = ledger::in_redis)]
    redis_url: Ledger,
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
    let worker = Worker::new(cli.config, cli.redis_url);
    start::on_one_thread(&cli.common.logs, worker::program::run(worker, cli.listen, &cli.common.limits))
}
