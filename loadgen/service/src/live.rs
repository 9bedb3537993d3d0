//! What a load has brought so far, for whoever watches it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use instrument::tally::Tally;
use instrument::{Interval, Observer};
use stats::{Estimate, ratio};

/// Shared by the thread that sends and the one that watches.
#[derive(Clone)]
pub struct Live(Arc<Mutex<Seen>>);

struct Seen {
    interval: Duration,
    /// When the first interval began.
    began: Option<Instant>,
    /// Successes by interval.
    done: BTreeMap<u64, u64>,
    /// The first interval that is measured.
    from: u64,
    /// All that was counted in the measured intervals.
    tally: Tally,
}

impl Live {
    /// Nothing has come yet.
    pub fn new(interval: Duration) -> Self {
        let seen = Seen { interval, began: None, done: BTreeMap::new(), from: 0, tally: Tally::default() };
        Live(Arc::new(Mutex::new(seen)))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to measure with the next interval; what came before is forgotten. Gives the moment at which that begins.
    pub fn mark(&self) -> Option<Instant> {
        let mut seen = self.seen();
        let began = seen.began?;
        let next = (began.elapsed().as_nanos() / seen.interval.as_nanos()) as u64 + 1;
        (seen.from, seen.tally) = (next, Tally::default());
        Some(began + seen.interval * u32::try_from(next).unwrap_or(u32::MAX))
    }

    /// Successes a second since the mark, with the interval of that, and how long that is; nothing before it can be said.
    pub fn estimate(&self) -> Option<(Estimate, Duration)> {
        let seen = self.seen();
        let windows = seen.windows(seen.from, seen.known());
        let long = seen.interval * windows.len() as u32;
        Some((ratio::of(&windows)?.estimate(), long))
    }

    /// Successes a second in the last pieces of this length, the latest first; fewer where there was no time for so many.
    pub fn pieces(&self, length: Duration, count: usize) -> Vec<f64> {
        let seen = self.seen();
        let size = (length.as_nanos() / seen.interval.as_nanos()).max(1) as u64;
        let known = seen.known();
        let piece = |back: u64| {
            let from = known.checked_sub(size * (back + 1))?;
            let done: f64 = seen.windows(from, from + size).iter().map(|window| window.0).sum();
            Some(done / (seen.interval.as_secs_f64() * size as f64))
        };
        (0..count as u64).map_while(piece).collect()
    }

    /// All that was counted since the mark.
    pub fn tally(&self) -> Tally {
        self.seen().tally.clone()
    }

    /// Mean time of an answer since the mark, in seconds.
    pub fn mean_s(&self) -> Option<f64> {
        let seen = self.seen();
        (!seen.tally.response.is_empty()).then(|| seen.tally.response.mean() / 1e9)
    }
}

impl Seen {
    /// The first interval that is not known yet: all threads have handed over those before it.
    fn known(&self) -> u64 {
        let Some(began) = self.began else { return 0 };
        ((began.elapsed().as_nanos() / self.interval.as_nanos()) as u64).saturating_sub(1)
    }

    /// Successes and seconds of each interval.
    fn windows(&self, from: u64, to: u64) -> Vec<(f64, f64)> {
        let seconds = self.interval.as_secs_f64();
        (from..to).map(|index| (self.done.get(&index).copied().unwrap_or(0) as f64, seconds)).collect()
    }
}

impl Observer for Live {
    fn started(&mut self, at: SystemTime) {
        let ahead = at.duration_since(SystemTime::now()).unwrap_or_default();
        self.seen().began = Some(Instant::now() + ahead);
    }

    fn interval(&mut self, interval: &Interval<'_>) {
        let mut seen = self.seen();
        *seen.done.entry(interval.index).or_default() += interval.tally.completions;
        if interval.index >= seen.from {
            seen.tally.add(interval.tally);
        }
    }
}
