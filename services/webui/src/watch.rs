//! The task that asks the ledger once a second, and what it has seen.

use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kit::metrics::Metrics;
use ledger::{Announcement, Error, Ledger, Totals};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::history::{self, History, Sample};
use crate::json::{self, Counted, Health, Latency, Speed, Worker, milliseconds};
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
    health: Health,
    totals: Option<Counted>,
    speed: Speed,
    latency: Latency,
    workers: Vec<Worker>,
    workers_problem: Option<String>,
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

/// What the ledger answered.
struct Answer {
    totals: Totals,
    workers: Result<Vec<Announcement>, String>,
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
        let health = Health { kind, ok: false, since: milliseconds(clock.began), reason: None };
        Arc::new(Self {
            clock,
            gauges,
            seen: Mutex::new(Seen {
                health,
                totals: None,
                speed: Speed::default(),
                latency: Latency::default(),
                workers: Vec::new(),
                workers_problem: None,
                history: History::default(),
                meter: Meter::default(),
            }),
        })
    }

    /// Asks once a second until `stop` is cancelled.
    pub async fn run(self: Arc<Self>, ledger: Ledger, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(PERIOD);
        // After a slow answer the next question waits a whole period: a Redis in trouble is not asked faster.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let watching = async {
            loop {
                ticks.tick().await;
                let answer = bounded(ask(&ledger)).await;
                self.note(answer);
            }
        };
        tokio::select! { () = watching => {} () = stop.cancelled() => {} }
    }

    /// Ready while the ledger answers.
    pub fn ready(&self) -> Result<(), String> {
        let seen = self.seen();
        match &seen.health {
            Health { ok: true, .. } => Ok(()),
            Health { kind, reason, .. } => Err(match reason {
                Some(reason) => format!("{kind} is away: {reason}"),
                None => format!("{kind} has not answered yet"),
            }),
        }
    }

    /// All that the page shows, with the samples after a number.
    pub fn state(&self, after: u64) -> json::State {
        let seen = self.seen();
        json::State {
            now: milliseconds(self.clock.now()),
            ledger: seen.health.clone(),
            totals: seen.totals,
            speed: seen.speed,
            latency: seen.latency,
            workers: seen.workers.clone(),
            workers_problem: seen.workers_problem.clone(),
            history: json::History { seconds: history::KEPT, samples: seen.history.after(after) },
        }
    }

    fn note(&self, answer: Result<Answer, String>) {
        let now = self.clock.now();
        let mut seen = self.seen();
        match answer {
            Ok(answer) => self.here(&mut seen, now, answer),
            Err(reason) => self.away(&mut seen, now, reason),
        }
        let Seen { speed, latency, .. } = &*seen;
        let workers = seen.health.ok.then_some(seen.workers.len());
        let sample = Sample(0, milliseconds(now), speed.hashes_per_second, workers, latency.rng_ms, latency.hasher_ms);
        self.gauges.up.set(i64::from(seen.health.ok));
        self.gauges.workers.set(workers.unwrap_or_default() as i64);
        self.gauges.speed.set(speed.hashes_per_second.unwrap_or_default());
        seen.history.push(sample);
    }

    fn here(&self, seen: &mut Seen, now: f64, answer: Answer) {
        let Health { kind, ok, since, ref reason } = seen.health;
        if !ok {
            if reason.is_some() {
                tracing::info!(seconds = milliseconds(now - since), "{kind} is back");
            }
            seen.health = Health { kind, ok: true, since: milliseconds(now), reason: None };
        }
        let (workers, problem) = match answer.workers {
            Ok(workers) => (workers, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        if problem.is_some() && seen.workers_problem.is_none() {
            tracing::warn!(reason = problem, "the workers' announcements cannot be read");
        }
        let reading = seen.meter.read(now, answer.totals.hashes, &workers);
        seen.totals = Some(Counted { hashes: answer.totals.hashes, coins: answer.totals.coins });
        seen.speed = reading.speed;
        seen.latency = reading.latency;
        seen.workers = reading.workers;
        seen.workers_problem = problem;
    }

    fn away(&self, seen: &mut Seen, now: f64, reason: String) {
        self.gauges.failures.inc();
        let Health { kind, ok, since, reason: ref before } = seen.health;
        // One line an outage; its reason may change on the way (refused, loading), and the page shows the latest.
        if ok || before.is_none() {
            tracing::warn!(%reason, "{kind} is away; asking once a second until it is back");
        }
        seen.health =
            Health { kind, ok: false, since: if ok { milliseconds(now) } else { since }, reason: Some(reason) };
        seen.speed = Speed::default();
        seen.latency = Latency::default();
        seen.meter.interrupt();
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the ledger, but not for ever; the error is for people.
pub async fn bounded<T>(question: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn ask(ledger: &Ledger) -> Result<Answer, Error> {
    let totals = ledger.totals().await?;
    let workers = match ledger.workers().await {
        Ok(workers) => Ok(workers),
        // One announcement that nobody can read must not hide the totals.
        Err(error @ Error::Announcement { .. }) => Err(error.to_string()),
        Err(error) => return Err(error),
    };
    Ok(Answer { totals, workers })
}
