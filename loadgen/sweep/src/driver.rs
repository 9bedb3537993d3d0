//! What drives a service, and what is metered: the application's own workers and their ledger, or a load generator and the
//! answers that it gets. A sweep knows only this.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::platform::{Error, Replicas};
use crate::result::{Estimate, Latency, Sample, Settings};
use crate::run::{Outlook, Watcher};

/// Puts a service on a platform of kind `P` to work, and meters what comes of it.
#[expect(async_fn_in_trait, reason = "only this workspace implements and calls it, and needs no bounds on the futures")]
pub trait Driver<P> {
    /// Gets ready for the steps of a sweep. Called once before the first of them.
    ///
    /// # Errors
    /// There is nothing to drive or to meter.
    fn begin(&mut self, platform: &P) -> Result<(), Error>;

    /// Lets a step that was just scaled settle, and measures it; `None` where the run was stopped.
    ///
    /// # Errors
    /// The step cannot be measured.
    async fn step(&mut self, platform: &mut P, moment: &mut Moment<'_>) -> Result<Option<Measured>, Error>;
}

/// What was measured in a step.
#[derive(Debug)]
pub struct Measured {
    /// When the measuring began.
    pub from: Instant,
    /// When it ended.
    pub to: Instant,
    /// Whether the rate was steady before it began.
    pub steady: bool,
    /// The throughput, in the settings' unit; absent where it could not be read.
    pub throughput: Option<Estimate>,
    /// Time of a worker's loop, or from a request to its answer.
    pub loop_time: Latency,
    /// What a probe of a service waited, by service.
    pub probes: BTreeMap<String, Latency>,
    /// The same probes as HDR histograms in microseconds: V2 deflate, base64.
    pub probe_histograms: BTreeMap<String, String>,
    /// Share of time that a service was busy, by service.
    pub utilisation: BTreeMap<String, f64>,
    /// Mean number of requests that waited, by service.
    pub queue: BTreeMap<String, f64>,
    /// Processor time in cores, by service and replica.
    pub cores: BTreeMap<String, BTreeMap<String, f64>>,
    /// Processor time that the application could have used and did not get, in cores, where that can be seen.
    pub starved: Option<f64>,
    /// Memory in bytes, by service and replica.
    pub memory: BTreeMap<String, BTreeMap<String, u64>>,
    /// Share of the processors of a node that was busy, whatever ran there, by node.
    pub node_busy: BTreeMap<String, f64>,
    /// Share of the answers that each replica gave.
    pub shares: BTreeMap<String, f64>,
    /// Why the load generator was the limit, where it was.
    pub generator_limit: Option<String>,
    /// Whether the load generator stood still at times, stopped or without a processor. Where that made it the limit, measuring
    /// again may help.
    pub generator_stood_still: bool,
    /// Time until all replicas ran again, in seconds, where one was lost.
    pub recovered_s: Option<f64>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

impl Measured {
    /// Nothing was measured yet between these moments.
    pub fn of(from: Instant, to: Instant) -> Self {
        Self {
            from,
            to,
            steady: true,
            throughput: None,
            loop_time: Latency::default(),
            probes: BTreeMap::new(),
            probe_histograms: BTreeMap::new(),
            utilisation: BTreeMap::new(),
            queue: BTreeMap::new(),
            cores: BTreeMap::new(),
            starved: None,
            memory: BTreeMap::new(),
            node_busy: BTreeMap::new(),
            shares: BTreeMap::new(),
            generator_limit: None,
            generator_stood_still: false,
            recovered_s: None,
            notes: Vec::new(),
        }
    }
}

/// The step under way.
pub struct Moment<'a> {
    /// The settings of the run.
    pub settings: &'a Settings,
    /// The replicas of this step, by service.
    pub replicas: &'a Replicas,
    /// When they were asked for.
    pub asked: Instant,
    /// Cancelled when the run is to end.
    pub stop: &'a CancellationToken,
    pub(crate) outlook: Outlook,
    pub(crate) swept: u32,
    pub(crate) began: Instant,
    pub(crate) left: &'a dyn Fn() -> Duration,
    pub(crate) watcher: &'a mut dyn Watcher,
    pub(crate) timeline: &'a mut Vec<Sample>,
}

impl Moment<'_> {
    /// Tells what is seen now: whether it is being measured, the throughput of late, and each service's last probe.
    pub fn sample(&mut self, measuring: bool, throughput: Option<f64>, probe_ms: BTreeMap<String, f64>) {
        let at_s = self.began.elapsed().as_secs_f64();
        let sample = Sample { at_s, replicas: self.swept, measuring, throughput, probe_ms };
        self.watcher.sample(Outlook { left: (self.left)(), ..self.outlook }, &sample);
        self.timeline.push(sample);
    }
}
