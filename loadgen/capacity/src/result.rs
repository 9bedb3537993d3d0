//! What a search found: the shape of `capacity.json`, version 1.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Answer, Evidence, Objective, Options};

/// The version of this shape, written as `schema`.
pub const SCHEMA: u32 = 1;

/// A search for the capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    /// Version of this shape: 1.
    pub schema: u32,
    /// The program that wrote the file, as `loadgen 0.1.0`.
    pub generator: String,
    /// What was loaded, as a URL or the name of a service.
    pub target: String,
    /// What it had to keep.
    pub objectives: Vec<String>,
    /// `constant` or `poisson`.
    pub arrivals: String,
    /// `found`, `at-least`, `generator-limit`, `never`, `unsettled` or `interrupted`.
    pub outcome: String,
    /// The highest rate at which all objectives held, in requests a second: the capacity.
    pub capacity_per_second: Option<f64>,
    /// The lowest rate at which one did not.
    pub fails_per_second: Option<f64>,
    /// Between these rates the capacity lies without doubt, at 95 %.
    pub interval: Interval,
    /// The outcome in one sentence.
    pub sentence: String,
    /// Length of the run that confirms the answer, in seconds.
    pub confirm_s: f64,
    /// Ends of the bracket differ by no more than this share.
    pub tolerance: f64,
    /// Every rate that was tried, from the lowest.
    pub rates: Vec<Rate>,
}

/// Where the capacity lies without doubt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// The highest rate that surely holds, of those up to the capacity.
    pub low_per_second: Option<f64>,
    /// The lowest rate that surely does not, of those above.
    pub high_per_second: Option<f64>,
}

impl Interval {
    /// Reads it from the evidence, which is in the order of the rates.
    fn of(evidence: &[Evidence], objectives: &[Objective], holds: Option<f64>) -> Self {
        let capacity = holds.unwrap_or(0.0);
        let sure = |evidence: &&Evidence| {
            let judgement = evidence.judge(objectives);
            judgement.sure && judgement.holds == (evidence.rate <= capacity)
        };
        let rate = |evidence: &Evidence| evidence.rate;
        Interval {
            low_per_second: evidence.iter().rev().filter(|e| e.rate <= capacity).find(sure).map(rate),
            high_per_second: evidence.iter().filter(|e| e.rate > capacity).find(sure).map(rate),
        }
    }
}

/// One rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rate {
    /// Requests a second that were offered.
    pub offered_per_second: f64,
    /// Requests a second that were answered.
    pub answered_per_second: f64,
    /// Trials at this rate.
    pub trials: u64,
    /// How long they were, together, in seconds.
    pub seconds: f64,
    /// Whether all objectives held.
    pub holds: bool,
    /// Whether the interval leaves no doubt.
    pub sure: bool,
    /// The objective that is closest to its limit, in words.
    pub reason: String,
    /// Median response time; absent where nothing was answered.
    pub p50_ms: Option<f64>,
    /// 90th percentile.
    pub p90_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
}

impl Rate {
    fn of(evidence: &Evidence, objectives: &[Objective]) -> Self {
        let judgement = evidence.judge(objectives);
        let at = |share: f64| evidence.quantile(share).map(|seconds| seconds * 1e3);
        Rate {
            offered_per_second: evidence.rate,
            answered_per_second: evidence.answered_per_second(),
            trials: evidence.trials() as u64,
            seconds: evidence.seconds(),
            holds: judgement.holds,
            sure: judgement.sure,
            reason: judgement.reason,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
        }
    }
}

impl Capacity {
    /// The result of a search.
    pub fn of(
        target: &str,
        arrivals: &str,
        objectives: &[Objective],
        options: &Options,
        answer: &Answer,
        evidence: &[Evidence],
    ) -> Self {
        let (outcome, capacity, fails) = match answer {
            Answer::Found { holds, fails } => ("found", Some(*holds), Some(*fails)),
            Answer::AtLeast { holds } => ("at-least", Some(*holds), None),
            Answer::GeneratorLimit { holds, .. } => ("generator-limit", *holds, None),
            Answer::Never { at, .. } => ("never", None, Some(*at)),
            Answer::Unsettled { holds, fails, .. } => ("unsettled", *holds, *fails),
            Answer::Interrupted { holds, fails } => ("interrupted", *holds, *fails),
        };
        let interval = Interval::of(evidence, objectives, capacity);
        let names: Vec<String> = objectives.iter().map(ToString::to_string).collect();
        Capacity {
            schema: SCHEMA,
            generator: concat!("loadgen ", env!("CARGO_PKG_VERSION")).to_owned(),
            target: target.to_owned(),
            arrivals: arrivals.to_owned(),
            outcome: outcome.to_owned(),
            capacity_per_second: capacity,
            fails_per_second: fails,
            interval,
            sentence: sentence(target, &names.join(" and "), answer, interval),
            objectives: names,
            confirm_s: options.confirm.as_secs_f64(),
            tolerance: options.tolerance,
            rates: evidence.iter().map(|evidence| Rate::of(evidence, objectives)).collect(),
        }
    }
}

/// A rate with three significant digits or more.
pub fn per_second(rate: f64) -> String {
    match rate {
        rate if rate >= 100.0 => format!("{rate:.0}/s"),
        rate if rate >= 10.0 => format!("{rate:.1}/s"),
        rate => format!("{rate:.2}/s"),
    }
}

fn sentence(target: &str, objectives: &str, answer: &Answer, interval: Interval) -> String {
    let far = |holds: &Option<f64>, fails: &Option<f64>| {
        let holds = holds.map_or("no rate holds".to_owned(), |rate| format!("{} holds", per_second(rate)));
        let fails = fails.map_or("none fails yet".to_owned(), |rate| format!("{} does not", per_second(rate)));
        format!("{holds}, {fails}")
    };
    match answer {
        Answer::Found { holds, fails } => {
            let end = |rate: Option<f64>, none: &str| rate.map_or(none.to_owned(), per_second);
            format!(
                "{target} keeps {objectives} up to {} and not at {}; without doubt it is from {} to {}",
                per_second(*holds),
                per_second(*fails),
                end(interval.low_per_second, "nothing"),
                end(interval.high_per_second, "no end"),
            )
        }
        Answer::AtLeast { holds } => {
            format!("{target} keeps {objectives} at {}, the highest rate that was to be tried", per_second(*holds))
        }
        Answer::GeneratorLimit { holds, at, reason } => {
            let holds = holds.map_or("no rate was reached".to_owned(), |rate| {
                format!("{target} keeps {objectives} at {} at least", per_second(rate))
            });
            format!("{holds}, but at {} the generator itself is the limit: {reason}", per_second(*at))
        }
        Answer::Never { at, reason } => {
            format!("{target} does not keep {objectives} even at {}: {reason}", per_second(*at))
        }
        Answer::Unsettled { holds, fails, gone: Some(reason) } => {
            format!(
                "no answer: the service went away after the last trial and did not come back ({reason}); {}",
                far(holds, fails)
            )
        }
        Answer::Unsettled { holds: Some(holds), fails: None, .. } => format!(
            "no answer: {target} seems to keep {objectives} at {}, the highest rate that was tried, but too few requests were \
             measured to be sure; a longer --confirm measures more",
            per_second(*holds)
        ),
        Answer::Unsettled { holds, fails, .. } => {
            format!("no answer: the verdicts went to and fro until the trials were used up; {}", far(holds, fails))
        }
        Answer::Interrupted { holds, fails } => format!("ended before the answer was confirmed; {}", far(holds, fails)),
    }
}
