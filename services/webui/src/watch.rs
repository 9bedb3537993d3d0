//! The task that asks the ledger once a second, and what it has seen.

use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kit::metrics::Metrics;
use ledger::{Error, Ledger, Totals, Workers};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::{Instant, MissedTickBehavior};

use crate::history::{self, History, Sample};
use crate::json::{self, Health, Latency, Speed, milliseconds};
use crate::meter::Meter;

/// How often the ledger is asked.
const PERIOD: Duration = Duration::from_secs(1);

/// How long the ledger has for an answer before it counts as away.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the task has seen, for the routes.
#[derive(Debug)]
pub struct Watch {
    clock: Clock,
    gauges: Gauges,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// What the page shows, but for the time and the samples.
    state: json::State,
    history: History,
    meter: Meter,
}

/// The time of day when the program began, and a clock that is never set: a graph over time must not jump.
#[derive(Debug, Clone, Copy)]
struct Clock {
    began: f64,
    at: Instant,
}

impl Clock {
    fn now(self) -> f64 {
        self.began + self.at.elapsed().as_secs_f64()
    }
}

#[derive(Debug, Default)]
struct Gauges {
    up: Gauge,
    failures: Counter,
    workers: Gauge,
    speed: Gauge<f64, AtomicU64>,
}

impl Watch {
    pub fn new(kind: &'static str, metrics: &Metrics) -> Arc<Self> {
        let gauges = Gauges::default();
        metrics.register(|registry| {
            registry.register("ledger_up", "1 while the ledger answers", gauges.up.clone());
            registry.register("ledger_failures", "Times that the ledger did not answer", gauges.failures.clone());
            registry.register("workers", "Workers that have announced themselves", gauges.workers.clone());
            registry.register("hashes_per_second", "The speed that the page shows", gauges.speed.clone());
        });
        let clock = Clock { began: ledger::now(), at: Instant::now() };
        let state = json::State {
            now: clock.began,
            ledger: Health { kind, ok: false, since: milliseconds(clock.began), reason: None },
            totals: None,
            speed: Speed::default(),
            latency: Latency::default(),
            workers: Vec::new(),
            workers_problem: None,
            history: json::History { seconds: history::KEPT, samples: Vec::new() },
        };
        let seen = Seen { state, history: History::default(), meter: Meter::default() };
        Arc::new(Self { clock, gauges, seen: Mutex::new(seen) })
    }

    /// Asks once a second, for ever.
    pub async fn run(self: Arc<Self>, ledger: Ledger) {
        let mut ticks = tokio::time::interval(PERIOD);
        // After a slow answer the next question waits a whole period: a Redis in trouble is not asked faster.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.note(bounded(ask(&ledger)).await);
        }
    }

    /// Ready while the ledger answers.
    pub fn ready(&self) -> Result<(), String> {
        match &self.seen().state.ledger {
            Health { ok: true, .. } => Ok(()),
            Health { kind, reason: Some(reason), .. } => Err(format!("{kind} is away: {reason}")),
            Health { kind, .. } => Err(format!("{kind} has not answered yet")),
        }
    }

    /// All that the page shows, with the samples after a number.
    pub fn state(&self, after: u64) -> json::State {
        let seen = self.seen();
        let mut state = seen.state.clone();
        state.now = milliseconds(self.clock.now());
        state.history.samples = seen.history.after(after);
        state
    }

    fn note(&self, answer: Result<(Totals, Workers), String>) {
        let now = self.clock.now();
        let Seen { state, history, meter } = &mut *self.seen();
        match answer {
            Ok((totals, workers)) => {
                let reading = meter.read(now, totals.hashes, &workers.known);
                state.totals = Some(totals);
                (state.speed, state.latency, state.workers) = (reading.speed, reading.latency, reading.workers);
                let problem = (!workers.unreadable.is_empty()).then(|| workers.unreadable.join("; "));
                if problem.is_some() && state.workers_problem.is_none() {
                    tracing::warn!(reason = problem, "announcements of workers cannot be read");
                }
                state.workers_problem = problem;
                turn(&mut state.ledger, now, None);
            }
            Err(reason) => {
                self.gauges.failures.inc();
                meter.interrupt();
                (state.speed, state.latency) = Default::default();
                turn(&mut state.ledger, now, Some(reason));
            }
        }
        let workers = state.ledger.ok.then_some(state.workers.len());
        let (speed, latency) = (state.speed.hashes_per_second, state.latency);
        self.gauges.up.set(i64::from(state.ledger.ok));
        self.gauges.workers.set(workers.unwrap_or_default() as i64);
        self.gauges.speed.set(speed.unwrap_or_default());
        history.push(Sample(0, milliseconds(now), speed, workers, latency.rng_ms, latency.hasher_ms));
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Waits for the ledger, but not for ever; the error is for people.
pub async fn bounded<T>(question: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn ask(ledger: &Ledger) -> Result<(Totals, Workers), Error> {
    Ok((ledger.totals().await?, ledger.workers().await?))
}
