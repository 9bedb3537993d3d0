//! What was counted: requests by outcome, and histograms of times.

use hdrhistogram::Histogram;

use crate::failure::Failure;

/// Longest time that is recorded; longer ones count as this. One hour, in nanoseconds.
pub const LONGEST: u64 = 3_600_000_000_000;

/// Significant decimal digits of a recorded time, so that its error is below one in a thousand.
pub const DIGITS: u8 = 3;

/// A histogram of times in nanoseconds. Its size is fixed, about 280 KB, whatever is recorded.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("the bounds are constants that the histogram accepts")
}

/// Requests by outcome. `due = done + failed + unfinished` holds at the end of a run, exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that became due.
    pub due: u64,
    /// Requests that got a complete answer, whatever its status.
    pub done: u64,
    /// Those of them whose status counts as success.
    pub ok: u64,
    /// Requests that failed, by kind, in the order of [`Failure::ALL`].
    pub failed: [u64; Failure::COUNT],
    /// Requests without an outcome when the run ended: under way, or never sent.
    pub unfinished: u64,
}

impl Counts {
    /// Requests that failed, of any kind.
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Requests that were answered with a status that is no success.
    pub fn error_answers(&self) -> u64 {
        self.done - self.ok
    }

    /// Requests that failed or were answered with a status that is no success.
    pub fn errors(&self) -> u64 {
        self.failures() + self.error_answers()
    }

    /// Whether every request that became due has exactly one outcome.
    pub fn balances(&self) -> bool {
        self.due == self.done + self.failures() + self.unfinished && self.ok <= self.done
    }

    fn add(&mut self, other: &Counts) {
        self.due += other.due;
        self.done += other.done;
        self.ok += other.ok;
        self.unfinished += other.unfinished;
        for (mine, theirs) in self.failed.iter_mut().zip(other.failed) {
            *mine += theirs;
        }
    }
}

/// Everything counted in a piece of time, by one thread or by all.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Requests that were due in the measured time.
    pub counts: Counts,
    /// Requests that were due in the warm-up, kept apart.
    pub warm_up: Counts,
    /// Successes that came within the measured time, whenever their requests were due.
    pub completions: u64,
    /// Measured requests that found no free connection when they were due.
    pub waited: u64,
    /// Requests never sent, among the unfinished.
    pub unsent: u64,
    /// Answers by status code.
    pub statuses: Box<[u64; 1000]>,
    /// Bytes of content in the answers.
    pub body_bytes: u64,
    /// Connections opened.
    pub connections: u64,
    /// Attempts to open a connection up front that failed: no request was on it that could fail.
    pub unopened: u64,
    /// The time that this was counted in, in nanoseconds, added up over the threads.
    pub watched: u64,
    /// The part of that time in which they were asleep, waiting for something to happen.
    pub asleep: u64,
    /// From when a request was due until its answer was complete. Holds the successes, and at least the age of those that
    /// timed out or were unfinished.
    pub response: Histogram<u64>,
    /// From when a request was written until its answer was complete; the same requests, where they were written.
    pub service: Histogram<u64>,
    /// The same as `response` for the answers whose status is no success: an error is often quick, and would make a server
    /// that sheds its load look fast.
    pub error_response: Histogram<u64>,
    /// How late the generator itself was: from when a request was due and had a connection until it was acted on.
    pub slip: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            counts: Counts::default(),
            warm_up: Counts::default(),
            completions: 0,
            waited: 0,
            unsent: 0,
            statuses: Box::new([0; 1000]),
            body_bytes: 0,
            connections: 0,
            unopened: 0,
            watched: 0,
            asleep: 0,
            response: histogram(),
            service: histogram(),
            error_response: histogram(),
            slip: histogram(),
        }
    }
}

impl Tally {
    /// Adds what another one counted.
    pub fn add(&mut self, other: &Tally) {
        self.counts.add(&other.counts);
        self.warm_up.add(&other.warm_up);
        self.completions += other.completions;
        self.waited += other.waited;
        self.unsent += other.unsent;
        self.body_bytes += other.body_bytes;
        self.connections += other.connections;
        self.unopened += other.unopened;
        self.watched += other.watched;
        self.asleep += other.asleep;
        for (mine, theirs) in self.statuses.iter_mut().zip(other.statuses.iter()) {
            *mine += theirs;
        }
        for (mine, theirs) in [
            (&mut self.response, &other.response),
            (&mut self.service, &other.service),
            (&mut self.error_response, &other.error_response),
            (&mut self.slip, &other.slip),
        ] {
            mine.add(theirs).expect("all histograms have the same bounds");
        }
    }

    /// Makes it as new, in the memory that it has. All of it is written to, so that what is counted next meets no page
    /// that the system has yet to find.
    pub fn clear(&mut self) {
        let Tally {
            counts,
            warm_up,
            completions,
            waited,
            unsent,
            statuses,
            body_bytes,
            connections,
            unopened,
            watched,
            asleep,
            response,
            service,
            error_response,
            slip,
        } = self;
        (*counts, *warm_up) = Default::default();
        statuses.fill(0);
        for number in [completions, waited, unsent, body_bytes, connections, unopened, watched, asleep] {
            *number = 0;
        }
        for times in [response, service, error_response, slip] {
            times.reset();
        }
    }

    /// Requests that were begun and have no outcome yet.
    pub fn in_flight(&self) -> u64 {
        self.counts.due.saturating_sub(self.counts.done + self.counts.failures() + self.counts.unfinished)
    }

    /// The share of the time that the threads were not asleep, from 0 to 1.
    pub fn busy(&self) -> f64 {
        1.0 - (self.asleep as f64 / self.watched.max(1) as f64).min(1.0)
    }

    /// Statuses that came, with their numbers.
    pub fn statuses(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        self.statuses.iter().enumerate().filter(|(_, count)| **count > 0).map(|(code, count)| (code as u16, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleared_tally_is_as_new() {
        let mut tally = Tally::default();
        tally.counts = Counts { due: 3, done: 1, ok: 1, failed: [1; Failure::COUNT], unfinished: 1 };
        tally.warm_up = tally.counts;
        (tally.completions, tally.waited, tally.unsent, tally.body_bytes) = (1, 2, 3, 4);
        (tally.connections, tally.watched, tally.asleep, tally.unopened) = (5, 6, 7, 8);
        tally.statuses[200] = 1;
        for times in [&mut tally.response, &mut tally.service, &mut tally.error_response, &mut tally.slip] {
            times.record(1_000).expect("it is within the bounds");
        }
        tally.clear();
        assert_eq!(format!("{tally:?}"), format!("{:?}", Tally::default()));
        let mut total = Tally::default();
        total.slip.record(5).expect("it is within the bounds");
        total.add(&tally);
        assert_eq!(total.slip.min(), 5);
    }
}
