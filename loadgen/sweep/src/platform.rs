//! Where the application runs, and how it is scaled and watched there. A sweep knows only this.

pub mod compose;
mod deployed;
pub mod embedded;
mod environment;
pub mod swarm;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ledger::Announcement;

use crate::result::{Machine, Settings};

/// Replicas by service.
pub type Replicas = BTreeMap<String, u32>;

/// A place where the application runs.
///
/// Every wait in an implementation has a bound; when it is passed, the error says what was last seen.
#[expect(async_fn_in_trait, reason = "only this workspace implements and calls it, and needs no bounds on the futures")]
pub trait Platform {
    /// Its name, as in `--platform`.
    fn name(&self) -> &'static str;

    /// Completes the settings and the machine with what only the platform knows: delays that were set elsewhere, nodes,
    /// the engine.
    ///
    /// # Errors
    /// The application or its platform cannot be asked.
    async fn describe(&mut self, settings: &mut Settings, machine: &mut Machine) -> Result<(), Error>;

    /// Asks for these replicas and waits until all of them run and are healthy, and none beyond them. Services that are not
    /// named stay as they are.
    ///
    /// # Errors
    /// They did not come up within the platform's bound; the error has the failing task's own words.
    async fn scale(&mut self, replicas: &Replicas) -> Result<(), Error>;

    /// What can be seen of the application now.
    ///
    /// # Errors
    /// It cannot be seen at the moment. One such error is a gap in the time series; a sweep goes on.
    async fn observe(&mut self) -> Result<Observation, Error>;

    /// The URL whose `GET /` a probe asks, by service. It must lead to every replica in turn, and not by the virtual IP that
    /// the workers use: a probe would take a turn of its round robin away, the replicas would get unequal shares of the
    /// work, and the throughput of several replicas would fall by some per cent because it is looked at.
    fn probes(&self) -> BTreeMap<String, String>;

    /// Which node has which task; empty where there are no nodes.
    ///
    /// # Errors
    /// The platform cannot be asked.
    async fn placement(&mut self) -> Result<Vec<Placed>, Error>;

    /// Whether all replicas run, for noticing that a node or a task was lost while a step was measured.
    ///
    /// # Errors
    /// The platform cannot be asked.
    async fn whole(&mut self) -> Result<bool, Error>;

    /// Leaves everything as it was found. Called once, also after an error and after ^C.
    ///
    /// # Errors
    /// Something could not be put back; the error says what and how to do it by hand.
    async fn restore(&mut self) -> Result<(), Error>;
}

/// What went wrong on a platform: on what, why, and what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

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
}

/// A task, and where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The service it belongs to.
    pub service: String,
    /// Its name, as `worker.3`.
    pub task: String,
    /// The node it runs on.
    pub node: String,
    /// Its name among the replicas of an observation's `cpu`, where it has one.
    pub replica: Option<String>,
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
