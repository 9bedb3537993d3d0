//! How a service is doing, as seen by all loops of a worker.
//!
//! A trouble begins with the first failure and ends when nothing has failed for [`CALM`]: one bad replica among several,
//! whose failures come between good answers, is one trouble, with one log line a cause.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::account::Account;
use crate::failure::Failure;

/// How long nothing may fail before a trouble is over.
const CALM: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Health {
    service: &'static str,
    account: Arc<Account>,
    /// True in a trouble: the only thing that a good answer has to look at.
    troubled: AtomicBool,
    state: Mutex<State>,
    /// Tells the prober of a failure, and the loops of the next good answer.
    failed: Notify,
    recovered: Notify,
}

#[derive(Debug, Default)]
struct State {
    trouble: Option<Trouble>,
    /// The last failure, until a good answer comes.
    down: Option<String>,
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
    pub fn new(service: &'static str, account: &Arc<Account>) -> Self {
        let (troubled, state) = (AtomicBool::new(false), Mutex::default());
        Self { service, account: account.clone(), troubled, state, failed: Notify::new(), recovered: Notify::new() }
    }

    /// Takes note of a request's outcome.
    pub fn note<T>(&self, outcome: &Result<T, Failure>) {
        match outcome {
            Err(failure) => self.failed(failure),
            Ok(_) if self.troubled.load(Ordering::Relaxed) => self.succeeded(),
            Ok(_) => {}
        }
    }

    fn succeeded(&self) {
        self.state(|state| {
            if state.down.take().is_some() {
                self.recovered.notify_waiters();
            }
            if let Some(trouble) = state.trouble.take_if(|trouble| trouble.last.elapsed() >= CALM) {
                self.troubled.store(false, Ordering::Relaxed);
                let seconds = (trouble.last - trouble.since).as_secs_f64();
                tracing::info!(service = self.service, failures = trouble.failures, seconds, "it answers again");
            }
        });
    }

    fn failed(&self, failure: &Failure) {
        let (now, cause) = (Instant::now(), failure.cause());
        self.account.failed(self.service, cause);
        self.state(|state| {
            self.troubled.store(true, Ordering::Relaxed);
            state.down = Some(failure.to_string());
            let begun = || Trouble { since: now, last: now, failures: 0, told: Vec::new() };
            let trouble = state.trouble.get_or_insert_with(begun);
            trouble.last = now;
            trouble.failures += 1;
            if !trouble.told.contains(&cause) {
                trouble.told.push(cause);
                tracing::warn!(service = self.service, cause, %failure, "it fails; trying again until it answers");
            }
        });
        self.failed.notify_one();
    }

    /// What the worker waits for, while the service gives no good answers.
    pub fn trouble(&self) -> Option<String> {
        self.state(|state| state.down.as_ref().map(|failure| format!("waits for {}: {failure}", self.service)))
    }

    /// A failure since the last call.
    pub fn fails(&self) -> Notified<'_> {
        self.failed.notified()
    }

    /// The next good answer after a failure.
    pub fn recovered(&self) -> Notified<'_> {
        self.recovered.notified()
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
