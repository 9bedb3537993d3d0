//! What a worker does while a service fails, and how it notices that the service is back.
//!
//! Each loop backs off exponentially with full jitter, up to [`LONGEST`]. Beside the loops one scout for each failing
//! service asks it the same question about twice a second, and its first good answer wakes all loops: so a service that
//! fails is asked little, and one that recovers is used at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::failure::Failure;

/// The first pause, before jitter.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);

/// Bounds of a scout's pause, in milliseconds.
const SCOUT_PAUSE: std::ops::Range<u64> = 300..600;

/// How one service is doing, as seen by all loops of a worker.
#[derive(Debug)]
pub struct Recovery {
    service: &'static str,
    account: Arc<Account>,
    /// True while the service fails: the only thing that a good answer has to look at.
    failing: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
    recovered: Notify,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    tries: u64,
    /// The causes that have been logged.
    told: Vec<&'static str>,
}

/// A question that a scout can ask again and again.
pub trait Question: Send + 'static {
    /// Asks it once; `Ok` when the answer was good.
    fn ask(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl Recovery {
    pub fn new(service: &'static str, account: Arc<Account>) -> Self {
        let failing = AtomicBool::new(false);
        Self { service, account, failing, trouble: Mutex::new(None), recovered: Notify::new() }
    }

    /// Tells of a good answer.
    pub fn succeeded(&self) {
        if !self.failing.load(Ordering::Relaxed) {
            return;
        }
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(trouble) = trouble {
            self.failing.store(false, Ordering::Relaxed);
            self.account.trouble(self.service, None);
            let seconds = trouble.since.elapsed().as_secs_f64();
            tracing::info!(service = self.service, tries = trouble.tries, seconds, "it answers again");
            self.recovered.notify_waiters();
        }
    }

    /// Tells of a failure, sends a scout if none is out, and waits until it is time to try again.
    pub async fn failed<Q: Question>(
        self: &Arc<Self>,
        failure: &Failure,
        tries: u32,
        scout: impl FnOnce() -> Q,
        stop: &CancellationToken,
    ) {
        let recovered = self.recovered.notified();
        if self.note(failure) {
            tokio::spawn(self.clone().watch(scout(), stop.clone()));
        }
        tokio::select! {
            () = tokio::time::sleep(pause(tries)) => {}
            () = recovered => {}
            () = stop.cancelled() => {}
        }
    }

    /// Takes down a failure; true when it is the first since the service was well.
    fn note(&self, failure: &Failure) -> bool {
        let cause = failure.cause();
        self.account.failed(self.service, cause);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let first = trouble.is_none();
        let trouble = trouble.get_or_insert_with(|| Trouble { since: Instant::now(), tries: 0, told: Vec::new() });
        self.failing.store(true, Ordering::Relaxed);
        trouble.tries += 1;
        if !trouble.told.contains(&cause) {
            trouble.told.push(cause);
            tracing::warn!(service = self.service, cause, %failure, "it fails; trying again until it answers");
            self.account.trouble(self.service, Some(failure.to_string()));
        }
        first
    }

    async fn watch(self: Arc<Self>, mut question: impl Question, stop: CancellationToken) {
        loop {
            let pause = Duration::from_millis(rand::rng().random_range(SCOUT_PAUSE));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
            if !self.failing.load(Ordering::Relaxed) {
                return;
            }
            let answer = tokio::select! {
                answer = question.ask() => answer,
                () = stop.cancelled() => return,
            };
            match answer {
                Ok(()) => return self.succeeded(),
                Err(failure) => {
                    self.note(&failure);
                }
            }
        }
    }
}

/// A random pause between zero and the exponential bound ("full jitter").
fn pause(tries: u32) -> Duration {
    let bound = FIRST.saturating_mul(1 << tries.min(20)).min(LONGEST);
    bound.mul_f64(rand::rng().random_range(0.0..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_ten_seconds() {
        let longest = |tries| (0..2000).map(|_| pause(tries)).max().unwrap_or_default();
        assert!(longest(0) < FIRST);
        assert!(longest(3) > FIRST && longest(3) < 8 * FIRST);
        assert!(longest(7) > LONGEST / 2);
        assert!(longest(u32::MAX) <= LONGEST);
    }
}
