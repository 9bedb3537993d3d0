//! What a worker has done: hashes and coins to be committed, times and failures to be told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kit::metrics::duration_buckets;
use ledger::{Announcement, Coin, Mean};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram as Buckets;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::Notify;

/// How many coins are kept while the ledger takes none. Beyond that the worker pauses, so that it neither loses a coin nor
/// grows without bound: with the usual delays that is a day, at full speed some seconds.
pub const MOST_COINS: usize = 20_000;

/// Times of loops are told in so many binary digits: to 0.1 %.
const DIGITS: u32 = 10;

/// The books of one worker, shared by its loops.
#[derive(Debug)]
pub struct Account {
    began: Instant,
    most_coins: usize,
    books: Mutex<Books>,
    room: Notify,
    coins: Counter,
    failures: Family<Cause, Counter>,
    loop_times: Buckets,
    uncommitted: Gauge,
}

#[derive(Debug, Default)]
struct Books {
    /// Hashes accepted since the beginning.
    accepted: u64,
    /// When the last one was, since the beginning.
    last_hash: Duration,
    /// Hashes and coins that no batch holds yet.
    hashes: u64,
    coins: Vec<Coin>,
    /// Whether loops wait for room.
    full: bool,
    failures: u64,
    /// How many loops took so many microseconds, since the beginning.
    loop_times: BTreeMap<u64, u64>,
    /// Requests since the last report.
    rng: Mean,
    hasher: Mean,
    /// Why the ledger takes nothing; empty while it does.
    ledger: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cause {
    service: &'static str,
    cause: &'static str,
}

/// One loop's hash.
#[derive(Debug)]
pub struct Hash {
    pub coin: Option<Coin>,
    pub rng: Duration,
    pub hasher: Duration,
    pub whole: Duration,
}

impl Account {
    /// Empty books with room for so many coins that are not committed.
    pub fn new(most_coins: usize) -> Self {
        let ledger = Some("Redis has not answered yet".to_owned());
        Self {
            began: Instant::now(),
            most_coins,
            books: Mutex::new(Books { ledger, ..Books::default() }),
            room: Notify::new(),
            coins: Counter::default(),
            failures: Family::default(),
            loop_times: Buckets::new(duration_buckets()),
            uncommitted: Gauge::default(),
        }
    }

    /// Registers what `/metrics` shows.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("coins", "Hashes that were coins", self.coins.clone());
        registry.register("failures", "Requests that failed, by service and cause", self.failures.clone());
        registry.register_with_unit("loop", "Time of a whole loop", Unit::Seconds, self.loop_times.clone());
        registry.register("uncommitted_hashes", "Hashes that the ledger has not taken yet", self.uncommitted.clone());
    }

    /// Accepts a hash: from now on it will be counted.
    pub fn accept(&self, hash: Hash) {
        self.loop_times.observe(hash.whole.as_secs_f64());
        let mut books = self.books();
        books.accepted += 1;
        books.hashes += 1;
        books.last_hash = self.began.elapsed();
        books.rng = books.rng.and(Mean::of(hash.rng));
        books.hasher = books.hasher.and(Mean::of(hash.hasher));
        *books.loop_times.entry(rounded(hash.whole.as_micros() as u64)).or_default() += 1;
        if let Some(coin) = hash.coin {
            self.coins.inc();
            books.coins.push(coin);
        }
        self.uncommitted.inc();
    }

    /// Waits while too many coins are not committed.
    pub async fn has_room(&self) {
        loop {
            let freed = self.room.notified();
            {
                let mut books = self.books();
                if books.coins.len() < self.most_coins {
                    return;
                }
                if !std::mem::replace(&mut books.full, true) {
                    tracing::warn!(coins = books.coins.len(), "mining pauses until the coins found are committed");
                }
            }
            freed.await;
        }
    }

    /// Takes what no batch holds yet.
    pub fn take(&self) -> (u64, Vec<Coin>) {
        let mut books = self.books();
        let taken = (std::mem::take(&mut books.hashes), std::mem::take(&mut books.coins));
        books.full = false;
        drop(books);
        self.room.notify_waiters();
        taken
    }

    /// The ledger has taken so many hashes.
    pub fn committed(&self, hashes: u64) {
        self.uncommitted.dec_by(hashes as i64);
    }

    /// Hashes accepted since the beginning.
    pub fn accepted(&self) -> u64 {
        self.books().accepted
    }

    /// Notes a request that failed.
    pub fn failed(&self, service: &'static str, cause: &'static str) {
        self.failures.get_or_create(&Cause { service, cause }).inc();
        self.books().failures += 1;
    }

    /// Notes that the ledger answers, or else why not.
    pub fn set_ledger(&self, problem: Option<String>) {
        self.books().ledger = problem;
    }

    /// Ready while the ledger answers.
    pub fn ready(&self) -> Result<(), String> {
        self.books().ledger.clone().map_or(Ok(()), Err)
    }

    /// Fills in what there is to tell, and begins new means.
    pub fn report(&self, told: &mut Announcement) {
        let mut books = self.books();
        told.now = ledger::now();
        told.hashes = books.accepted;
        told.last_hash = books.last_hash.as_secs_f64();
        told.failures = books.failures;
        told.rng = std::mem::take(&mut books.rng);
        told.hasher = std::mem::take(&mut books.hasher);
        told.loop_times = books.loop_times.iter().map(|(time, count)| (*time, *count)).collect();
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The middle of all numbers that begin with the same binary digits.
fn rounded(number: u64) -> u64 {
    let rest = (u64::BITS - number.leading_zeros()).saturating_sub(DIGITS);
    (number >> rest << rest) + (1 << rest) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_by_a_thousandth_at_most() {
        for number in (0..5_000).chain([1 << 20, 300_123, 3_599_999_999, u64::MAX >> 1]) {
            let error = rounded(number).abs_diff(number) as f64;
            assert!(error <= number as f64 / 1000.0, "{number} became {}", rounded(number));
        }
    }
}
