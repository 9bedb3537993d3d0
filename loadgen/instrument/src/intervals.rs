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
    /// count as one event.
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
        let seconds = |point: &Point| {
            let from_s = point.first as f64 * interval_s;
            (((point.first + point.intervals) as f64 * interval_s).min(elapsed_s) - from_s).max(0.0)
        };
        // What came after the measured time, while the last requests were waited for, is no window of its own.
        let measured: Vec<&Point> = points.iter().filter(|point| seconds(point) > 0.0).collect();
        let of = |pair: &dyn Fn(&Point) -> (f64, f64)| {
            let windows: Vec<_> = measured.iter().map(|point| pair(point)).collect();
            Some(ratio::of(&windows)?.estimate())
        };
        let response = &report.total.response;
        let worth = worth(response, points);
        let at = |share: f64| time(response, points, worth, share);
        let times = SHARES.map(at);
        let [p50_ms, p90_ms, p95_ms, p99_ms] = times;
        let missing = times.contains(&None) && !response.is_empty();
        Self {
            rate: of(&|point| (point.ok as f64, seconds(point)))
                .filter(|_| elapsed_s > 0.0)
                .map(|found| moved(found, report.rate())),
            error_share: of(&|point| (point.failed as f64, (point.ok + point.failed) as f64))
                .map(|found| moved(found, report.error_share())),
            p50_ms,
            p90_ms,
            p95_ms,
            p99_ms,
            untold: missing.then(|| untold(response.len(), worth)).flatten(),
        }
    }
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
