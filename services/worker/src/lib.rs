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

use axum::Router;
use kit::metrics::Metrics;
use kit::{host, ops, settings};
use ledger::Ledger;
use tokio::task::JoinSet;
use tokio::time::Instant;
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
    #[arg(long, env = "WORKER_FLUSH_INTERVAL", value_parser = interval, default_value = "1s", value_name = "TIME")]
    pub flush_interval: Duration,
    /// Keep connections open between requests. Off, as the virtual IP of a swarm balances connections, not requests
    #[arg(long, env = "WORKER_KEEP_ALIVE", value_name = "BOOL", default_value_t = false, num_args = 0..=1,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub keep_alive: bool,
    /// How many loops run side by side
    #[arg(long, env = "WORKER_LOOPS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "N")]
    pub loops: u32,
    /// How long rng or hasher may take to answer
    #[arg(long, env = "WORKER_TIMEOUT", value_parser = interval, default_value = "30s", value_name = "TIME")]
    pub timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rng_url: Target::new("rng", 80),
            hasher_url: Target::new("hasher", 80),
            think: Duration::from_millis(100),
            flush_interval: Duration::from_secs(1),
            keep_alive: false,
            loops: 1,
            timeout: Duration::from_secs(30),
        }
    }
}

/// A duration that is not zero.
fn interval(text: &str) -> Result<Duration, String> {
    let duration = settings::duration(text)?;
    if duration.is_zero() { Err("it must be longer than zero".to_owned()) } else { Ok(duration) }
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
    id: String,
    account: Arc<Account>,
}

impl Worker {
    /// A worker with an id of its own: its host's name and a random part.
    pub fn new(config: Config, ledger: Ledger) -> Self {
        let id = format!("{}-{:08x}", host::name(), rand::random::<u32>());
        Self { config, ledger, id, account: Arc::new(Account::new(MOST_COINS)) }
    }

    /// Its id, under which it announces itself and commits batches.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The routes for operators: `/healthz`, `/readyz` and `/metrics`.
    pub fn routes(&self, metrics: &Metrics) -> Router {
        metrics.register(|registry| self.account.register(registry));
        let account = self.account.clone();
        ops::routes(metrics.clone(), Arc::new(move || account.ready()))
    }

    /// Mines until `stop` is cancelled. Then loops under way finish, and what is left is committed; both together may take
    /// `drain`.
    pub async fn run(self, stop: CancellationToken, drain: Duration) -> Outcome {
        let Self { config, ledger, id, account } = self;
        let (rng, hasher) = (Upstream::rng(&config, &account), Upstream::hasher(&config, &account));
        let mut flusher = Flusher::new(&id, &ledger, &account, [rng.clone(), hasher.clone()], &config);
        let enough = CancellationToken::new();
        let flushing = tokio::spawn({
            let enough = enough.clone();
            async move {
                flusher.run(&enough).await;
                flusher
            }
        });
        let mut loops = JoinSet::new();
        for _ in 0..config.loops {
            let (rng, hasher) = (Client::new(&rng), Client::new(&hasher));
            loops.spawn(Miner { think: config.think, account: account.clone(), rng, hasher }.run(stop.clone()));
        }
        stop.cancelled().await;
        let deadline = Instant::now() + drain;
        if tokio::time::timeout_at(deadline, async { while loops.join_next().await.is_some() {} }).await.is_err() {
            tracing::warn!("loops under way took longer than the drain timeout; they are given up, and not counted");
            loops.shutdown().await;
        }
        enough.cancel();
        let committed = match flushing.await {
            Ok(flusher) => flusher.finish(deadline).await,
            Err(_) => 0,
        };
        Outcome { accepted: account.accepted(), committed }
    }
}

#[cfg(test)]
mod tests;
