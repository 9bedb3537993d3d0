//! The ledger in the memory of one process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::{Announcement, Batch, Error, Store, Totals, Workers};

/// Hashes and coins, as Redis would keep them.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    hashes: i64,
    wallet: HashMap<String, Vec<u8>>,
    /// The number of each worker's last batch.
    batches: HashMap<String, u64>,
    announcements: BTreeMap<String, (Instant, Announcement)>,
}

impl MemoryLedger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryLedger {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn commit(&self, worker: &str, batch: &Batch) -> Result<(), Error> {
        let mut state = self.state();
        if state.batches.get(worker).is_none_or(|last| batch.number > *last) {
            state.batches.insert(worker.to_owned(), batch.number);
            state.hashes += batch.hashes as i64;
            state.wallet.extend(batch.coins.iter().map(|coin| (coin.digest.clone(), coin.bytes.clone())));
        }
        Ok(())
    }

    async fn announce(&self, announcement: &Announcement, lifetime: Duration) -> Result<(), Error> {
        let until = Instant::now() + lifetime;
        self.state().announcements.insert(announcement.id.clone(), (until, announcement.clone()));
        Ok(())
    }

    async fn withdraw(&self, worker: &str) -> Result<(), Error> {
        self.state().announcements.remove(worker);
        Ok(())
    }

    async fn totals(&self) -> Result<Totals, Error> {
        let state = self.state();
        Ok(Totals { hashes: state.hashes, coins: state.wallet.len() as u64, begun: !state.batches.is_empty() })
    }

    async fn workers(&self) -> Result<Workers, Error> {
        let (now, mut state) = (Instant::now(), self.state());
        state.announcements.retain(|_, (until, _)| *until > now);
        let known = state.announcements.values().map(|(_, announcement)| announcement.clone()).collect();
        Ok(Workers { known, ..Workers::default() })
    }
}
