//! What a sweep found: the shape of `sweep.json`, version 2.
//!
//! Version 1 knew dockercoins only: its steps say `hashes_per_second`, and `workers` beside `replicas`. It is read as version 2.
//!
//! Everything that the report, the table and the verdict say is computed from this and from nothing else, so a
//! report can be made again from the file alone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use stats::Estimate;

/// The version of this shape, written as `schema`.
pub const SCHEMA: u32 = 2;

/// The oldest version that can be read.
pub const OLDEST: u32 = 1;

/// One run of the experiment.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Sweep {
    /// Version of this shape: 2.
    pub schema: u32,
    /// The program that wrote the file, as `loadgen 0.1.0`.
    pub generator: String,
    /// When the run began, RFC 3339 in UTC.
    pub started: String,
    /// How long the whole run took, in seconds.
    pub took_s: f64,
    /// True when ^C or an error ended the run early: the steps are those that were finished.
    pub interrupted: bool,
    /// The error that ended it early, and what could not be put back at its end; absent where neither was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Where the application ran: `embedded`, `compose` or `swarm`.
    pub platform: String,
    /// What was asked for.
    pub settings: Settings,
    /// Where it was measured.
    pub machine: Machine,
    /// One entry for each number of replicas and each repeat, in the order of the run.
    pub steps: Vec<Step>,
    /// The whole run, second by second or finer, settling included.
    pub timeline: Vec<Sample>,
    /// What limits the system.
    pub verdict: Verdict,
    /// The scalability laws fitted to the steps, best first.
    pub fits: Vec<Fit>,
    /// The laws that could not be fitted.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

/// The settings of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// The service whose replicas are swept, `worker` unless told otherwise.
    pub scaled: String,
    /// The numbers of replicas, in the order measured.
    pub replicas: Vec<u32>,
    /// Fixed replicas of the other services.
    pub set: BTreeMap<String, u32>,
    /// What the throughput counts, each second: `hashes/s` or `requests/s`.
    #[serde(default = "hashes")]
    pub unit: String,
    /// What drives the service: `closed:64`, `500/s` or `capacity:p99<50ms`; absent where the application's own workers do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
    /// Where the load is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Throughputs of which it is asked how many replicas they need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub need: Vec<f64>,
    /// The settings of dockercoins; absent where another service is measured.
    #[serde(flatten)]
    pub dockercoins: Option<Dockercoins>,
    /// How long each step is measured, in seconds; at most, where a precision is asked for.
    pub measure_s: f64,
    /// A step is measured until half the width of its interval is within this share of its throughput.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// How long a step may take to become steady, in seconds.
    pub settle_s: f64,
    /// How many times each step is measured.
    pub repeats: u32,
}

/// The unit of version 1, and of dockercoins.
fn hashes() -> String {
    "hashes/s".to_owned()
}

/// What dockercoins was started with: its theory follows from this.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dockercoins {
    /// Delay of rng for each `GET /{n}`, in milliseconds.
    pub rng_delay_ms: f64,
    /// Delay of hasher for each `POST /`, in milliseconds.
    pub hasher_delay_ms: f64,
    /// The worker's pause in each loop, in milliseconds.
    pub think_ms: f64,
    /// Requests that one replica of rng answers at a time; 0 for no limit.
    pub rng_concurrency: u32,
    /// Requests that one replica of hasher answers at a time; 0 for no limit.
    pub hasher_concurrency: u32,
    /// Loops that one worker runs side by side.
    pub loops: u32,
    /// Whether workers keep connections open between requests.
    pub keep_alive: bool,
    /// Where hashes are counted: `memory` or `redis`.
    pub ledger: String,
}

impl Dockercoins {
    /// The application as it comes: 100 ms each, and one request at a time in rng.
    pub fn plain() -> Self {
        Self {
            rng_delay_ms: 100.0,
            hasher_delay_ms: 100.0,
            think_ms: 100.0,
            rng_concurrency: 1,
            loops: 1,
            ..Self::default()
        }
    }
}

/// What drives a service that finds its work itself, before the name of the counter that is followed.
const ITS_OWN: &str = "its own, by ";

impl Settings {
    /// The load of a service that finds its work itself, and whose counter is followed.
    pub fn own_load(counter: impl std::fmt::Display) -> String {
        format!("{ITS_OWN}{counter}")
    }

    /// The counter that is followed, where the service finds its work itself.
    pub fn counter(&self) -> Option<&str> {
        self.load.as_deref()?.strip_prefix(ITS_OWN)
    }

    /// How many steps there are, repeats among them.
    pub fn steps(&self) -> usize {
        self.replicas.len() * self.repeats as usize
    }

    /// Loops that one worker of dockercoins runs side by side; 1 where there is no such thing.
    pub fn loops(&self) -> u32 {
        self.dockercoins.as_ref().map_or(1, |found| found.loops.max(1))
    }

    /// The replicas of every service in the step with so many of the swept one.
    pub fn replicas_at(&self, count: u32) -> BTreeMap<String, u32> {
        let mut replicas = self.set.clone();
        replicas.insert(self.scaled.clone(), count);
        replicas
    }
}

/// The machine that measured, and the nodes that ran the application.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Host name.
    pub hostname: String,
    /// Operating system, as `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// Model of the processor.
    pub cpu: String,
    /// Processors that the program may use; those of the application's nodes stand with `nodes`.
    pub cpus: u32,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// The Docker engine's version, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The nodes of the swarm, where there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
}

/// A machine of the swarm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "NodeAsWritten")]
pub struct Node {
    /// Its host name.
    pub name: String,
    /// Its processors; 0 where they are not known.
    pub cpus: u32,
    /// Its memory, in bytes; 0 where it is not known.
    pub memory_bytes: u64,
    /// The machine that it shares with the other nodes of the same word: they have the same processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
}

/// A node in a file: older ones have its name alone.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum NodeAsWritten {
    /// Its host name.
    Name(String),
    /// The node with what it has.
    Whole {
        /// Its host name.
        name: String,
        /// Its processors; 0 where they are not known.
        cpus: u32,
        /// Its memory, in bytes; 0 where it is not known.
        memory_bytes: u64,
        /// The machine that it shares with the other nodes of the same word: they have the same processors.
        #[serde(default)]
        machine: Option<String>,
    },
}

impl From<NodeAsWritten> for Node {
    fn from(written: NodeAsWritten) -> Self {
        match written {
            NodeAsWritten::Name(name) => Self { name, ..Self::default() },
            NodeAsWritten::Whole { name, cpus, memory_bytes, machine } => Self { name, cpus, memory_bytes, machine },
        }
    }
}

/// Where the times of many requests or loops lie, in milliseconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// How many failed; they are not in the percentiles.
    pub failed: u64,
    /// Arithmetic mean.
    pub mean_ms: f64,
    /// Median. Null, as each percentile, where there are too few to tell it: `untold` says how many it needs.
    pub p50_ms: Option<f64>,
    /// 90th percentile.
    pub p90_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Why percentiles are null; absent where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<String>,
    /// Largest.
    pub max_ms: f64,
}

impl Latency {
    /// The share of the requests that failed; nothing where there was none.
    pub fn failed_share(&self) -> Option<f64> {
        let all = self.count + self.failed;
        (all > 0).then(|| self.failed as f64 / all as f64)
    }

    /// Of so many times, of which `at` gives a quantile in milliseconds.
    pub fn of(count: u64, failed: u64, mean_ms: f64, at: impl Fn(f64) -> f64) -> Self {
        let told = |share: f64| stats::quantile::told(share, count, || at(share));
        Self {
            count,
            failed,
            mean_ms,
            p50_ms: told(0.5),
            p90_ms: told(0.9),
            p99_ms: told(0.99),
            untold: stats::quantile::untold(&[0.5, 0.9, 0.99], count),
            max_ms: at(1.0),
        }
    }
}

/// One measured step.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Replicas of every service that was scaled or set.
    pub replicas: BTreeMap<String, u32>,
    /// Which repeat of this step, from 1.
    pub repeat: u32,
    /// When the measuring began, in seconds from the start of the run.
    pub from_s: f64,
    /// When the measuring ended, in seconds from the start of the run.
    pub to_s: f64,
    /// Time from asking for the replicas until all of them ran, in seconds.
    pub converged_s: f64,
    /// Whether the rate was steady before the measuring began.
    pub steady: bool,
    /// Measured throughput, in the settings' unit: with a capacity load the highest rate that keeps the objective.
    #[serde(alias = "hashes_per_second")]
    pub throughput: Estimate,
    /// What the settings give by theory: min(N/(D+Z), m/D), which is exact for the constant delays that the services
    /// have, and the upper bound for any other. Absent where all delays are zero, so that the processor is the limit.
    #[serde(alias = "theory_hashes_per_second")]
    pub theory: Option<f64>,
    /// What random (exponential) delays of the same mean would give, by exact mean-value analysis. Absent where the
    /// theory is.
    #[serde(alias = "mva_hashes_per_second")]
    pub mva: Option<f64>,
    /// Time of a worker's whole loop, or from a request to its answer where there are no workers.
    pub loop_time: Latency,
    /// What a probe of a service's `GET /` waited, by service.
    pub probes: BTreeMap<String, Latency>,
    /// The same probes as HDR histograms in microseconds: V2 deflate, base64.
    #[serde(default)]
    pub probe_histograms: BTreeMap<String, String>,
    /// Share of time that a service's slots were busy, from 0 to 1, by service.
    pub utilisation: BTreeMap<String, f64>,
    /// Mean number of requests that waited for a slot, by service; the experiment's own probes are taken off.
    pub queue: BTreeMap<String, f64>,
    /// Processor time used for each second, in cores, by service (`all` where services share one process).
    pub cpu_cores: BTreeMap<String, f64>,
    /// Processor time that the application could have used for each second and did not get, in cores: its threads waited for
    /// a processor that other programs or each other had, or the host took it. Absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_starved: Option<f64>,
    /// Which node had which task; empty where there are no nodes.
    pub placement: Vec<Placement>,
    /// Share of the processors of each node that was busy, from 0 to 1, whatever ran there; empty where it is not known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_busy: BTreeMap<String, f64>,
    /// Share of the answers that each replica of the swept service gave, by task; empty where it is not known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<String, f64>,
    /// Why the load generator was the limit, where it was: the service may be able to do more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_limit: Option<String>,
    /// Time from losing a task or node until all replicas ran again, in seconds, where that happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_s: Option<f64>,
    /// What a reader should know about this step, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Sweep {
    /// Whether anything was sent: a service whose own counter is followed is asked for nothing.
    pub fn sends(&self) -> bool {
        self.steps.iter().any(|step| step.loop_time.failed_share().is_some())
    }
}

impl Step {
    /// How many replicas of the swept service this step had.
    pub fn swept(&self, settings: &Settings) -> u32 {
        self.replicas.get(&settings.scaled).copied().unwrap_or_default()
    }

    /// Replicas of the worker of dockercoins.
    pub fn workers(&self) -> u32 {
        self.replicas.get("worker").copied().unwrap_or_default()
    }

    /// How far the measured throughput is from the theory, as a share of it.
    pub fn deviation(&self) -> Option<f64> {
        self.theory.map(|theory| self.throughput.value / theory - 1.0)
    }

    /// Processor time used by all services together, in cores.
    pub fn cores(&self) -> f64 {
        self.cpu_cores.values().sum()
    }
}

/// One task on one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Placement {
    /// The service it belongs to.
    pub service: String,
    /// Its name, as `worker.3`.
    pub task: String,
    /// The node it ran on.
    pub node: String,
    /// Processor time that it used for each second, in cores; absent where it does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_cores: Option<f64>,
    /// Memory that it had at the end, in bytes; absent where it does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// A moment of the run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// Seconds from the start of the run.
    pub at_s: f64,
    /// Replicas of the swept service asked for at this time.
    pub replicas: u32,
    /// True while the step is measured, false while it settles.
    pub measuring: bool,
    /// Throughput over the last sampling interval; absent where it could not be read.
    #[serde(alias = "hashes_per_second")]
    pub throughput: Option<f64>,
    /// The last probe's time in milliseconds, by service.
    pub probe_ms: BTreeMap<String, f64>,
}

/// What limits the system, and how one knows.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The service that is the bottleneck, or `cpu` where the processors are; absent where none was reached.
    pub bottleneck: Option<String>,
    /// The finding in one sentence.
    pub sentence: String,
    /// The facts that it follows from, one sentence each.
    pub evidence: Vec<String>,
}

/// A scalability law fitted to the measured throughput.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Fit {
    /// `linear`, `amdahl`, `usl` or `cap`.
    pub law: String,
    /// The formula, as a person would write it.
    pub formula: String,
    /// Parameters by name, `lambda`, `sigma`, `kappa` and `cap`, with 95 % intervals by profile likelihood.
    pub parameters: BTreeMap<String, Estimate>,
    /// Coefficient of determination about the mean.
    pub r_squared: f64,
    /// Root of the mean squared residual, in the unit of the throughput.
    pub rmse: f64,
    /// Akaike's information criterion with the small-sample correction; smaller is better.
    pub aicc: f64,
    /// True for the law that the report says holds.
    pub chosen: bool,
    /// The law's value at each measured step, as pairs of replicas and throughput.
    pub predicted: Vec<(u32, f64)>,
}

/// A scalability law that could not be fitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// `linear`, `amdahl`, `usl` or `cap`.
    pub law: String,
    /// Why, in a few words.
    pub reason: String,
}
