//! How a service is doing, as seen by all loops of a worker.
//!
//! A trouble begins with the first failure and ends when nothing has failed for [`CALM`]: one bad replica among several,
//! whose failures come between good answers, is one trouble, with one log line a cause.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::account::Account;
use crate::failure::Failure;

/// How long nothing may fail before a trouble is over.
const CALM: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Health {
    service: &'static str,
    account: Arc<Account>,
    trouble: Mutex<Option<Trouble>>,
    /// Wakes the prober when a request has failed.
    pub failed: Notify,
    /// Wakes the loops at the next good answer.
    pub recovered: Notify,
}

#[derive(Debug)]
struct Trouble {
    last: Instant,
    failures: u64,
    /// The causes that have been logged.
    told: Vec<&'static str>,
    /// The last failure, until a good answer comes.
    down: Option<String>,
}

impl Health {
    pub fn new(service: &'static str, account: &Arc<Account>) -> Self {
        let (failed, recovered) = (Notify::new(), Notify::new());
        Self { service, account: account.clone(), trouble: Mutex::default(), failed, recovered }
    }

    /// Takes note of a request's outcome.
    pub fn note<T>(&self, outcome: &Result<T, Failure>) {
        let mut state = self.trouble.lock();
        match outcome {
            Ok(_) => {
                let Some(trouble) = &mut *state else { return };
                if trouble.down.take().is_some() {
                    self.recovered.notify_waiters();
                }
                if trouble.last.elapsed() >= CALM {
                    tracing::info!(service = self.service, failures = trouble.failures, "it answers again");
                    *state = None;
                }
            }
            Err(failure) => {
                let (now, cause) = (Instant::now(), failure.into());
                self.account.failed(self.service, cause);
                let trouble = state.get_or_insert_with(|| Trouble { last: now, failures: 0, told: vec![], down: None });
                trouble.last = now;
                trouble.failures += 1;
                trouble.down = Some(failure.to_string());
                if !trouble.told.contains(&cause) {
                    trouble.told.push(cause);
                    tracing::warn!(service = self.service, cause, %failure, "it fails; trying again until it answers");
                }
                self.failed.notify_one();
            }
        }
    }

    /// What the worker waits for, while the service gives no good answers.
    pub fn trouble(&self) -> Option<String> {
        let state = self.trouble.lock();
        let failure = state.as_ref()?.down.as_ref()?;
        Some(format!("waits for {}: {failure}", self.service))
    }
}
