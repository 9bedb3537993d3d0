//! The task that asks the ledger once a second, and what it has seen.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use kit::metrics::Metrics;
use ledger::{Error, Ledger, Totals, Workers};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior};

use crate::history::{self, History, Sample};
use crate::meter::{Meter, Reading};
use crate::milliseconds;

/// How often the ledger is asked.
const PERIOD: Duration = Duration::from_secs(1);

/// What the task has seen, for the routes.
#[derive(Debug)]
pub struct Watch {
    pub ledger: Ledger,
    /// The time of day when the program began, and a clock that is never set: a graph over time must not jump.
    began: (f64, Instant),
    up: Gauge,
    failures: Counter,
    workers: Gauge,
    speed: Gauge<f64, AtomicU64>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    ledger: Health,
    /// The last that the ledger told; absent before it told anything.
    totals: Option<Totals>,
    reading: Reading,
    /// Which announcements cannot be read, and why; absent while all can.
    workers_problem: Option<String>,
    history: History,
    meter: Meter,
}

/// Whether the ledger answers.
#[derive(Debug, Clone, Default, Serialize)]
struct Health {
    /// `redis` or `memory`.
    kind: &'static str,
    ok: bool,
    /// When this began.
    since: f64,
    reason: Option<String>,
}

impl Watch {
    pub fn new(ledger: Ledger, metrics: &Metrics) -> Arc<Self> {
        let began = (ledger::now(), Instant::now());
        let health = Health { kind: ledger.kind(), since: milliseconds(began.0), ..Health::default() };
        let seen = Mutex::new(Seen { ledger: health, ..Seen::default() });
        let up = metrics.add("ledger_up", "1 while the ledger answers");
        let failures = metrics.add("ledger_failures", "Times that the ledger did not answer");
        let workers = metrics.add("workers", "Workers that have announced themselves");
        let speed = metrics.add("hashes_per_second", "The speed that the page shows");
        Arc::new(Self { ledger, began, up, failures, workers, speed, seen })
    }

    /// Asks once a second, for ever.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(PERIOD);
        // After a slow answer the next question waits a whole period: a Redis in trouble is not asked faster.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let answer = async { Ok((self.ledger.totals().await?, self.ledger.workers().await?)) };
            self.note(answer.await);
        }
    }

    /// Ready while the ledger answers.
    pub fn ready(&self) -> Result<(), String> {
        match &self.seen.lock().ledger {
            Health { ok: true, .. } => Ok(()),
            Health { kind, reason: Some(reason), .. } => Err(format!("{kind} is away: {reason}")),
            Health { kind, .. } => Err(format!("{kind} has not answered yet")),
        }
    }

    /// `/api/state`: all that the page shows, with the samples after a number. Times are seconds since 1970.
    pub fn state(&self, after: u64) -> Value {
        let seen = self.seen.lock();
        json!({
            "now": milliseconds(self.now()),
            "ledger": seen.ledger,
            "totals": seen.totals,
            "speed": seen.reading.speed,
            "latency": seen.reading.latency,
            // Those of the last good answer.
            "workers": seen.reading.workers,
            "workers_problem": seen.workers_problem,
            "history": {"seconds": history::KEPT, "samples": seen.history.after(after)},
        })
    }

    fn note(&self, answer: Result<(Totals, Workers), Error>) {
        let now = self.now();
        let mut seen = self.seen.lock();
        let Seen { ledger, totals, reading, workers_problem, history, meter } = &mut *seen;
        match answer {
            Ok((counted, workers)) => {
                *totals = Some(counted);
                *reading = meter.read(now, counted.hashes, &workers.known);
                let problem = (!workers.unreadable.is_empty()).then(|| workers.unreadable.join("; "));
                if problem.is_some() && workers_problem.is_none() {
                    tracing::warn!(reason = problem, "announcements of workers cannot be read");
                }
                *workers_problem = problem;
                turn(ledger, now, None);
            }
            Err(error) => {
                self.failures.inc();
                meter.interrupt(now);
                (reading.speed, reading.latency) = Default::default();
                turn(ledger, now, Some(error.to_string()));
            }
        }
        let workers = ledger.ok.then_some(reading.workers.len());
        let (speed, latency) = (reading.speed.hashes_per_second, reading.latency);
        self.up.set(i64::from(ledger.ok));
        self.workers.set(workers.unwrap_or_default() as i64);
        self.speed.set(speed.unwrap_or_default());
        history.push(Sample(0, milliseconds(now), speed, workers, latency.rng_ms, latency.hasher_ms));
    }

    fn now(&self) -> f64 {
        self.began.0 + self.began.1.elapsed().as_secs_f64()
    }
}

/// Notes whether the ledger answers, with one line when it goes and one when it is back. The reason may change on the way
/// (refused, loading): the page shows the latest.
fn turn(health: &mut Health, now: f64, reason: Option<String>) {
    let Health { kind, ok, since, reason: before } = health;
    match &reason {
        Some(reason) if *ok || before.is_none() => {
            tracing::warn!(%reason, "{kind} is away; asking once a second until it is back");
        }
        None if before.is_some() => tracing::info!(seconds = milliseconds(now - *since), "{kind} is back"),
        _ => {}
    }
    if *ok != reason.is_none() {
        (*ok, *since) = (reason.is_none(), milliseconds(now));
    }
    *before = reason;
}
