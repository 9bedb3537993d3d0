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
            let pause = async {
                self.account.has_room().await;
                clock::sleep(self.think).await;
            };
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
            let hash = self.hash(began, &stop).await;
            began = Instant::now();
            self.account.accept(hash);
        }
    }

    async fn hash(&mut self, began: Instant, stop: &CancellationToken) -> Option<Hash> {
        let asked = Instant::now();
        let bytes = self.rng.ask(Bytes::new(), stop).await?;
        let given = Instant::now();
        let digest = self.hasher.ask(bytes.clone(), stop).await?;
        let done = Instant::now();
        let text = || String::from_utf8_lossy(&digest).into_owned();
        let coin = digest.starts_with(b"0").then(|| Coin { digest: text(), bytes: bytes.to_vec() });
        Some(Hash { coin, rng: given - asked, hasher: done - given, whole: done - began })
    }
}
