//! What a run found, and whether the generator itself was the limit.

use std::time::{Duration, SystemTime};

use crate::engine::{Finish, Pause};
use crate::failure::Failure;
use crate::tally::Tally;
use crate::timeline::{Timeline, told};
use crate::usage::Usage;

/// Why there is nothing to report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The configuration is contradictory.
    #[error(transparent)]
    Config(#[from] crate::config::BadConfig),
    /// The request cannot be written.
    #[error(transparent)]
    Request(#[from] crate::request::BadRequest),
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(String),
    /// The name has no address.
    #[error("cannot resolve `{host}`: {reason}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// No connection could be made, so that there is nothing to measure.
    #[error("cannot connect to {target}: {reason}")]
    Unreachable {
        /// The URL.
        target: String,
        /// The kind of failure.
        kind: Failure,
        /// What the system said.
        reason: String,
    },
    /// The system refused something that the generator needs.
    #[error("the system refused what the load generator needs: {0}")]
    System(String),
}

/// What a run found.
#[derive(Debug, Clone)]
pub struct Report {
    /// When the measuring began.
    pub started: SystemTime,
    /// How long was measured: from the begin to the end that was asked for, or to the interruption. Where a number of
    /// requests was asked for: to the last answer, or in an open loop to the end of its schedule, and beyond it for as long
    /// as the last answers came later than the quickest.
    pub elapsed: Duration,
    /// Whether the run was ended from outside.
    pub interrupted: bool,
    /// Whether requests were due by a schedule.
    pub open_loop: bool,
    /// Everything counted.
    pub total: Tally,
    /// The same over time.
    pub timeline: Timeline,
    /// Length of one interval of the timeline.
    pub interval: Duration,
    /// How connections were used.
    pub usage: Usage,
    /// How the generator itself did.
    pub generator: Generator,
}

/// How the generator itself did.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    /// Threads that sent.
    pub threads: usize,
    /// Processor time that they used.
    pub cpu: Duration,
    /// The share of their time that they were not asleep waiting for something to happen, from 0 to 1.
    pub busy: f64,
    /// Time since the measuring began for which they could have run and had no processor: other programs, the kernel or the host had it.
    pub starved: Duration,
    /// Time since then in which requests were due and had no free connection, over all threads.
    pub backlog: Duration,
    /// The part of that time that the threads were asleep, waiting for the server.
    pub backlog_asleep: Duration,
    /// Time since then in which the threads stood still though they had to do, in pauses of 50 ms and more.
    pub paused: Duration,
    /// Number of such pauses.
    pub pauses: u64,
    /// The longest such pause, from the begin of the measuring.
    pub longest_pause: Option<(f64, f64)>,
    /// Why the figures are the generator's rather than the server's; empty where they are the server's.
    pub limits: Vec<String>,
}

/// A slip below this is no limit, whatever the response times are: it is what a machine needs to wake a thread and to
/// send, which no client sees less of. The bare client of docs/accuracy.md needs 60 to 110 µs.
const SMALL_SLIP: u64 = 100_000;

/// A slip is a limit where it is more than this share of the response time at the same percentile.
const LARGE_SHARE: f64 = 0.1;

/// The percentiles at which that is judged: those that are read most, where there are enough requests to tell them. One late wake-up
/// among ten requests says nothing.
const JUDGED: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];

/// A thread that is awake for more than this share of the time has no time left.
const SATURATED: f64 = 0.98;

impl Generator {
    /// Sums up the threads.
    pub(crate) fn of(finishes: &[Finish], measure_from: u64) -> Self {
        let sum = |value: fn(&Finish) -> u64| Duration::from_nanos(finishes.iter().map(value).sum());
        let busy =
            finishes.iter().map(|finish| finish.awake.busy(finish.at)).sum::<f64>() / finishes.len().max(1) as f64;
        let longest =
            finishes.iter().filter_map(|finish| finish.awake.longest).max_by_key(|pause| pause.to - pause.from);
        let seconds = |at: u64| (at as f64 - measure_from as f64) / 1e9;
        Generator {
            threads: finishes.len(),
            cpu: sum(|finish| finish.cpu),
            busy,
            starved: sum(|finish| finish.starved),
            backlog: sum(|finish| finish.awake.backlog),
            backlog_asleep: sum(|finish| finish.awake.backlog_asleep),
            paused: sum(|finish| finish.awake.paused),
            pauses: finishes.iter().map(|finish| finish.awake.pauses).sum(),
            longest_pause: longest.map(|Pause { from, to }| (seconds(from), seconds(to))),
            limits: Vec::new(),
        }
    }

    /// Finds out whether the generator was the limit. It was, where one of these holds:
    /// - open loop: at p50, p90 or p99 it was late by more than 0.1 ms and by more than a tenth of the response time;
    /// - open loop: requests waited for a free connection in more than 1 % of the time, and in that time its threads
    ///   were awake for more than 98 %: the answers were there, and it did not get to them;
    /// - closed loop: its threads were awake for more than 98 % of the whole time;
    /// - it stood still, stopped or without a processor, for more than 1 % of the measured time.
    pub(crate) fn judge(&mut self, total: &Tally, open_loop: bool, elapsed: Duration) {
        let threads_time = elapsed.as_secs_f64() * self.threads as f64;
        let time_to_tell = elapsed > Duration::from_millis(100);
        self.limits.extend(limit(total, open_loop, self.busy).filter(|_| open_loop || time_to_tell));
        let backlog = self.backlog.as_secs_f64();
        let backlog_awake = 1.0 - self.backlog_asleep.as_secs_f64() / backlog.max(1e-9);
        if open_loop && backlog > 0.01 * threads_time && backlog_awake > SATURATED {
            self.limits.push(format!(
                "requests waited for a connection while its threads were {:.0} % busy: the rate is more than they can send",
                100.0 * backlog_awake,
            ));
        }
        if self.paused.as_secs_f64() > 0.01 * threads_time
            && let Some((from, to)) = self.longest_pause
        {
            self.limits.push(format!(
                "it stood still for {:.2} s at {from:.2} s: it was stopped, or got no processor",
                to - from,
            ));
        }
    }
}

/// Why the generator is the limit, as far as that shows while a run lasts: it is late in an open loop, or has no time
/// left in a closed one. `busy` is the share of the time that its threads were not asleep.
pub fn limit(total: &Tally, open_loop: bool, busy: f64) -> Option<String> {
    if !open_loop {
        return (busy > SATURATED).then(|| {
            format!(
                "its threads were {:.1} % busy: the rate is what they could send, and the server may be able to do more",
                100.0 * busy,
            )
        });
    }
    JUDGED.into_iter().find_map(|(name, share)| {
        let (slip, response) = (told(&total.slip, share)?, told(&total.response, share)?);
        (slip > SMALL_SLIP && slip as f64 > LARGE_SHARE * response as f64).then(|| {
            format!(
                "{:.0} % of the requests were acted on {:.2} ms late or more, which is {:.0} % of the {name} response time",
                100.0 * (1.0 - share),
                slip as f64 / 1e6,
                100.0 * slip as f64 / response.max(1) as f64,
            )
        })
    })
}

impl Report {
    /// Successes per second, within the measured time. An answer that says that the server is overloaded is none. In an open
    /// loop in which every request has ended, the server did as much as was due in that time, though the last answers came a
    /// little later: otherwise a slow service would seem to do less than one asked for the same.
    pub fn rate(&self) -> f64 {
        let counts = &self.total.counts;
        let all_ended = self.open_loop && !self.interrupted && counts.due > 0 && counts.unfinished == 0;
        let successes = if all_ended { counts.ok } else { self.total.completions };
        successes as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Requests per second that were due.
    pub fn due_rate(&self) -> f64 {
        self.total.counts.due as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Requests that failed or were answered with a status that is no success.
    pub fn errors(&self) -> u64 {
        self.total.counts.errors()
    }

    /// The share of the due requests that these are, from 0 to 1.
    pub fn error_share(&self) -> f64 {
        self.errors() as f64 / self.total.counts.due.max(1) as f64
    }

    /// The share of the due requests that had no answer at the end, from 0 to 1.
    pub fn unfinished_share(&self) -> f64 {
        let counts = &self.total.counts;
        counts.unfinished as f64 / counts.due.max(1) as f64
    }

    /// Whether the figures are the generator's rather than the server's.
    pub fn generator_was_the_limit(&self) -> bool {
        !self.generator.limits.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An open loop in which 100 requests took so long, of which the generator was late by so much, in microseconds.
    fn judged(response: u64, slip: u64) -> Option<String> {
        let mut total = Tally::default();
        total.response.record_n(response * 1000, 100).expect("it is within the bounds");
        total.slip.record_n(slip * 1000, 100).expect("it is within the bounds");
        limit(&total, true, 0.5)
    }

    #[test]
    fn slip_is_judged_against_what_is_measured() {
        let said = judged(980, 900).expect("0.9 ms on a service of 80 µs is what was measured");
        assert!(said.contains("0.90 ms late") && said.contains("92 % of the p50"), "{said}");
        assert_eq!(judged(100_000, 900), None, "it is nothing beside 100 ms");
        assert_eq!(judged(150, 70), None, "no client wakes sooner");
        assert_eq!(judged(8_000, 900).map(|said| said.contains("11 %")), Some(true));
    }

    #[test]
    fn a_percentile_that_cannot_be_told_is_no_ground_for_a_verdict() {
        let mut total = Tally::default();
        total.response.record_n(9_000_000, 10).expect("it is within the bounds");
        total.slip.record_n(20_000, 9).expect("it is within the bounds");
        total.slip.record_n(4_000_000, 1).expect("it is within the bounds");
        assert_eq!(limit(&total, true, 0.5), None);
    }

    #[test]
    fn slip_of_the_typical_request_shows_behind_a_few_that_are_slow() {
        let mut total = Tally::default();
        total.response.record_n(1_000_000, 95).expect("it is within the bounds");
        total.response.record_n(5_000_000_000, 5).expect("it is within the bounds");
        total.slip.record_n(900_000, 100).expect("it is within the bounds");
        assert!(limit(&total, true, 0.5).is_some());
    }
}
