//! Where a thread's requests come from.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::schedule::Schedule;

/// Requests for as long as a run lasts.
#[derive(Debug)]
pub enum Source<'a> {
    /// A request is due whenever a connection is free.
    Closed {
        /// No request is due from this time on.
        end: u64,
        /// Requests due before this time are the warm-up and do not count towards the number asked for.
        measure_from: u64,
        /// How many measured requests are left, for all threads; absent where there is no such limit.
        left: Option<&'a AtomicU64>,
    },
    /// Requests are due by a schedule.
    Open {
        /// Its due times.
        due: Box<DueTimes>,
        /// No request is due from this time on.
        end: u64,
    },
}

/// When the requests of an open loop are due: those of the warm-up, and then the measured ones.
#[derive(Debug)]
pub struct DueTimes {
    /// The next, by the clock.
    next: Option<u64>,
    warm_up: Schedule,
    /// When the warm-up begins.
    start: u64,
    measured: Schedule,
    /// When the measuring begins.
    measure_from: u64,
}

impl DueTimes {
    /// The times of two schedules, each with its begin.
    pub fn new((start, warm_up): (u64, Schedule), (measure_from, measured): (u64, Schedule)) -> Self {
        let mut due = DueTimes { next: None, warm_up, start, measured, measure_from };
        due.advance();
        due
    }

    #[inline]
    fn advance(&mut self) {
        let warm_up = self.warm_up.next().map(|due| self.start + due);
        self.next = warm_up.or_else(|| self.measured.next().map(|due| self.measure_from + due));
    }
}

impl Source<'_> {
    /// Takes the next request if it is due by now, and gives the time at which it was due.
    #[inline]
    pub fn take(&mut self, now: u64) -> Option<u64> {
        match self {
            Source::Closed { end, measure_from, left } => {
                if now >= *end {
                    return None;
                }
                if let Some(left) = left
                    && now >= *measure_from
                {
                    let less = |count: u64| count.checked_sub(1);
                    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok()?;
                }
                Some(now)
            }
            Source::Open { due, end } => {
                let next = due.next.filter(|next| *next <= now && *next < *end)?;
                due.advance();
                Some(next)
            }
        }
    }

    /// When the next request is due, where a schedule says so and there is one.
    #[inline]
    pub fn next_due(&self) -> Option<u64> {
        match self {
            Source::Closed { .. } => None,
            Source::Open { due, end } => due.next.filter(|next| *next < *end),
        }
    }

    /// Whether no request will come any more.
    pub fn exhausted(&self, now: u64) -> bool {
        match self {
            Source::Closed { end, measure_from, left } => {
                now >= *end || now >= *measure_from && left.is_some_and(|left| left.load(Ordering::Relaxed) == 0)
            }
            Source::Open { .. } => self.next_due().is_none(),
        }
    }

    /// Ends the run at a time: what would be due later never is.
    pub fn stop(&mut self, at: u64) {
        match self {
            Source::Closed { end, .. } | Source::Open { end, .. } => *end = at.min(*end),
        }
    }
}
