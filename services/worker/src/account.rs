//! What a worker has done: hashes and coins to be committed, times and failures to be told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use kit::metrics::duration_buckets;
use ledger::{Coin, Mean};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram as Buckets;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::Notify;

/// How many coins are kept while Redis is away. Beyond that the worker pauses, so that it neither loses a coin nor grows
/// without bound: with the usual delays that is a day, at full speed some seconds.
const MOST_COINS: usize = 20_000;

/// The longest loop that the histogram tells apart, in microseconds: an hour.
const LONGEST_LOOP: u64 = 3_600_000_000;

/// The books of one worker, shared by its loops.
#[derive(Debug)]
pub struct Account {
    began: Instant,
    books: Mutex<Books>,
    room: Notify,
    ledger_is_away: AtomicBool,
    shown: Shown,
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
    loop_times: Histogram<u64>,
    rng: Sum,
    hasher: Sum,
    failures: u64,
    /// What the worker waits for, by service; empty while it mines.
    troubles: Vec<(&'static str, String)>,
}

/// Times since the last announcement.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    count: u64,
    time: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cause {
    service: &'static str,
    cause: &'static str,
}

#[derive(Debug)]
struct Shown {
    loops: Counter,
    coins: Counter,
    failures: Family<Cause, Counter>,
    loop_times: Buckets,
    uncommitted: Gauge,
}

/// What there is to tell since the last time.
#[derive(Debug)]
pub struct News {
    pub accepted: u64,
    pub last_hash: f64,
    pub failures: u64,
    pub rng: Mean,
    pub hasher: Mean,
    pub loop_times: Vec<(u64, u64)>,
    pub trouble: Option<String>,
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
    pub fn new() -> Self {
        let mut loop_times = Histogram::new_with_max(LONGEST_LOOP, 3).expect("3 digits up to an hour fit");
        loop_times.auto(false);
        Self {
            began: Instant::now(),
            books: Mutex::new(Books {
                accepted: 0,
                last_hash: Duration::ZERO,
                hashes: 0,
                coins: Vec::new(),
                loop_times,
                rng: Sum::default(),
                hasher: Sum::default(),
                failures: 0,
                troubles: Vec::new(),
            }),
            room: Notify::new(),
            ledger_is_away: AtomicBool::new(false),
            shown: Shown {
                loops: Counter::default(),
                coins: Counter::default(),
                failures: Family::default(),
                loop_times: Buckets::new(duration_buckets()),
                uncommitted: Gauge::default(),
            },
        }
    }

    pub fn register(&self, registry: &mut Registry) {
        let shown = &self.shown;
        registry.register("loops", "Loops that gave a hash", shown.loops.clone());
        registry.register("coins", "Hashes that were coins", shown.coins.clone());
        registry.register("failures", "Requests that failed, by service and cause", shown.failures.clone());
        registry.register_with_unit("loop", "Time of a whole loop", Unit::Seconds, shown.loop_times.clone());
        registry.register("uncommitted_hashes", "Hashes that the ledger has not taken yet", shown.uncommitted.clone());
    }

    /// Accepts a hash: from now on it will be counted.
    pub fn accept(&self, hash: Hash) {
        self.shown.loops.inc();
        self.shown.loop_times.observe(hash.whole.as_secs_f64());
        let mut books = self.books();
        books.accepted += 1;
        books.hashes += 1;
        books.last_hash = self.began.elapsed();
        books.rng.add(hash.rng);
        books.hasher.add(hash.hasher);
        books.loop_times.saturating_record(hash.whole.as_micros() as u64);
        if let Some(coin) = hash.coin {
            self.shown.coins.inc();
            books.coins.push(coin);
        }
        self.shown.uncommitted.set(books.hashes as i64);
    }

    /// Waits while too many coins are not committed.
    pub async fn has_room(&self) {
        while self.books().coins.len() >= MOST_COINS {
            let freed = self.room.notified();
            if self.books().coins.len() >= MOST_COINS {
                freed.await;
            }
        }
    }

    /// Takes what no batch holds yet.
    pub fn take(&self) -> (u64, Vec<Coin>) {
        let mut books = self.books();
        let taken = (std::mem::take(&mut books.hashes), std::mem::take(&mut books.coins));
        drop(books);
        self.room.notify_waiters();
        taken
    }

    /// Tells how many hashes the ledger has not taken, those of the current batch among them.
    pub fn show_uncommitted(&self, in_hand: u64) {
        self.shown.uncommitted.set((self.books().hashes + in_hand) as i64);
    }

    /// Seconds since the worker began.
    pub fn age(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    pub fn accepted(&self) -> u64 {
        self.books().accepted
    }

    pub fn failed(&self, service: &'static str, cause: &'static str) {
        self.shown.failures.get_or_create(&Cause { service, cause }).inc();
        self.books().failures += 1;
    }

    /// Says what the worker waits for, or that it does not wait for this service any more.
    pub fn trouble(&self, service: &'static str, trouble: Option<String>) {
        let mut books = self.books();
        books.troubles.retain(|(name, _)| *name != service);
        books.troubles.extend(trouble.map(|text| (service, text)));
    }

    pub fn set_ledger_away(&self, away: bool) {
        self.ledger_is_away.store(away, Ordering::Relaxed);
    }

    /// Whether the ledger takes batches.
    pub fn ledger_state(&self) -> Result<(), String> {
        if self.ledger_is_away.load(Ordering::Relaxed) { Err("Redis does not answer".to_owned()) } else { Ok(()) }
    }

    /// What there is to tell since the last call.
    pub fn news(&self) -> News {
        let mut books = self.books();
        News {
            accepted: books.accepted,
            last_hash: books.last_hash.as_secs_f64(),
            failures: books.failures,
            rng: std::mem::take(&mut books.rng).mean(),
            hasher: std::mem::take(&mut books.hasher).mean(),
            loop_times: books
                .loop_times
                .iter_recorded()
                .map(|step| (books.loop_times.median_equivalent(step.value_iterated_to()), step.count_at_value()))
                .collect(),
            trouble: books.troubles.first().map(|(service, text)| format!("waits for {service}: {text}")),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sum {
    fn add(&mut self, time: Duration) {
        self.count += 1;
        self.time += time;
    }

    fn mean(self) -> Mean {
        let ms = if self.count == 0 { 0.0 } else { self.time.as_secs_f64() * 1e3 / self.count as f64 };
        Mean { count: self.count, ms }
    }
}
