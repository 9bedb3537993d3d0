//! One loop of a worker: think, ask rng, ask hasher, accept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use kit::clock;
use ledger::Coin;
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::account::{Account, Hash};
use crate::client::{Client, Route};
use crate::failure::Failure;
use crate::recovery::{Question, Recovery};

/// How many random bytes a loop asks for.
const SIZE: usize = 32;

/// The path that asks rng for them.
const PATH: &str = "/32";

/// How many hexadecimal digits a SHA-256 digest has.
const DIGITS: usize = 64;

/// One loop.
#[derive(Debug)]
pub struct Miner {
    config: Config,
    account: Arc<Account>,
    rng: Asked,
    hasher: Asked,
}

/// A service that the loop asks.
#[derive(Debug)]
struct Asked {
    client: Client,
    route: Route,
    recovery: Arc<Recovery>,
    /// Failures since the last good answer, for the back-off.
    tries: u32,
}

impl Miner {
    pub fn new(config: &Config, account: &Arc<Account>, rng: &Arc<Recovery>, hasher: &Arc<Recovery>) -> Self {
        let asked = |target, recovery: &Arc<Recovery>, route: fn(&Client) -> Route| {
            let client = Client::new(target, config.keep_alive, config.timeout);
            Asked { route: route(&client), client, recovery: recovery.clone(), tries: 0 }
        };
        Self {
            config: config.clone(),
            account: account.clone(),
            rng: asked(&config.rng_url, rng, for_bytes),
            hasher: asked(&config.hasher_url, hasher, for_digest),
        }
    }

    /// Mines until told to stop; a loop that has asked rng finishes.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut began = Instant::now();
        while !stop.is_cancelled() {
            self.account.has_room().await;
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = clock::sleep(self.config.think) => {}
            }
            match self.hash(&stop).await {
                Some(mut hash) => {
                    let now = Instant::now();
                    hash.whole = now - began;
                    began = now;
                    self.account.accept(hash);
                }
                // A loop that failed and waited is none of the loops whose time is told.
                None => began = Instant::now(),
            }
        }
    }

    /// Gets one hash, or waits after a failure and gets none.
    async fn hash(&mut self, stop: &CancellationToken) -> Option<Hash> {
        let start = Instant::now();
        let bytes = match random_bytes(&mut self.rng.client, &self.rng.route).await {
            Ok(bytes) => bytes,
            Err(failure) => {
                let client = Client::new(&self.config.rng_url, false, self.config.timeout);
                self.rng.failed(&failure, move || RngScout(client), stop).await;
                return None;
            }
        };
        self.rng.succeeded();
        let middle = Instant::now();
        let digest = match digest(&mut self.hasher.client, &self.hasher.route, bytes.clone()).await {
            Ok(digest) => digest,
            Err(failure) => {
                let client = Client::new(&self.config.hasher_url, false, self.config.timeout);
                self.hasher.failed(&failure, move || HasherScout(client), stop).await;
                return None;
            }
        };
        self.hasher.succeeded();
        let coin = digest.starts_with('0').then(|| Coin { digest, bytes: bytes.to_vec() });
        Some(Hash { coin, rng: middle - start, hasher: middle.elapsed(), whole: Duration::ZERO })
    }
}

impl Asked {
    fn succeeded(&mut self) {
        self.tries = 0;
        self.recovery.succeeded();
    }

    async fn failed<Q: Question>(&mut self, failure: &Failure, scout: impl FnOnce() -> Q, stop: &CancellationToken) {
        self.recovery.failed(failure, self.tries, scout, stop).await;
        self.tries = self.tries.saturating_add(1);
    }
}

fn for_bytes(client: &Client) -> Route {
    client.route(Method::GET, PATH)
}

fn for_digest(client: &Client) -> Route {
    client.route(Method::POST, "/")
}

async fn random_bytes(client: &mut Client, route: &Route) -> Result<Bytes, Failure> {
    let bytes = client.ask(route, Bytes::new()).await?;
    if bytes.len() == SIZE { Ok(bytes) } else { Err(Failure::Wrong("another number of bytes than asked for")) }
}

async fn digest(client: &mut Client, route: &Route, bytes: Bytes) -> Result<String, Failure> {
    let answer = client.ask(route, bytes).await?;
    let is_digest = answer.len() == DIGITS && answer.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match String::from_utf8(answer.into()) {
        Ok(digest) if is_digest => Ok(digest),
        _ => Err(Failure::Wrong("what is not a SHA-256 digest")),
    }
}

struct RngScout(Client);

impl Question for RngScout {
    async fn ask(&mut self) -> Result<(), Failure> {
        let route = for_bytes(&self.0);
        random_bytes(&mut self.0, &route).await.map(drop)
    }
}

struct HasherScout(Client);

impl Question for HasherScout {
    async fn ask(&mut self) -> Result<(), Failure> {
        let route = for_digest(&self.0);
        digest(&mut self.0, &route, Bytes::from_static(&[0; SIZE])).await.map(drop)
    }
}
