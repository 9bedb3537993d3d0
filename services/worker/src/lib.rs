//! The miner: asks rng for bytes and hasher for their digest, for ever.
//!
//! One loop: think, `GET /32` of rng, `POST` those bytes to hasher, and if the digest begins with `0` it is a coin. About
//! once a second the hashes done and the coins found are committed to the ledger, as one numbered batch.
//!
//! The promise: every hash that hasher answered and the worker accepted is counted once, through every loss of Redis and
//! through SIGTERM. A worker that is killed loses what it had not committed: at most one flush interval's hashes while
//! Redis answers.

mod account;
mod connection;
mod failure;
mod flush;
mod health;
mod mine;
pub mod program;
mod target;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use kit::metrics::Metrics;
use kit::settings;
use ledger::Ledger;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::account::{Account, MOST_COINS};
use crate::flush::Flusher;
use crate::mine::Miner;
pub use crate::target::Target;
use crate::upstream::{Client, Upstream};

/// Settings of a worker.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Where rng is
    #[arg(long, env = "WORKER_RNG_URL", default_value = "http://rng", value_name = "URL")]
    pub rng_url: Target,
    /// Where hasher is
    #[arg(long, env = "WORKER_HASHER_URL", default_value = "http://hasher", value_name = "URL")]
    pub hasher_url: Target,
    /// The pause in each loop
    #[arg(long, env = "WORKER_THINK", value_parser = settings::duration, default_value = "100ms", value_name = "TIME")]
    pub think: Duration,
    /// How often hashes and coins are handed to the ledger
    #[arg(long, env = "WORKER_FLUSH_INTERVAL", value_parser = settings::timeout, default_value = "1s", value_name = "TIME")]
    pub flush_interval: Duration,
    /// Keep connections open between requests. Off, as the virtual IP of a swarm balances connections, not requests
    #[arg(long, env = "WORKER_KEEP_ALIVE", value_name = "BOOL", default_value_t = false, num_args = 0..=1,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub keep_alive: bool,
    /// How many loops run side by side
    #[arg(long, env = "WORKER_LOOPS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "N")]
    pub loops: u32,
    /// How long rng or hasher may take to answer
    #[arg(long, env = "WORKER_TIMEOUT", value_parser = settings::timeout, default_value = "30s", value_name = "TIME")]
    pub timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        settings::defaults()
    }
}

/// What a worker has done when it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Hashes that it accepted.
    pub accepted: u64,
    /// Hashes that the ledger took.
    pub committed: u64,
}

/// A worker that is not running yet.
#[derive(Debug)]
pub struct Worker {
    config: Config,
    ledger: Ledger,
    metrics: Metrics,
    account: Arc<Account>,
}

impl Worker {
    /// A worker with an id of its own: its host's name and a random part.
    pub fn new(config: Config, ledger: Ledger) -> Self {
        let metrics = Metrics::new("worker");
        let account = Arc::new(Account::new(config.loops, MOST_COINS, &metrics));
        Self { config, ledger, metrics, account }
    }

    /// Mines until `stop` is cancelled. Then loops under way finish, and what is left is committed; both together may take
    /// `drain`.
    pub async fn run(self, stop: CancellationToken, drain: Duration) -> Outcome {
        let upstreams = [Upstream::rng(&self.config, &self.account), Upstream::hasher(&self.config, &self.account)];
        let mut loops = self.start_loops(&upstreams, &stop);
        let mut flusher = Flusher { worker: &self, upstreams: &upstreams, in_hand: None, trouble: None };
        let mining = async {
            stop.cancelled().await;
            let deadline = Instant::now() + drain;
            if timeout_at(deadline, async { while loops.join_next().await.is_some() {} }).await.is_err() {
                tracing::warn!("loops under way took longer than the drain timeout, and are not counted");
                loops.shutdown().await;
            }
            deadline
        };
        let deadline = tokio::select! { deadline = mining => deadline, never = flusher.run() => match never {} };
        flusher.finish(deadline).await;
        self.account.outcome()
    }

    /// Starts the loops, and a prober for each of rng and hasher.
    fn start_loops(&self, upstreams: &[Arc<Upstream>; 2], stop: &CancellationToken) -> JoinSet<()> {
        let [rng, hasher] = upstreams;
        let mut loops = JoinSet::new();
        for upstream in upstreams {
            let probing = stop.clone().run_until_cancelled_owned(upstream.clone().probe());
            loops.spawn(async { _ = probing.await });
        }
        for _ in 0..self.config.loops {
            let (think, account) = (self.config.think, self.account.clone());
            let miner = Miner { think, account, rng: Client::new(rng), hasher: Client::new(hasher) };
            loops.spawn(miner.run(stop.clone()));
        }
        loops
    }
}

#[cfg(test)]
mod tests;
