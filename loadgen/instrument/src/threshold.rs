//! Thresholds that a run must keep, as they are written for a CI job: `p99 > 50ms` fails the run when it holds.

use std::fmt;
use std::str::FromStr;

use crate::report::Report;
use crate::timeline::told;

/// What a threshold looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Metric {
    /// A quantile of the response time of successes, in seconds; 1 is the maximum.
    Quantile(f64),
    /// Their mean response time, in seconds.
    Mean,
    /// The share of errors, from 0 to 1.
    ErrorShare,
    /// The number of errors.
    ErrorCount,
    /// The share of requests without an answer at the end, from 0 to 1.
    UnfinishedShare,
    /// The number of these.
    UnfinishedCount,
    /// Successes per second.
    Rate,
}

/// A condition under which a run has failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    text: String,
    metric: Metric,
    above: bool,
    or_equal: bool,
    limit: f64,
}

/// The share of errors, in percent, beyond which a run has failed where nothing else is said of errors: a server that
/// sheds its load must not pass as one that is fast.
const TOLERATED_ERRORS: f64 = 1.0;

/// What is wrong with a threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a threshold; write it as `p99 > 50ms`, `errors > 1%`, `errors > 0`, `unfinished > 1%` or `rate < 500`"
)]
pub struct BadThreshold(String);

impl FromStr for Threshold {
    type Err = BadThreshold;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| BadThreshold(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Threshold> {
    let at = text.find(['<', '>'])?;
    let above = text[at..].starts_with('>');
    let rest = &text[at + 1..];
    let or_equal = rest.starts_with('=');
    let limit = rest.trim_start_matches('=').trim();
    let metric = match text[..at].trim() {
        "p50" => Metric::Quantile(0.5),
        "p75" => Metric::Quantile(0.75),
        "p90" => Metric::Quantile(0.9),
        "p95" => Metric::Quantile(0.95),
        "p99" => Metric::Quantile(0.99),
        "p99.9" => Metric::Quantile(0.999),
        "p99.99" => Metric::Quantile(0.9999),
        "max" => Metric::Quantile(1.0),
        "mean" => Metric::Mean,
        "errors" if limit.ends_with('%') => Metric::ErrorShare,
        "errors" => Metric::ErrorCount,
        "unfinished" if limit.ends_with('%') => Metric::UnfinishedShare,
        "unfinished" => Metric::UnfinishedCount,
        "rate" => Metric::Rate,
        _ => return None,
    };
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    let limit = match metric {
        Metric::Quantile(_) | Metric::Mean => {
            let digits = limit.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let unit = match limit[digits..].trim() {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                _ => return None,
            };
            number(&limit[..digits])? * unit
        }
        Metric::ErrorShare | Metric::UnfinishedShare => number(limit.strip_suffix('%')?)? / 100.0,
        Metric::ErrorCount | Metric::UnfinishedCount => number(limit)?,
        Metric::Rate => number(limit.strip_suffix("/s").unwrap_or(limit))?,
    };
    Some(Threshold { text: text.trim().to_owned(), metric, above, or_equal, limit })
}

/// How a run stands to a threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The threshold as it was written.
    pub threshold: String,
    /// What was measured, for a person.
    pub measured: String,
    /// Whether the run failed by it. A run without an answer fails every threshold on times, and one with too few
    /// answers those on the percentiles that these cannot tell: neither has shown that it keeps them. A run in
    /// which nothing succeeded and some requests still wait fails those on errors: a server that never answers makes none.
    pub failed: bool,
}

impl Threshold {
    /// The threshold on errors that holds where none is given.
    pub fn on_errors() -> Self {
        let text = format!("errors > {TOLERATED_ERRORS}%");
        Threshold { text, metric: Metric::ErrorShare, above: true, or_equal: false, limit: TOLERATED_ERRORS / 100.0 }
    }

    /// Whether it is about errors.
    pub fn is_on_errors(&self) -> bool {
        matches!(self.metric, Metric::ErrorShare | Metric::ErrorCount)
    }

    /// Compares a run with the threshold.
    pub fn judge(&self, report: &Report) -> Verdict {
        let (response, counts) = (&report.total.response, &report.total.counts);
        let value = match self.metric {
            Metric::Quantile(share) => told(response, share).map(|nanos| nanos as f64 / 1e9),
            Metric::Mean => (!response.is_empty()).then(|| response.mean() / 1e9),
            Metric::ErrorShare | Metric::ErrorCount if counts.ok == 0 && counts.unfinished > 0 => None,
            Metric::ErrorShare => Some(report.error_share()),
            Metric::ErrorCount => Some(report.errors() as f64),
            Metric::UnfinishedShare => Some(report.unfinished_share()),
            Metric::UnfinishedCount => Some(counts.unfinished as f64),
            Metric::Rate => Some(report.rate()),
        };
        let measured = match (self.metric, value) {
            (Metric::Quantile(share), None) if !response.is_empty() => format!(
                "too little to tell: {}; send more",
                stats::quantile::untold(&[share], response.len()).unwrap_or_default()
            ),
            (Metric::ErrorShare | Metric::ErrorCount, None) => format!("no success among {} requests", counts.due),
            (_, None) => "nothing was measured".to_owned(),
            (Metric::Quantile(_) | Metric::Mean, Some(value)) => format!("{:.3} ms", value * 1e3),
            (Metric::ErrorShare | Metric::UnfinishedShare, Some(value)) => format!("{:.3} %", value * 100.0),
            (Metric::ErrorCount | Metric::UnfinishedCount, Some(value)) => format!("{value:.0}"),
            (Metric::Rate, Some(value)) => format!("{value:.1}/s"),
        };
        let failed = match value {
            None => true,
            Some(value) if value == self.limit => self.or_equal,
            Some(value) => (value > self.limit) == self.above,
        };
        Verdict { threshold: self.text.clone(), measured, failed }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.failed { "FAILED" } else { "kept" };
        write!(f, "{word}: --fail-if '{}', measured {}", self.threshold, self.measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read_and_refused() {
        for text in [
            "p99 > 50ms",
            "p99.9>=1.5s",
            "max > 100us",
            "mean>1ms",
            "errors > 1%",
            "errors>0",
            "rate < 500/s",
            "unfinished > 1%",
            "unfinished>0",
        ] {
            assert!(text.parse::<Threshold>().is_ok(), "{text}");
        }
        for text in ["p99 50ms", "p42 > 1ms", "p99 > 50", "errors > x%", "rate < -1", "> 1", "p99 > 5 parsecs"] {
            assert!(text.parse::<Threshold>().is_err(), "{text}");
        }
        let threshold: Threshold = "p99.9 >= 1.5ms".parse().unwrap();
        assert_eq!((threshold.metric, threshold.above, threshold.or_equal), (Metric::Quantile(0.999), true, true));
        assert!((threshold.limit - 0.0015).abs() < 1e-12);
    }
}
