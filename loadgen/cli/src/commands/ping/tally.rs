//! What is known about one URL so far.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use ping::{Failure, Kind, Summary, Target, Timing};

/// As many of the last pings are kept as a wide terminal has columns.
const RECENT: usize = 240;

/// One ping that ended.
pub struct Ping {
    /// Its number among those of its URL, from 0.
    pub seq: u64,
    /// When it began.
    pub at: SystemTime,
    /// What came of it.
    pub outcome: Result<Timing, Failure>,
}

/// The pings of one URL.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Host and port.
    pub label: String,
    /// The whole URL.
    pub url: String,
    /// Its path and query.
    pub path: String,
    /// Whether it is https.
    pub tls: bool,
    /// Pings that ended.
    pub ended: u64,
    /// Those that were answered.
    pub ok: u64,
    /// Those that were not, by kind.
    pub failures: BTreeMap<Kind, u64>,
    /// The last failure's words.
    pub last_failure: Option<String>,
    /// The times of those that were answered.
    pub times: Summary,
    /// Sums of the phases of those that were answered, in the order of [`PHASES`].
    pub phases: [Duration; PHASES.len()],
    /// The last times in ms, oldest first; none for a failure.
    pub recent: VecDeque<Option<f64>>,
    /// When the ping under way began.
    pub under_way: Option<Instant>,
    /// When the first began.
    pub started: Instant,
}

/// The names of the phases.
pub const PHASES: [&str; 7] = ["resolve", "connect", "tls", "write", "wait", "read", "close"];

/// The phases of one ping, in the order of [`PHASES`].
pub fn phases(timing: &Timing) -> [Duration; PHASES.len()] {
    [timing.resolve, timing.connect, timing.tls, timing.write, timing.wait, timing.read, timing.close]
}

impl Tally {
    /// Of a URL that was not pinged yet.
    pub fn new(target: &Target) -> Self {
        Self {
            label: target.authority(),
            url: target.to_string(),
            path: target.path.clone(),
            tls: target.tls,
            ended: 0,
            ok: 0,
            failures: BTreeMap::new(),
            last_failure: None,
            times: Summary::default(),
            phases: [Duration::ZERO; PHASES.len()],
            recent: VecDeque::new(),
            under_way: None,
            started: Instant::now(),
        }
    }

    /// Counts a ping.
    pub fn add(&mut self, ping: &Ping) {
        self.ended += 1;
        self.under_way = None;
        match &ping.outcome {
            Ok(timing) => {
                self.ok += 1;
                self.times.record(timing.total);
                for (sum, phase) in self.phases.iter_mut().zip(phases(timing)) {
                    *sum += phase;
                }
            }
            Err(failure) => {
                *self.failures.entry(failure.kind).or_default() += 1;
                self.last_failure = Some(failure.message.clone());
            }
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(ping.outcome.as_ref().ok().map(|timing| timing.total.as_secs_f64() * 1e3));
    }

    /// Pings that were not answered.
    pub fn failed(&self) -> u64 {
        self.ended - self.ok
    }

    /// Pings that began.
    pub fn begun(&self) -> u64 {
        self.ended + u64::from(self.under_way.is_some())
    }
}
