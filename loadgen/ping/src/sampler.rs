//! Probes in the background at random moments, for watching a system under load.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::{JoinHandle, JoinSet};

use crate::alarm::Alarm;
use crate::failure::{Failure, Kind};
use crate::probe::Probe;
use crate::schedule::{Gaps, Schedule};
use crate::target::BadSetting;
use crate::timing::Timing;

/// An hour in microseconds: the most that a histogram holds; longer times are recorded as this.
const HIGHEST_US: u64 = 3_600_000_000;

/// How often a window that closes looks whether its probes have finished.
const CLOSING_STEP: Duration = Duration::from_millis(5);

/// How a [`Sampler`] probes.
#[derive(Debug, Clone)]
pub struct Sampling {
    /// Mean number of probes a second.
    pub rate: f64,
    /// How the gaps between them are drawn.
    pub gaps: Gaps,
    /// The most probes that may be under way at once; those due beyond wait, and their time runs.
    pub outstanding: usize,
    /// A seed for the gaps, where the same moments are wanted again.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    /// 20 probes a second with exponential gaps, 64 at once.
    fn default() -> Self {
        Self { rate: 20.0, gaps: Gaps::Exponential, outstanding: 64, seed: None }
    }
}

/// An open-loop prober: each probe has a due time that does not depend on how the others fare, its own connection, and
/// a time that counts from when it was due.
///
/// It runs as a task of the tokio runtime on which it was started, costs one timer and one task a probe, and ends when
/// it is stopped or dropped. A probe that was due before [`reset`](Self::reset) belongs to no window, even where it
/// ends within one.
pub struct Sampler {
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

/// What the probes saw from the last [`reset`](Sampler::reset) on. `due` is always `ok + failed + unfinished`.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// From the reset (or the start) until now.
    pub elapsed: Duration,
    /// Probes that fell due.
    pub due: u64,
    /// Probes that were answered with a status under 400.
    pub ok: u64,
    /// Probes that failed, by kind.
    pub failures: BTreeMap<Kind, u64>,
    /// Probes that are under way or still wait to be sent.
    pub unfinished: u64,
    /// Time since due, in µs: of those that are ok, and the age so far of those unfinished. Failures are not in it.
    pub response: Histogram<u64>,
    /// Time since sent, in µs, of those that are ok.
    pub service: Histogram<u64>,
    /// From due to sent, in µs, of those sent: how late the sampler itself was.
    pub slip: Histogram<u64>,
    /// The response time of the probe that was ok last.
    pub last: Option<Duration>,
    /// The last failure.
    pub last_failure: Option<Failure>,
}

impl Snapshot {
    /// Probes that failed, of all kinds.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

struct State {
    schedule: Schedule,
    limit: usize,
    running: usize,
    next_id: u64,
    /// Due and not sent yet.
    waiting: VecDeque<Instant>,
    /// Sent and not answered yet: when each was due. A reset forgets them, and their answers then count for nothing.
    sent: HashMap<u64, Instant>,
    since: Instant,
    /// True from the closing of a window until the next one: what falls due then is not sent.
    closed: bool,
    seen: Snapshot,
}

impl Sampler {
    /// Starts probing. Must be called on a tokio runtime with its I/O and time drivers.
    pub fn start(probe: Probe, sampling: Sampling) -> Result<Self, BadSetting> {
        if sampling.outstanding == 0 {
            return Err(BadSetting("a sampler must be allowed at least one probe at a time".to_owned()));
        }
        let alarm = Alarm::new().map_err(|error| BadSetting(format!("the probes' timer cannot be made: {error}")))?;
        let now = Instant::now();
        let state = Arc::new(Mutex::new(State {
            schedule: Schedule::new(sampling.rate, sampling.gaps, sampling.seed, now)?,
            limit: sampling.outstanding,
            running: 0,
            next_id: 0,
            waiting: VecDeque::new(),
            sent: HashMap::new(),
            since: now,
            closed: false,
            seen: nothing(),
        }));
        let task = tokio::spawn(run(probe, Arc::clone(&state), alarm));
        Ok(Self { state, task })
    }

    /// Begins a new window: forgets everything that was due until now.
    pub fn reset(&self) {
        lock(&self.state).reset(Instant::now());
    }

    /// What the window saw so far. Unfinished probes are recorded with their age; the window goes on.
    pub fn snapshot(&self) -> Snapshot {
        lock(&self.state).snapshot(Instant::now())
    }

    /// Closes the window: no more probes fall due, and those that did may finish for at most `patience`. The next
    /// [`reset`](Self::reset) opens a new window.
    ///
    /// Unlike [`snapshot`](Self::snapshot) this gives the whole time of the probes that were under way, where it is over
    /// within the bound: with a wait of 0.75 s and a window of 5 s, ages would make one probe in seven look short.
    pub async fn close_window(&self, patience: Duration) -> Snapshot {
        let end = Instant::now();
        let elapsed = lock(&self.state).close(end);
        loop {
            let seen = self.snapshot();
            if seen.unfinished == 0 || end.elapsed() >= patience {
                return Snapshot { elapsed, ..seen };
            }
            tokio::time::sleep(CLOSING_STEP).await;
        }
    }

    /// Ends all probes and returns what the window saw.
    pub async fn stop(mut self) -> Snapshot {
        let seen = self.snapshot();
        self.task.abort();
        // The task ends by being cancelled. Once it has, no probe is sent any more.
        let _ = (&mut self.task).await;
        seen
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends probes as they fall due, up to the limit; a probe that ends takes the next one that waits.
async fn run(probe: Probe, state: Arc<Mutex<State>>, alarm: Alarm) {
    // Dropping the set ends the probes, so that they end with this task.
    let mut probes = JoinSet::new();
    loop {
        let next = {
            let mut now_due = lock(&state);
            now_due.fall_due(Instant::now());
            for _ in 0..now_due.free() {
                now_due.running += 1;
                probes.spawn(send_waiting(probe.clone(), Arc::clone(&state)));
            }
            now_due.schedule.next()
        };
        while probes.try_join_next().is_some() {}
        if alarm.until(next).await.is_err() {
            // Setting a timer fails only where the descriptor is broken, which nothing here can do.
            return;
        }
    }
}

/// One of the probes under way at a time: sends what waits until nothing does.
async fn send_waiting(probe: Probe, state: Arc<Mutex<State>>) {
    loop {
        let Some((id, due)) = lock(&state).take(Instant::now()) else {
            return;
        };
        let outcome = probe.once().await;
        lock(&state).answered(id, due, Instant::now(), outcome);
    }
}

impl State {
    fn fall_due(&mut self, now: Instant) {
        while let Some(due) = self.schedule.due_by(now) {
            if self.closed {
                continue;
            }
            self.waiting.push_back(due);
            self.seen.due += 1;
        }
    }

    /// How many more probes are to be started.
    fn free(&self) -> usize {
        (self.limit - self.running).min(self.waiting.len())
    }

    fn take(&mut self, now: Instant) -> Option<(u64, Instant)> {
        let Some(due) = self.waiting.pop_front() else {
            self.running -= 1;
            return None;
        };
        self.next_id += 1;
        self.sent.insert(self.next_id, due);
        record(&mut self.seen.slip, now - due);
        Some((self.next_id, due))
    }

    fn answered(&mut self, id: u64, due: Instant, now: Instant, outcome: Result<Timing, Failure>) {
        if self.sent.remove(&id).is_none() {
            // It was due before the window.
            return;
        }
        match outcome {
            Ok(timing) if timing.status < 400 => {
                // Closing comes after the answer, and is not part of the wait.
                let response = (now - due).saturating_sub(timing.close);
                self.seen.ok += 1;
                self.seen.last = Some(response);
                record(&mut self.seen.response, response);
                record(&mut self.seen.service, timing.total);
            }
            Ok(timing) => {
                let message = format!("the answer was {} {}", timing.status, timing.reason);
                self.failed(Failure { kind: Kind::Status, message, after: timing.total });
            }
            Err(failure) => self.failed(failure),
        }
    }

    fn failed(&mut self, failure: Failure) {
        *self.seen.failures.entry(failure.kind).or_default() += 1;
        self.seen.last_failure = Some(failure);
    }

    fn close(&mut self, now: Instant) -> Duration {
        self.fall_due(now);
        self.closed = true;
        now - self.since
    }

    fn reset(&mut self, now: Instant) {
        self.fall_due(now);
        self.closed = false;
        self.waiting.clear();
        self.sent.clear();
        self.since = now;
        self.seen = nothing();
    }

    fn snapshot(&mut self, now: Instant) -> Snapshot {
        // What fell due while this process did not get to run is due all the same.
        self.fall_due(now);
        let mut seen = self.seen.clone();
        seen.elapsed = now - self.since;
        for due in self.waiting.iter().chain(self.sent.values()) {
            seen.unfinished += 1;
            record(&mut seen.response, now - *due);
        }
        seen
    }
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    histogram.saturating_record(us.clamp(1, HIGHEST_US));
}

fn nothing() -> Snapshot {
    let empty = || Histogram::new_with_bounds(1, HIGHEST_US, 3).expect("the bounds are constants, and valid");
    Snapshot {
        elapsed: Duration::ZERO,
        due: 0,
        ok: 0,
        failures: BTreeMap::new(),
        unfinished: 0,
        response: empty(),
        service: empty(),
        slip: empty(),
        last: None,
        last_failure: None,
    }
}

/// No holder of the lock can leave the state half-changed, so that a poisoned one is as good.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "sampler_tests.rs"]
mod tests;
