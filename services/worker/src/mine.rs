//! One loop of a worker: think, ask rng, ask hasher, accept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kit::clock;
use ledger::Coin;
use tokio_util::sync::CancellationToken;

use crate::account::{Account, Hash};
use crate::upstream::Client;

/// One loop.
#[derive(Debug)]
pub struct Miner {
    pub think: Duration,
    pub account: Arc<Account>,
    pub rng: Client,
    pub hasher: Client,
}

impl Miner {
    /// Mines until told to stop; a loop that has asked rng finishes.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut began = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.account.has_room() => {}
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = clock::sleep(self.think) => {}
            }
            // A loop that failed and waited is none of the loops whose time is told.
            let hash = self.hash(&stop).await;
            let now = Instant::now();
            if let Some(hash) = hash {
                self.account.accept(Hash { whole: now - began, ..hash });
            }
            began = now;
        }
    }

    async fn hash(&mut self, stop: &CancellationToken) -> Option<Hash> {
        let start = Instant::now();
        let bytes = self.rng.ask(Bytes::new(), stop).await?;
        let middle = Instant::now();
        let digest = self.hasher.ask(bytes.clone(), stop).await?;
        let hasher = middle.elapsed();
        let coin = digest
            .starts_with(b"0")
            .then(|| Coin { digest: String::from_utf8_lossy(&digest).into_owned(), bytes: bytes.to_vec() });
        Some(Hash { coin, rng: middle - start, hasher, whole: Duration::ZERO })
    }
}
