//! How sure the figures of one run are: its windows in time tell.

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::quantile::Worth;
use stats::{Estimate, ratio};

use crate::report::Report;
use crate::timeline::{Point, quantile};

/// The main figures of a run with their 95 % intervals; a figure that too little was measured for is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Intervals {
    /// Successes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Estimate>,
    /// Share of the requests that failed or were answered with a status that is no success. Errors that come together
    /// count as one event. What came after the measured time, while the last requests were waited for, is among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_share: Option<Estimate>,
    /// Median response time, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<Estimate>,
    /// 90th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90_ms: Option<Estimate>,
    /// 95th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<Estimate>,
    /// 99th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<Estimate>,
    /// Why percentiles have no interval; absent where all have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untold: Option<String>,
}

/// The percentiles that have an interval.
const SHARES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// Why some percentiles have no interval. Response times that follow each other are alike, and are worth fewer.
fn untold(samples: u64, worth: Option<Worth>) -> Option<String> {
    let Some(worth) = worth else { return Some("the run has too few windows in time".to_owned()) };
    let why = stats::quantile::untold(&SHARES, worth.least as u64)?;
    Some(format!("{why} independent ones, as neighbours are alike ({samples} in all)"))
}

impl Intervals {
    /// Of a run, by its timeline.
    pub fn of(report: &Report) -> Self {
        let interval_s = report.interval.as_secs_f64();
        let elapsed_s = report.elapsed.as_secs_f64();
        let points = report.timeline.points();
        let of = |windows: &[(f64, f64)]| Some(ratio::of(windows)?.estimate());
        let shares: Vec<_> =
            points.iter().map(|point| (point.failed as f64, (point.ok + point.failed) as f64)).collect();
        let response = &report.total.response;
        let worth = worth(response, points);
        let at = |share: f64| time(response, points, worth, share);
        let times = SHARES.map(at);
        let [p50_ms, p90_ms, p95_ms, p99_ms] = times;
        let missing = times.contains(&None) && !response.is_empty();
        Self {
            rate: of(&rates(points, interval_s, elapsed_s, report.open_loop)).map(|found| moved(found, report.rate())),
            error_share: of(&shares).map(|found| moved(found, report.error_share())),
            p50_ms,
            p90_ms,
            p95_ms,
            p99_ms,
            untold: missing.then(|| untold(response.len(), worth)).flatten(),
        }
    }
}

/// Successes and seconds, by window of the measured time. What came after it, while the last requests were waited for, is in
/// no window.
fn rates(points: &[Point], interval_s: f64, elapsed_s: f64, open_loop: bool) -> Vec<(f64, f64)> {
    let seconds = |first: u64, intervals: u64| {
        let (from, to) = (first as f64 * interval_s, (first + intervals) as f64 * interval_s);
        (to.min(elapsed_s) - from).max(0.0)
    };
    let width = points.first().map_or(1, |point| point.intervals);
    let mut windows = Vec::with_capacity(points.len());
    let mut next = 0;
    for point in points.iter().filter(|point| seconds(point.first, point.intervals) > 0.0) {
        // A generator that was stopped for as long tells nothing of a window, in which it had no answer.
        windows.extend((next..point.first).step_by(width as usize).map(|first| (0.0, seconds(first, width))));
        windows.push((point.ok as f64, seconds(point.first, point.intervals)));
        next = point.first + point.intervals;
    }
    // The plan of an open loop may end before its time does.
    while !open_loop && next > 0 && seconds(next, width) > 0.0 {
        windows.push((0.0, seconds(next, width)));
        next += width;
    }
    windows
}

/// The interval about the run's own figure: what was answered after the last window is in that, too.
fn moved(found: Estimate, value: f64) -> Estimate {
    Estimate { value, low: (found.low + value - found.value).max(0.0), high: found.high + value - found.value }
}

/// How many independent response times those of a run are worth.
fn worth(response: &Histogram<u64>, points: &[Point]) -> Option<Worth> {
    stats::quantile::worth(&up_to(points, quantile(response, 0.5)?))
}

/// How many response times were at most this, and how many there were, by window.
fn up_to(points: &[Point], value: u64) -> Vec<(f64, f64)> {
    points.iter().map(|point| point.up_to(value)).collect()
}

/// A quantile of the response times, in milliseconds.
fn time(response: &Histogram<u64>, points: &[Point], worth: Option<Worth>, share: f64) -> Option<Estimate> {
    let value = quantile(response, share)?;
    let at = |share: f64| quantile(response, share.clamp(0.0, 1.0)).unwrap_or_default() as f64 / 1e6;
    stats::quantile::interval(share, value as f64 / 1e6, &up_to(points, value), worth?, at)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::report::Generator;
    use crate::tally::Tally;
    use crate::timeline::Timeline;
    use crate::usage::Usage;

    /// A closed loop of so many seconds in intervals of one: by interval, how many requests succeeded and how many failed.
    fn run(seconds: u64, counted: &[(u64, u64, u64)]) -> Report {
        let (mut total, mut timeline) = (Tally::default(), Timeline::new());
        for &(interval, ok, failed) in counted {
            let mut tally = Tally::default();
            (tally.counts.due, tally.counts.done, tally.counts.ok) = (ok + failed, ok, ok);
            tally.counts.failed[0] = failed;
            tally.completions = ok;
            timeline.add(interval, &tally, &[]);
            total.add(&tally);
        }
        Report {
            started: SystemTime::now(),
            elapsed: Duration::from_secs(seconds),
            interrupted: false,
            open_loop: false,
            total,
            timeline,
            interval: Duration::from_secs(1),
            usage: Usage::default(),
            generator: Generator::of(&[], 0),
        }
    }

    /// A server that falls silent, and time-outs that come when the time is over: of three requests in four nobody knew.
    #[test]
    fn errors_that_come_after_the_measured_time_are_in_their_share() {
        let found = Intervals::of(&run(3, &[(0, 100, 0), (1, 50, 0), (2, 0, 0), (3, 0, 50)]));
        let share = found.error_share.expect("four windows");
        assert!((share.value - 0.25).abs() < 1e-9, "{share:?}");
        assert!(share.low < 0.05 && share.high > 0.45, "{share:?}");
    }

    #[test]
    fn what_a_stopped_generator_left_out_is_time_without_answers() {
        let steady: Vec<_> = (0..20).map(|second| (second, 100 + second % 2, 0)).collect();
        let width = |report: &Report| {
            let rate = Intervals::of(report).rate.expect("enough windows");
            rate.high - rate.low
        };
        let whole = width(&run(20, &steady));
        let gap: Vec<_> = steady.iter().copied().filter(|(second, ..)| !(8..12).contains(second)).collect();
        assert!(width(&run(20, &gap)) > 10.0 * whole, "in the middle");
        assert!(width(&run(20, &steady[..16])) > 10.0 * whole, "at the end");
    }
}
