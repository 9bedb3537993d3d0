//! What a worker has done: hashes and coins to be committed, times and failures to be told.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
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

/// The longest loop that the histogram tells apart, in microseconds: an hour.
const LONGEST_LOOP: u64 = 3_600_000_000;

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

#[derive(Debug)]
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
    /// Since the beginning.
    loop_times: Histogram<u64>,
    /// How many requests since the last report, and their time.
    rng: (u64, Duration),
    hasher: (u64, Duration),
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
        let mut loop_times = Histogram::new_with_max(LONGEST_LOOP, 3).expect("3 digits up to an hour fit");
        loop_times.auto(false);
        Self {
            began: Instant::now(),
            most_coins,
            books: Mutex::new(Books {
                accepted: 0,
                last_hash: Duration::ZERO,
                hashes: 0,
                coins: Vec::new(),
                full: false,
                failures: 0,
                loop_times,
                rng: Default::default(),
                hasher: Default::default(),
                ledger: Some("Redis has not answered yet".to_owned()),
            }),
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
        books.rng = (books.rng.0 + 1, books.rng.1 + hash.rng);
        books.hasher = (books.hasher.0 + 1, books.hasher.1 + hash.hasher);
        books.loop_times.saturating_record(hash.whole.as_micros() as u64);
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
        told.rng = mean(std::mem::take(&mut books.rng));
        told.hasher = mean(std::mem::take(&mut books.hasher));
        let times = &books.loop_times;
        let step = |at| times.median_equivalent(at);
        told.loop_times =
            times.iter_recorded().map(|times| (step(times.value_iterated_to()), times.count_at_value())).collect();
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mean((count, time): (u64, Duration)) -> Mean {
    Mean { count, ms: time.as_secs_f64() * 1e3 / count.max(1) as f64 }
}
