//! How a service is doing, as seen by all loops of a worker.
//!
//! A trouble begins with the first failure and ends when nothing has failed for [`CALM`]: one bad replica among several,
//! whose failures come between good answers, is one trouble, with one log line a cause.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::failure::Failure;

/// How long nothing may fail before a trouble is over.
const CALM: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct Health {
    /// True in a trouble: the only thing that a good answer has to look at.
    troubled: AtomicBool,
    state: Mutex<State>,
    recovered: Notify,
}

#[derive(Debug, Default)]
struct State {
    trouble: Option<Trouble>,
    /// The last failure, until a good answer comes.
    down: Option<String>,
    /// Whether a prober is on its way.
    probed: bool,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    last: Instant,
    failures: u64,
    /// The causes that have been logged.
    told: Vec<&'static str>,
}

impl Health {
    /// Tells of a good answer.
    pub fn succeeded(&self, service: &'static str) {
        if !self.troubled.load(Ordering::Relaxed) {
            return;
        }
        self.state(|state| {
            if state.down.take().is_some() {
                self.recovered.notify_waiters();
            }
            if let Some(trouble) = state.trouble.take_if(|trouble| trouble.last.elapsed() >= CALM) {
                self.troubled.store(false, Ordering::Relaxed);
                let seconds = (trouble.last - trouble.since).as_secs_f64();
                tracing::info!(service, failures = trouble.failures, seconds, "it answers again");
            }
        });
    }

    /// Tells of a failure.
    pub fn failed(&self, service: &'static str, failure: &Failure) {
        let (now, cause) = (Instant::now(), failure.cause());
        self.state(|state| {
            self.troubled.store(true, Ordering::Relaxed);
            state.down = Some(failure.to_string());
            let begun = || Trouble { since: now, last: now, failures: 0, told: Vec::new() };
            let trouble = state.trouble.get_or_insert_with(begun);
            trouble.last = now;
            trouble.failures += 1;
            if !trouble.told.contains(&cause) {
                trouble.told.push(cause);
                tracing::warn!(service, cause, %failure, "it fails; trying again until it answers");
            }
        });
    }

    /// Why the service gives no good answers; `None` while it does.
    pub fn down(&self) -> Option<String> {
        self.state(|state| state.down.clone())
    }

    /// Whether a prober has to be sent: the service is down, and none is on its way.
    pub fn wants_prober(&self) -> bool {
        self.state(|state| state.down.is_some() && !std::mem::replace(&mut state.probed, true))
    }

    /// Whether the prober has to go on; it ends otherwise.
    pub fn keeps_prober(&self) -> bool {
        self.state(|state| {
            state.probed = state.down.is_some();
            state.probed
        })
    }

    /// The next good answer after a failure.
    pub fn recovered(&self) -> Notified<'_> {
        self.recovered.notified()
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
