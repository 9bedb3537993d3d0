//! Several runs of the same plan, and what varies between them.

use std::fmt::Write as _;

use anstyle::Style;
use instrument::result::Bench;
use serde::Serialize;
use stats::Estimate;
use stats::runs::{Between, between};

use super::parts::Whole;
use super::summary;

/// Runs differ by more than their own intervals explain, when chance alone would bring it less often than this.
const DIFFER: f64 = 0.01;

/// A figure between the runs, as it is written.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// `requests_per_second`, `p50_ms`, `p90_ms`, `p95_ms`, `p99_ms` or `error_share`.
    name: &'static str,
    /// The mean of the runs, with the 95 % interval that their differences give it.
    mean: Estimate,
    /// Standard deviation from run to run.
    deviation: f64,
    /// The least of the runs.
    least: f64,
    /// The most of the runs.
    most: f64,
    /// The probability of such differences where runs differ by no more than their own intervals say; null where a run has
    /// no interval.
    p_alike: Option<f64>,
}

/// All runs.
#[derive(Debug, Serialize)]
pub struct Repeated<'a> {
    schema: u32,
    /// What varies between them; figures that a run could not tell are left out.
    between_runs: Vec<Figure>,
    /// Each run.
    runs: Vec<Whole<'a>>,
}

/// What a figure is called in the files and on the screen, and where it stands in a result.
type Of = fn(&Bench) -> (Option<f64>, Option<Estimate>);
const FIGURES: [(&str, &str, Of); 6] = [
    ("requests_per_second", "requests/s", |run| (Some(run.requests_per_second), run.intervals.rate)),
    ("p50_ms", "p50 (ms)", |run| (run.response.p50_ms, run.intervals.p50_ms)),
    ("p90_ms", "p90 (ms)", |run| (run.response.p90_ms, run.intervals.p90_ms)),
    ("p95_ms", "p95 (ms)", |run| (run.response.p95_ms, run.intervals.p95_ms)),
    ("p99_ms", "p99 (ms)", |run| (run.response.p99_ms, run.intervals.p99_ms)),
    ("error_share", "errors", |run| (Some(run.error_share), run.intervals.error_share)),
];

impl<'a> Repeated<'a> {
    /// Puts the runs together.
    pub fn of(runs: Vec<Whole<'a>>) -> Self {
        let figure = |(name, _, of): (&'static str, &str, Of)| {
            let told = |run: &Whole<'_>| {
                let (value, own) = of(run.bench);
                (value.unwrap_or(f64::NAN), own)
            };
            let Between { mean, deviation, least, most, p } = between(&runs.iter().map(told).collect::<Vec<_>>())?;
            Some(Figure { name, mean, deviation, least, most, p_alike: p })
        };
        let between_runs = FIGURES.into_iter().filter_map(figure).collect();
        Repeated { schema: instrument::result::SCHEMA, between_runs, runs }
    }

    /// `repeat.json`: what varies, without the runs, which have files of their own.
    pub fn summary(&self) -> anyhow::Result<String> {
        let value =
            serde_json::json!({"schema": self.schema, "runs": self.runs.len(), "between_runs": self.between_runs});
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }

    /// The runs and what varies between them, as text.
    pub fn text(&self) -> String {
        let bold = Style::new().bold();
        let time = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| summary::time((ms * 1e6).round() as u64));
        let mut text = format!(
            "{bold}{:<9}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}{bold:#}\n",
            "", "requests/s", "p50", "p90", "p95", "p99", "errors"
        );
        for (number, Whole { bench, .. }) in self.runs.iter().enumerate() {
            let times = &bench.response;
            let _ = writeln!(
                text,
                "{:<9}{:>11}{:>11}{:>11}{:>11}{:>11}{:>9.2} %",
                format!("run {}", number + 1),
                summary::rate(bench.requests_per_second),
                time(times.p50_ms),
                time(times.p90_ms),
                time(times.p95_ms),
                time(times.p99_ms),
                100.0 * bench.error_share
            );
        }
        if self.runs.len() < stats::difference::LEAST_RUNS {
            text += "One run cannot show what varies between runs.\n";
            return text;
        }
        let _ = writeln!(
            text,
            "\n{bold}{:<12}{:>11}{:>23}{:>11}{:>11}{:>9}{bold:#}",
            "between runs", "mean", "95 % interval", "least", "most", "± a run"
        );
        for figure in &self.between_runs {
            let title = FIGURES.iter().find(|(name, ..)| *name == figure.name).map_or("", |(_, title, _)| title);
            let value = |value: f64| match figure.name {
                "error_share" => format!("{:.2} %", 100.0 * value),
                "requests_per_second" => summary::rate(value),
                _ => format!("{value:.3}"),
            };
            let range = format!("{} to {}", value(figure.mean.low), value(figure.mean.high));
            let spread = if figure.mean.value > 0.0 {
                format!("{:.1} %", 100.0 * figure.deviation / figure.mean.value)
            } else {
                "-".to_owned()
            };
            let (mean, least, most) = (value(figure.mean.value), value(figure.least), value(figure.most));
            let _ = writeln!(text, "{title:<12}{mean:>11}{range:>23}{least:>11}{most:>11}{spread:>9}");
        }
        text += &self.finding();
        text
    }

    /// Whether one run says how sure it is. Runs without an interval say nothing, and that is no agreement.
    fn finding(&self) -> String {
        let names = |of: &dyn Fn(&&Figure) -> bool| {
            let chosen = self.between_runs.iter().filter(of).map(|figure| figure.name.trim_end_matches("_ms"));
            chosen.collect::<Vec<_>>().join(", ").replace('_', " ")
        };
        let differ = names(&|figure| figure.p_alike.is_some_and(|p| p < DIFFER));
        let alike = names(&|figure| figure.p_alike.is_some_and(|p| p >= DIFFER));
        let untold = names(&|figure| figure.p_alike.is_none());
        if !differ.is_empty() {
            return format!(
                "Runs differ in {differ} by more than the interval of one run says (p < {DIFFER}):\n\
                 one run is too sure of itself here; compare several with several.\n"
            );
        }
        if alike.is_empty() {
            return "The runs are too short for an interval of their own: whether they differ by more than\n\
                    chance cannot be told. Longer runs, or more requests, have one.\n"
                .to_owned();
        }
        let rest = if untold.is_empty() { String::new() } else { format!("\nOf {untold} that cannot be told.") };
        let which = if untold.is_empty() { String::new() } else { format!(" in {alike}") };
        format!("The runs differ{which} by no more than the interval of each says.{rest}\n")
    }
}
