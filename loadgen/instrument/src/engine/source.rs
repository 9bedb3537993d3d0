//! Where a thread's requests come from.

use std::iter::Peekable;
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
        /// Its due times, counted from the start.
        schedule: Peekable<Schedule>,
        /// When it started.
        start: u64,
        /// No request is due from this time on.
        end: u64,
        /// Requests due before this time are the warm-up and do not count towards the number asked for.
        measure_from: u64,
        /// How many measured requests are left for this thread.
        left: u64,
    },
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
            Source::Open { .. } => {
                let due = self.next_due().filter(|due| *due <= now)?;
                if let Source::Open { schedule, measure_from, left, .. } = self {
                    schedule.next();
                    *left -= u64::from(due >= *measure_from);
                }
                Some(due)
            }
        }
    }

    /// When the next request is due, where a schedule says so and there is one.
    #[inline]
    pub fn next_due(&mut self) -> Option<u64> {
        match self {
            Source::Closed { .. } => None,
            Source::Open { schedule, start, end, left, .. } => {
                if *left == 0 {
                    return None;
                }
                let due = *start + *schedule.peek()?;
                (due < *end).then_some(due)
            }
        }
    }

    /// Whether no request will come any more.
    pub fn exhausted(&mut self, now: u64) -> bool {
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
