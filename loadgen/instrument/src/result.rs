//! What a bench found: the shape of `bench.json`, version 1.
//!
//! The report and the comparison are made from this and from nothing else.

use std::collections::BTreeMap;

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Load, Opening, Resolve};
use crate::failure::Failure;
use crate::intervals::Intervals;
use crate::machine::Machine;
use crate::report::Report;
use crate::schedule::Arrivals;
use crate::segment::Segment;
use crate::tally::Counts;
use crate::timeline::told;
use crate::usage::AddressUse;

/// The version of this shape, written as `schema`.
pub const SCHEMA: u32 = 1;

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Bench {
    /// Version of this shape: 1.
    pub schema: u32,
    /// The program that wrote the file, as `loadgen 0.1.0`.
    pub generator: String,
    /// When the measuring began, in seconds since 1970 in UTC.
    pub started_unix_s: f64,
    /// How long was measured, in seconds.
    pub elapsed_s: f64,
    /// True when ^C ended the run early.
    pub interrupted: bool,
    /// What was asked for.
    pub settings: Settings,
    /// Where it was measured.
    pub machine: Machine,
    /// Requests of the measured time: due = done + failed + unfinished.
    pub requests: Requests,
    /// Requests of the warm-up, kept apart.
    pub warm_up: Requests,
    /// Answers by status code.
    pub statuses: BTreeMap<u16, u64>,
    /// Successes per second. Files that do not say `ok` count every answer here.
    pub requests_per_second: f64,
    /// Requests per second that were due.
    pub due_per_second: f64,
    /// Share of the due requests that failed or were answered with a status that is no success, from 0 to 1.
    pub error_share: f64,
    /// Bytes of content in the answers.
    pub body_bytes: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Attempts to open a connection up front that failed.
    #[serde(default)]
    pub connections_failed: u64,
    /// The most requests that one connection carried to their answer; absent in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busiest_connection: Option<u64>,
    /// Use of the name's addresses; absent in older files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// Requests that found no free connection when they were due.
    pub waited_for_connection: u64,
    /// From when a request was due until its answer was complete. Holds the successes (in older files, all answers), and at
    /// least the age of those that timed out or were unfinished.
    pub response: Times,
    /// The same for answers whose status is no success; absent where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_response: Option<Times>,
    /// From when a request was written until its answer was complete.
    pub service: Times,
    /// How late the generator itself was; empty in a closed loop.
    pub slip: Times,
    /// How the generator itself did.
    pub load_generator: LoadGenerator,
    /// How sure the main figures are; absent in older files.
    #[serde(default)]
    pub intervals: Intervals,
    /// The run over time.
    pub timeline: Vec<Point>,
}

/// What was asked for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// The URL.
    pub url: String,
    /// The method.
    pub method: String,
    /// Bytes of the request's body.
    pub body_bytes: u64,
    /// `closed` or `open`.
    pub loop_kind: String,
    /// `constant` or `poisson`, in an open loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<String>,
    /// Seed of Poisson arrivals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The rate over time, in an open loop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageSetting>,
    /// Connections; in an open loop that opens them as needed, the most that are opened.
    pub connections: u64,
    /// `up-front` or `as-needed`; absent in older files, whose connections were opened as needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// Age from which a connection takes no further request, in seconds, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_s: Option<f64>,
    /// Statuses that count as success, as `200..399`; absent in older files, for which it is 100..399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<String>,
    /// Part of a plan that several generators share, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentSetting>,
    /// Threads that send.
    pub threads: u64,
    /// Whether connections are kept between requests.
    pub keep_alive: bool,
    /// `once` or `each`.
    pub resolve: String,
    /// Length of the warm-up, in seconds.
    pub warm_up_s: f64,
    /// How long to measure, in seconds, where that was asked for.
    pub duration_s: Option<f64>,
    /// How many requests to measure, where that was asked for.
    pub requests: Option<u64>,
    /// How long to wait at the end for requests that were due before it, in seconds.
    pub drain_s: f64,
    /// Time that a request may take, in seconds.
    pub timeout_s: f64,
}

/// A part of a plan: every `of`-th request, from number `index` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentSetting {
    /// Its first request, counted from 0.
    pub index: u64,
    /// Into how many parts the plan is divided.
    pub of: u64,
}

/// Use of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    /// The address with its port.
    pub address: String,
    /// Connections opened to it.
    pub connections: u64,
    /// Measured requests that it answered.
    pub answers: u64,
}

/// A stage of an open loop.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageSetting {
    /// Length in seconds; absent where it has no end of its own.
    pub seconds: Option<f64>,
    /// Requests per second at its start.
    pub from: f64,
    /// Requests per second at its end.
    pub to: f64,
}

/// Requests by outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    /// Requests that became due.
    pub due: u64,
    /// Requests that got a complete answer, whatever its status.
    pub done: u64,
    /// Those of them whose status counts as success; absent in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<u64>,
    /// Requests that failed.
    pub failed: u64,
    /// Requests without an outcome when the run ended.
    pub unfinished: u64,
    /// The failed ones by kind.
    pub failures: BTreeMap<String, u64>,
}

/// Where the times of many requests lie, in milliseconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Times {
    /// How many were recorded.
    pub count: u64,
    /// Arithmetic mean.
    pub mean_ms: f64,
    /// Smallest.
    pub min_ms: f64,
    /// Median. Null, as each percentile, where there are too few to tell it: `untold` says how many it needs.
    pub p50_ms: Option<f64>,
    /// 75th percentile.
    pub p75_ms: Option<f64>,
    /// 90th percentile.
    pub p90_ms: Option<f64>,
    /// 95th percentile; absent in older files.
    #[serde(default)]
    pub p95_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// 99.9th percentile.
    pub p99_9_ms: Option<f64>,
    /// 99.99th percentile.
    pub p99_99_ms: Option<f64>,
    /// Why percentiles are null; absent where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<String>,
    /// Largest.
    pub max_ms: f64,
    /// The whole histogram in nanoseconds: HdrHistogram's V2 encoding, deflated, base64.
    pub histogram: String,
}

/// How the generator itself did.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LoadGenerator {
    /// Processor time that it used, in seconds.
    pub cpu_s: f64,
    /// The share of their time that its threads were not asleep, from 0 to 1.
    pub busy: f64,
    /// Time since the measuring began for which its threads could have run and had no processor, in seconds; 0 in older files.
    #[serde(default)]
    pub starved_s: f64,
    /// Time that it stood still, in pauses of 50 ms and more since the measuring began, in seconds.
    pub paused_s: f64,
    /// Number of such pauses.
    pub pauses: u64,
    /// Whether the figures are the generator's rather than the server's.
    pub was_the_limit: bool,
    /// Why, one sentence each.
    pub limits: Vec<String>,
}

/// A piece of the run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// Its begin, in seconds from the begin of the measuring.
    pub from_s: f64,
    /// Its end; the same as its begin where it is what came after the measured time.
    pub to_s: f64,
    /// Requests that became due, by the schedule where there is one. In older files: requests that were begun.
    pub due: u64,
    /// Requests that were answered.
    pub done: u64,
    /// Those whose status counts as success; absent in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<u64>,
    /// Requests that failed or were answered with a status that is no success.
    pub errors: u64,
    /// Median response time; null, as each percentile, where too few were recorded to tell it.
    pub p50_ms: Option<f64>,
    /// 90th percentile.
    pub p90_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Largest response time.
    pub max_ms: Option<f64>,
    /// Largest slip.
    pub slip_max_ms: f64,
}

impl Requests {
    fn of(counts: &Counts) -> Self {
        let failures = Failure::ALL.into_iter().map(|kind| (kind.name().to_owned(), counts.failed[kind as usize]));
        Requests {
            due: counts.due,
            done: counts.done,
            ok: Some(counts.ok),
            failed: counts.failures(),
            unfinished: counts.unfinished,
            failures: failures.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl Address {
    fn of(used: &AddressUse) -> Self {
        Address { address: used.address.to_string(), connections: used.connections, answers: used.answers }
    }
}

impl Times {
    /// Sums up a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |share: f64| told(histogram, share).map(|nanos| nanos as f64 / 1e6);
        Times {
            count: histogram.len(),
            mean_ms: if histogram.is_empty() { 0.0 } else { histogram.mean() / 1e6 },
            min_ms: if histogram.is_empty() { 0.0 } else { histogram.min() as f64 / 1e6 },
            p50_ms: at(0.5),
            p75_ms: at(0.75),
            p90_ms: at(0.9),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            p99_9_ms: at(0.999),
            p99_99_ms: at(0.9999),
            untold: stats::quantile::untold(&[0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999], histogram.len()),
            max_ms: at(1.0).unwrap_or_default(),
            histogram: encode(histogram),
        }
    }

    /// The whole histogram, in nanoseconds.
    pub fn decode(&self) -> Result<Histogram<u64>, String> {
        let bytes = base64::engine::general_purpose::STANDARD.decode(&self.histogram).map_err(|e| e.to_string())?;
        Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())
    }
}

fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("a histogram of fixed bounds is always written to memory");
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

impl Settings {
    fn of(config: &Config) -> Self {
        let (loop_kind, arrivals, seed, stages) = match &config.load {
            Load::Closed => ("closed", None, None, Vec::new()),
            Load::Open { stages, arrivals: Arrivals::Constant, .. } => ("open", Some("constant"), None, stages.clone()),
            Load::Open { stages, arrivals: Arrivals::Poisson, seed } => {
                ("open", Some("poisson"), Some(*seed), stages.clone())
            }
        };
        let finite = |seconds: f64| seconds.is_finite().then_some(seconds);
        Settings {
            url: config.target.to_string(),
            method: config.request.method.clone(),
            body_bytes: config.request.body.len() as u64,
            loop_kind: loop_kind.to_owned(),
            arrivals: arrivals.map(str::to_owned),
            seed,
            stages: stages
                .iter()
                .map(|stage| StageSetting { seconds: finite(stage.seconds), from: stage.from, to: stage.to })
                .collect(),
            connections: config.connections as u64,
            open: Some(match config.opening {
                Opening::UpFront => "up-front".to_owned(),
                Opening::AsNeeded => "as-needed".to_owned(),
            }),
            max_age_s: config.max_age.map(|age| age.as_secs_f64()),
            ok: Some(config.ok.to_string()),
            segment: (config.segment != Segment::WHOLE)
                .then(|| SegmentSetting { index: config.segment.first(), of: config.segment.step() }),
            threads: config.threads as u64,
            keep_alive: config.request.keep_alive,
            resolve: match config.resolve {
                Resolve::Once => "once".to_owned(),
                Resolve::Each => "each".to_owned(),
            },
            warm_up_s: config.warm_up.as_secs_f64(),
            duration_s: config.duration.map(|duration| duration.as_secs_f64()),
            requests: config.requests,
            drain_s: config.drain.as_secs_f64(),
            timeout_s: config.timeout.as_secs_f64(),
        }
    }
}

impl Bench {
    /// The result of a run.
    pub fn of(config: &Config, report: &Report) -> Self {
        let total = &report.total;
        let started = report.started.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let interval = report.interval.as_secs_f64();
        let elapsed = report.elapsed.as_secs_f64();
        let timeline = report.timeline.points().iter().map(|point| {
            let at = |share: f64| point.quantile(share).map(|nanos| nanos as f64 / 1e6);
            let from = point.first as f64 * interval;
            Point {
                from_s: from,
                to_s: ((point.first + point.intervals) as f64 * interval).min(elapsed).max(from),
                due: point.due,
                done: point.done,
                ok: Some(point.ok),
                errors: point.failed,
                p50_ms: at(0.5),
                p90_ms: at(0.9),
                p99_ms: at(0.99),
                max_ms: at(1.0),
                slip_max_ms: point.slip_max as f64 / 1e6,
            }
        });
        let generator = &report.generator;
        Bench {
            schema: SCHEMA,
            generator: concat!("loadgen ", env!("CARGO_PKG_VERSION")).to_owned(),
            started_unix_s: started.as_secs_f64(),
            elapsed_s: elapsed,
            interrupted: report.interrupted,
            settings: Settings::of(config),
            machine: Machine::here(),
            requests: Requests::of(&total.counts),
            warm_up: Requests::of(&total.warm_up),
            statuses: total.statuses().collect(),
            requests_per_second: report.rate(),
            due_per_second: report.due_rate(),
            error_share: report.error_share(),
            body_bytes: total.body_bytes,
            connections_opened: total.connections,
            connections_failed: total.unopened,
            busiest_connection: Some(report.usage.busiest),
            addresses: report.usage.addresses.iter().map(Address::of).collect(),
            waited_for_connection: total.waited,
            response: Times::of(&total.response),
            error_response: (!total.error_response.is_empty()).then(|| Times::of(&total.error_response)),
            service: Times::of(&total.service),
            slip: Times::of(&total.slip),
            load_generator: LoadGenerator {
                cpu_s: generator.cpu.as_secs_f64(),
                busy: generator.busy,
                starved_s: generator.starved.as_secs_f64(),
                paused_s: generator.paused.as_secs_f64(),
                pauses: generator.pauses,
                was_the_limit: report.generator_was_the_limit(),
                limits: generator.limits.clone(),
            },
            intervals: Intervals::of(report),
            timeline: timeline.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::histogram;

    #[test]
    fn the_published_schema_is_that_of_the_code() {
        let schema = schemars::schema_for!(Bench);
        let ours = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/bench.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, &ours).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap();
        assert!(published == ours, "bench.schema.json is out of date; run the tests with UPDATE_SCHEMA=1");
    }

    /// The file once gave a p99.99 of 50 samples.
    #[test]
    fn percentiles_that_cannot_be_told_are_null_with_the_reason() {
        let mut times = histogram();
        times.record_n(1_000_000, 50).unwrap();
        let written = serde_json::to_value(Times::of(&times)).unwrap();
        assert!(written["p90_ms"].is_number() && written["max_ms"].is_number(), "{written}");
        assert!(written["p99_ms"].is_null() && written["p99_99_ms"].is_null(), "{written}");
        assert_eq!(
            written["untold"],
            "p95 needs 72, p99 needs 368, p99.9 needs 3688, p99.99 needs 36887 samples; there were 50"
        );
    }

    #[test]
    fn a_histogram_survives_the_file() {
        let mut times = histogram();
        for value in [1, 1_000, 50_000_000, 3_000_000_000] {
            times.record(value).unwrap();
        }
        let read = Times::of(&times).decode().unwrap();
        assert_eq!(read.len(), 4);
        assert_eq!(read.value_at_quantile(0.5), times.value_at_quantile(0.5));
        assert_eq!(read.max(), times.max());
    }
}
