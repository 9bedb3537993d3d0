//! Dockercoins, wherever it runs: a platform that can be watched.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ledger::Announcement;
use sweep::platform::{Error, Platform};

/// A place where dockercoins runs.
///
/// Every wait in an implementation has a bound; when it is passed, the error says what was last seen.
#[expect(async_fn_in_trait, reason = "only this workspace implements and calls it, and needs no bounds on the futures")]
pub trait Application: Platform {
    /// What can be seen of the application now.
    ///
    /// # Errors
    /// It cannot be seen at the moment. One such error is a gap in the time series; a sweep goes on.
    async fn observe(&mut self) -> Result<Observation, Error>;

    /// The URL whose `GET /` a probe asks, by service. It must lead to every replica in turn, and not by the virtual IP that
    /// the workers use: a probe would take a turn of its round robin away, the replicas would get unequal shares of the
    /// work, and the throughput of several replicas would fall by some per cent because it is looked at.
    fn probes(&self) -> BTreeMap<String, String>;

    /// Whether all replicas run, for noticing that a node or a task was lost while a step was measured.
    ///
    /// # Errors
    /// The platform cannot be asked.
    async fn whole(&mut self) -> Result<bool, Error>;
}

/// What was seen of the application at one moment. All amounts are since the beginning, so that two observations give what
/// happened between them.
#[derive(Debug, Clone)]
pub struct Observation {
    /// When.
    pub at: Instant,
    /// The workers that announce themselves; empty where they do not, as the public application's.
    pub workers: Vec<Announcement>,
    /// Hashes in the ledger.
    pub hashes: i64,
    /// What each replica of a service has done, by service and replica.
    pub loads: BTreeMap<String, BTreeMap<String, Load>>,
    /// Processor time used, by service and replica; one replica of `all` where services share one process.
    pub cpu: BTreeMap<String, BTreeMap<String, Duration>>,
    /// Processor time that the application could have used and did not get, where that can be seen.
    pub starved: Option<Duration>,
}

/// What one replica of a service has done.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// Requests that it can serve at a time; 0 for no limit.
    pub slots: u32,
    /// Time that its slots were busy, summed over the slots.
    pub busy: Duration,
    /// Time that requests waited for a slot, summed over the requests.
    pub waiting: Duration,
}
