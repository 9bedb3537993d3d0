//! What a service is asked to keep, as `p99 < 50ms` or `errors < 0.1%`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use instrument::tally::Tally;

/// What an objective looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Metric {
    /// This share of the requests may take longer than the limit, in nanoseconds: 0.01 for p99.
    Slow { share: f64, nanos: u64 },
    /// The mean response time, in seconds.
    Mean { seconds: f64 },
    /// This share of the requests may fail or be answered with an error.
    Errors { share: f64 },
}

/// A condition on a service that holds or does not.
///
/// Each is kept as a limit of a ratio: of the slow requests, of the errors or of the sum of all times to the number of
/// requests. "p99 < 50 ms" says that fewer than 1 % take 50 ms or more. Ratios add up over trials and have intervals;
/// percentiles have neither.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    text: String,
    metric: Metric,
}

/// What is wrong with an objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an objective; write it as `p99 < 50ms` (p50, p75, p90, p95, p99, p99.9), `mean < 20ms` or `errors < 0.1%`"
)]
pub struct BadObjective(String);

impl FromStr for Objective {
    type Err = BadObjective;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let metric = parse(text).ok_or_else(|| BadObjective(text.to_owned()))?;
        Ok(Objective { text: text.trim().to_owned(), metric })
    }
}

fn parse(text: &str) -> Option<Metric> {
    let (name, limit) = text.split_once('<')?;
    let limit = limit.trim_start_matches('=').trim();
    let slow = |share: f64| {
        let nanos = u64::try_from(time(limit)?.as_nanos()).ok()?;
        Some(Metric::Slow { share, nanos })
    };
    match name.trim() {
        "p50" => slow(0.5),
        "p75" => slow(0.25),
        "p90" => slow(0.1),
        "p95" => slow(0.05),
        "p99" => slow(0.01),
        "p99.9" => slow(0.001),
        "mean" => Some(Metric::Mean { seconds: time(limit)?.as_secs_f64() }),
        "errors" => {
            let share = limit.strip_suffix('%')?.trim().parse::<f64>().ok()? / 100.0;
            (share > 0.0 && share < 1.0).then_some(Metric::Errors { share })
        }
        _ => None,
    }
}

/// A time of more than zero, as `50ms`.
fn time(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let unit = match text[digits..].trim() {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return None,
    };
    let seconds = text[..digits].parse::<f64>().ok()? * unit;
    (seconds > 0.0 && seconds <= 3600.0).then(|| Duration::from_secs_f64(seconds))
}

impl Objective {
    /// The objective that every search has unless another one speaks of errors: fewer than 1 %. A server that sheds its
    /// load with errors looks fast.
    pub fn few_errors() -> Self {
        Objective { text: "errors < 1%".to_owned(), metric: Metric::Errors { share: 0.01 } }
    }

    /// The objectives of a search for which these were asked: with [`Objective::few_errors`] where none speaks of errors.
    pub fn all(mut asked: Vec<Self>) -> Vec<Self> {
        if !asked.iter().any(|objective| matches!(objective.metric, Metric::Errors { .. })) {
            asked.push(Self::few_errors());
        }
        asked
    }

    /// The ratio has to stay below this.
    pub fn limit(&self) -> f64 {
        match self.metric {
            Metric::Slow { share, .. } | Metric::Errors { share } => share,
            Metric::Mean { seconds } => seconds,
        }
    }

    /// Whether the ratio is a share of the requests, from 0 to 1, rather than a time.
    pub fn is_share(&self) -> bool {
        !matches!(self.metric, Metric::Mean { .. })
    }

    /// The longest time that it allows, where it speaks of one. In seconds.
    pub fn seconds(&self) -> Option<f64> {
        match self.metric {
            Metric::Slow { nanos, .. } => Some(nanos as f64 / 1e9),
            Metric::Mean { seconds } => Some(seconds),
            Metric::Errors { .. } => None,
        }
    }

    /// What a tally says of it: both parts of the ratio. Times are those of the successes, and of what never got an answer.
    pub fn count(&self, tally: &Tally) -> (f64, f64) {
        let recorded = tally.response.len() as f64;
        match self.metric {
            Metric::Slow { nanos, .. } => {
                let within = match nanos {
                    0 => 0,
                    // Two times in the same bucket cannot be told apart, so the bucket of the limit is within.
                    _ => tally.response.count_between(0, nanos),
                };
                (recorded - within as f64, recorded)
            }
            Metric::Mean { .. } => {
                let sum = if tally.response.is_empty() { 0.0 } else { tally.response.mean() * recorded / 1e9 };
                (sum, recorded)
            }
            Metric::Errors { .. } => {
                let counts = &tally.counts;
                let outcomes = counts.done + counts.failures() + counts.unfinished;
                (counts.errors() as f64, outcomes as f64)
            }
        }
    }

    /// A value of the ratio, for a person.
    pub fn describe(&self, ratio: f64) -> String {
        match self.metric {
            Metric::Slow { nanos, .. } => {
                format!("{:.2} % take more than {}", 100.0 * ratio, milliseconds(nanos as f64 / 1e9))
            }
            Metric::Mean { .. } => format!("the mean is {}", milliseconds(ratio)),
            Metric::Errors { .. } => format!("{:.2} % are errors", 100.0 * ratio),
        }
    }
}

fn milliseconds(seconds: f64) -> String {
    let text = format!("{:.3}", seconds * 1e3);
    format!("{} ms", text.trim_end_matches('0').trim_end_matches('.'))
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_and_refused() {
        for (text, limit) in [
            ("p99 < 50ms", 0.01),
            ("p99.9<=1.5s", 0.001),
            (" p50 < 200us", 0.5),
            ("errors < 0.1%", 0.001),
            ("mean<20ms", 0.02),
        ] {
            let objective: Objective = text.parse().expect(text);
            assert!((objective.limit() - limit).abs() < 1e-12, "{text}: {objective:?}");
        }
        for text in [
            "p99 > 50ms",
            "p98 < 5ms",
            "p99 < 50",
            "p99 < 0ms",
            "errors < 5",
            "errors < 0%",
            "max < 1s",
            "",
            "p99 < nan ms",
        ] {
            assert!(text.parse::<Objective>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_percentile_is_a_share_of_slow_requests() {
        let mut tally = Tally::default();
        for millis in 1..=100_u64 {
            tally.response.record(millis * 1_000_000).expect("within the bounds");
        }
        (tally.counts.due, tally.counts.done, tally.counts.ok) = (100, 100, 93);
        let of = |text: &str| text.parse::<Objective>().expect("an objective").count(&tally);
        assert_eq!(of("p99 < 90ms"), (10.0, 100.0));
        assert_eq!(of("p99 < 100ms"), (0.0, 100.0));
        assert_eq!(of("errors < 1%"), (7.0, 100.0));
        let (sum, count) = of("mean < 1s");
        assert!((sum / count - 0.0505).abs() < 1e-4);
    }
}
