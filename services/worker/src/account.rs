//! What a worker has done: hashes and coins to be committed, times and failures to be told.

use std::collections::BTreeMap;
use std::mem;
use std::time::{Duration, Instant};

use kit::host;
use kit::metrics::Metrics;
use ledger::{Announcement, Batch, Coin, Mean};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram as Buckets;
use prometheus_client::registry::Unit;
use tokio::sync::watch;

use crate::Outcome;

/// How many coins are kept while the ledger takes none. Beyond that the worker pauses, so that it neither loses a coin nor
/// grows without bound: with the usual delays that is a day, at full speed some seconds.
pub const MOST_COINS: usize = 20_000;

/// Bounds of the histogram of loops' times, in seconds: 1, 2 and 5 of every decade from 50 µs to 20 s.
const TIMES: [f64; 18] =
    [50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0];

/// Times of loops are told in so many binary digits: to 0.1 %.
const DIGITS: u32 = 10;

/// The books of one worker, shared by its loops.
#[derive(Debug)]
pub struct Account {
    /// The name under which the worker announces itself and commits batches.
    pub id: String,
    began: Instant,
    most_coins: usize,
    books: Mutex<Books>,
    /// How many coins the next batch has already.
    kept: watch::Sender<usize>,
    coins: Counter,
    failures: Family<[(&'static str, &'static str); 2], Counter>,
    loop_times: Buckets,
    uncommitted: Gauge,
}

#[derive(Debug)]
struct Books {
    /// What the next announcement tells, but for the times of loops.
    told: Announcement,
    /// How many loops took so many microseconds, since the beginning.
    loop_times: BTreeMap<u64, u64>,
    /// Hashes and coins that have not been taken yet.
    batch: Batch,
    /// Why the ledger takes nothing; empty while it does.
    ledger: Option<String>,
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
    /// Empty books of a worker with so many loops, and room for so many coins that are not committed.
    pub fn new(loops: u32, most_coins: usize, metrics: &Metrics) -> Self {
        let host = host::name();
        let id = format!("{host}-{:08x}", rand::random::<u32>());
        let told = Announcement { id: id.clone(), host, started: ledger::now(), loops, ..Announcement::default() };
        let ledger = Some("Redis has not answered yet".to_owned());
        let (loop_times, batch) = (BTreeMap::new(), Batch { number: 1, ..Batch::default() });
        let times = Buckets::new(TIMES);
        metrics.register(|all| all.register_with_unit("loop", "Time of a loop", Unit::Seconds, times.clone()));
        Self {
            id,
            began: Instant::now(),
            most_coins,
            books: Mutex::new(Books { told, loop_times, batch, ledger }),
            kept: watch::Sender::default(),
            coins: metrics.add("coins", "Hashes that were coins"),
            failures: metrics.add("failures", "Requests that failed, by service and cause"),
            loop_times: times,
            uncommitted: metrics.add("uncommitted_hashes", "Hashes that the ledger has not taken yet"),
        }
    }

    /// Accepts the hash of a loop: from now on it will be counted. A loop that failed has none, and its time is not told.
    pub fn accept(&self, hash: Option<Hash>) {
        let Books { told, loop_times, batch, .. } = &mut *self.books.lock();
        let Some(hash) = hash else {
            told.failures += 1;
            return;
        };
        self.loop_times.observe(hash.whole.as_secs_f64());
        self.uncommitted.inc();
        told.hashes += 1;
        told.last_hash = self.began.elapsed().as_secs_f64();
        told.rng = told.rng.and(Mean::of(hash.rng));
        told.hasher = told.hasher.and(Mean::of(hash.hasher));
        *loop_times.entry(rounded(hash.whole.as_micros() as u64)).or_default() += 1;
        batch.hashes += 1;
        if let Some(coin) = hash.coin {
            self.coins.inc();
            batch.coins.push(coin);
            self.kept.send_replace(batch.coins.len());
            if batch.coins.len() == self.most_coins {
                tracing::warn!(coins = self.most_coins, "mining pauses until the coins found are committed");
            }
        }
    }

    /// Waits while too many coins are not committed.
    pub async fn has_room(&self) {
        let _ = self.kept.subscribe().wait_for(|kept| *kept < self.most_coins).await;
    }

    /// Takes what no batch holds yet as the next one, if there is anything.
    pub fn take(&self) -> Option<Batch> {
        let batch = &mut self.books.lock().batch;
        let next = Batch { number: batch.number + 1, ..Batch::default() };
        self.kept.send_replace(0);
        (batch.hashes > 0).then(|| mem::replace(batch, next))
    }

    /// The ledger has taken so many hashes.
    pub fn committed(&self, hashes: u64) {
        self.uncommitted.dec_by(hashes as i64);
    }

    /// What has been done up to now.
    pub fn outcome(&self) -> Outcome {
        let accepted = self.books.lock().told.hashes;
        Outcome { accepted, committed: accepted - self.uncommitted.get() as u64 }
    }

    /// Notes a request that failed, of a loop or of a prober.
    pub fn failed(&self, service: &'static str, cause: &'static str) {
        self.failures.get_or_create(&[("service", service), ("cause", cause)]).inc();
    }

    /// Notes that the ledger answers, or else why not.
    pub fn set_ledger(&self, problem: Option<String>) {
        self.books.lock().ledger = problem;
    }

    /// Ready while the ledger answers.
    pub fn ready(&self) -> Result<(), String> {
        self.books.lock().ledger.clone().map_or(Ok(()), Err)
    }

    /// What there is to tell; begins new means.
    pub fn report(&self, state: String) -> Announcement {
        let Books { told, loop_times, .. } = &mut *self.books.lock();
        let loop_times = loop_times.iter().map(|(time, count)| (*time, *count)).collect();
        let report = Announcement { now: ledger::now(), state, loop_times, ..told.clone() };
        (told.rng, told.hasher) = Default::default();
        report
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
