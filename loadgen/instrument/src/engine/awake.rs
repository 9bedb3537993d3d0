//! How a thread's own time was spent, and how late it was itself.
//!
//! A connection counts as free from when the thread notices its answer. A thread that is busy or was stopped notices
//! late, and must not count its own lateness as waiting for the server. So each wake-up gives the earliest time at which
//! a thread that is always ready could have noticed what is found now:
//! - the thread slept and woke when it was to: now;
//! - it slept and woke later than its timer: when the timer was to go off;
//! - it did not sleep, since something was there already: the wake-up before, when that something was not there yet.

/// A wait that took less than this did not put the thread to sleep.
const NO_SLEEP: u64 = 20_000;

/// Standing still for this long is reported as a pause.
const PAUSE: u64 = 50_000_000;

/// A time in which the thread stood still though it had things to do or to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// When it began.
    pub from: u64,
    /// When it ended.
    pub to: u64,
}

/// How a thread's time was spent.
#[derive(Debug, Clone)]
pub struct Awake {
    start: u64,
    measure_from: u64,
    last_woke: u64,
    could_see: u64,
    /// Time asleep, in nanoseconds.
    pub asleep: u64,
    /// Time in which requests were due that had no free connection, since the measuring began.
    pub backlog: u64,
    /// The part of that time in which the thread was asleep, waiting for the server.
    pub backlog_asleep: u64,
    /// Time in pauses, since the measuring began.
    pub paused: u64,
    /// Number of pauses.
    pub pauses: u64,
    /// The longest pause.
    pub longest: Option<Pause>,
}

impl Awake {
    /// A thread that starts at a time, and measures from another on: what it was hindered in before, as in the warm-up, is in no
    /// figure, and is not counted.
    pub fn new(start: u64, measure_from: u64) -> Self {
        Awake {
            start,
            measure_from,
            last_woke: start,
            could_see: start,
            asleep: 0,
            backlog: 0,
            backlog_asleep: 0,
            paused: 0,
            pauses: 0,
            longest: None,
        }
    }

    /// Notes a wake-up: when the wait was entered and when it ended, when it was to end at the latest, whether the thread put
    /// itself to sleep in it, and whether requests were due that had no connection.
    pub fn woke(&mut self, (entered, woke): (u64, u64), expected: u64, napped: bool, backlog: bool) {
        let slept = napped || woke - entered >= NO_SLEEP;
        let asleep = if slept { woke.min(expected).saturating_sub(entered) } else { 0 };
        self.could_see = if slept { woke.min(expected) } else { self.last_woke };
        self.asleep += asleep;
        if backlog {
            self.backlog += woke.saturating_sub(self.last_woke.max(self.measure_from));
            self.backlog_asleep += asleep.min(woke.min(expected).saturating_sub(self.measure_from));
        }
        // Standing still shows either between two waits or as a wait that outlasts its timer.
        self.pause(self.last_woke, entered);
        self.pause(expected, woke);
        self.last_woke = woke;
    }

    fn pause(&mut self, from: u64, to: u64) {
        let from = from.max(self.measure_from);
        if to.saturating_sub(from) >= PAUSE {
            self.paused += to - from;
            self.pauses += 1;
            if self.longest.is_none_or(|longest| to - from > longest.to - longest.from) {
                self.longest = Some(Pause { from, to });
            }
        }
    }

    /// The earliest time at which a thread that is always ready could have noticed what is noticed now.
    #[inline]
    pub fn could_see(&self) -> u64 {
        self.could_see
    }

    /// The share of the time until now that the thread was not asleep.
    pub fn busy(&self, now: u64) -> f64 {
        let whole = now.saturating_sub(self.start).max(1);
        1.0 - (self.asleep as f64 / whole as f64).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_wait_that_ends_in_time_shows_what_just_came() {
        let mut awake = Awake::new(0, 0);
        awake.woke((MS, 5 * MS), 11 * MS, false, false);
        assert_eq!(awake.could_see(), 5 * MS);
        assert_eq!(awake.asleep, 4 * MS);
        assert_eq!(awake.pauses, 0);
    }

    #[test]
    fn a_stopped_thread_could_have_seen_from_when_its_timer_was_to_go_off() {
        let mut awake = Awake::new(0, 0);
        awake.woke((MS, 2011 * MS), 11 * MS, false, false);
        assert_eq!(awake.could_see(), 11 * MS);
        assert_eq!(awake.longest, Some(Pause { from: 11 * MS, to: 2011 * MS }));
        assert_eq!(awake.asleep, 10 * MS);
    }

    #[test]
    fn a_busy_thread_could_have_seen_since_it_looked_last() {
        let mut awake = Awake::new(0, 0);
        awake.woke((MS, 2 * MS), 11 * MS, false, false);
        awake.woke((3 * MS, 3 * MS + 1000), 13 * MS, false, true);
        assert_eq!(awake.could_see(), 2 * MS);
        assert_eq!((awake.backlog, awake.backlog_asleep), (MS + 1000, 0));
    }

    #[test]
    fn a_stop_between_two_waits_is_a_pause_too() {
        let mut awake = Awake::new(0, 0);
        awake.woke((0, MS), 10 * MS, false, false);
        awake.woke((501 * MS, 501 * MS + 1), 511 * MS, false, false);
        assert_eq!((awake.pauses, awake.paused), (1, 500 * MS));
        assert_eq!(awake.could_see(), MS);
    }

    /// A stop in a long warm-up once made the generator the limit of a short measurement.
    #[test]
    fn of_a_stop_only_what_is_measured_counts() {
        let mut awake = Awake::new(0, 1000 * MS);
        awake.woke((MS, 700 * MS), 10 * MS, false, true);
        assert_eq!((awake.pauses, awake.backlog, awake.longest), (0, 0, None));
        awake.woke((701 * MS, 1300 * MS), 710 * MS, false, true);
        assert_eq!((awake.pauses, awake.paused, awake.backlog), (1, 300 * MS, 300 * MS));
        assert_eq!(awake.backlog_asleep, 0);
        assert_eq!(awake.longest, Some(Pause { from: 1000 * MS, to: 1300 * MS }));
    }
}
