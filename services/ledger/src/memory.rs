//! The ledger in the memory of one process.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;

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

#[async_trait]
impl Store for MemoryLedger {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn commit(&self, worker: &str, batch: &Batch) -> Result<(), Error> {
        let mut state = self.0.lock();
        if state.batches.get(worker).is_none_or(|last| batch.number > *last) {
            state.batches.insert(worker.to_owned(), batch.number);
            state.hashes += batch.hashes as i64;
            state.wallet.extend(batch.coins.iter().map(|coin| (coin.digest.clone(), coin.bytes.clone())));
        }
        Ok(())
    }

    async fn announce(&self, announcement: &Announcement, lifetime: Duration) -> Result<(), Error> {
        let until = Instant::now() + lifetime;
        self.0.lock().announcements.insert(announcement.id.clone(), (until, announcement.clone()));
        Ok(())
    }

    async fn withdraw(&self, worker: &str) -> Result<(), Error> {
        self.0.lock().announcements.remove(worker);
        Ok(())
    }

    async fn totals(&self) -> Result<Totals, Error> {
        let state = self.0.lock();
        Ok(Totals { hashes: state.hashes, coins: state.wallet.len() as u64, begun: !state.batches.is_empty() })
    }

    async fn workers(&self) -> Result<Workers, Error> {
        let (now, mut state) = (Instant::now(), self.0.lock());
        state.announcements.retain(|_, (until, _)| *until > now);
        let known = state.announcements.values().map(|(_, announcement)| announcement.clone()).collect();
        Ok(Workers { known, ..Workers::default() })
    }
}
