//! The ledger in the memory of one process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Announcement, Batch, Totals};

/// Hashes and coins, as Redis would keep them.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    hashes: i64,
    wallet: HashMap<String, Vec<u8>>,
    /// The number of each worker's last batch.
    batches: HashMap<String, u64>,
    announcements: HashMap<String, (Instant, Announcement)>,
}

impl MemoryLedger {
    pub fn commit(&self, worker: &str, batch: &Batch) {
        let mut state = self.state();
        let last = state.batches.entry(worker.to_owned()).or_default();
        if batch.number <= *last {
            return;
        }
        *last = batch.number;
        state.hashes += batch.hashes as i64;
        state.wallet.extend(batch.coins.iter().map(|coin| (coin.digest.clone(), coin.bytes.clone())));
    }

    pub fn announce(&self, announcement: &Announcement, lifetime: Duration) {
        let until = Instant::now() + lifetime;
        self.state().announcements.insert(announcement.id.clone(), (until, announcement.clone()));
    }

    pub fn withdraw(&self, worker: &str) {
        self.state().announcements.remove(worker);
    }

    pub fn totals(&self) -> Totals {
        let state = self.state();
        Totals { hashes: state.hashes, coins: state.wallet.len() as u64, begun: !state.batches.is_empty() }
    }

    pub fn workers(&self) -> Vec<Announcement> {
        let now = Instant::now();
        let mut state = self.state();
        state.announcements.retain(|_, (until, _)| *until > now);
        state.announcements.values().map(|(_, announcement)| announcement.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
