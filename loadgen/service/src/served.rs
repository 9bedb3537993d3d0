//! A service that can be asked: where its replicas answer, and what they use.

use std::net::SocketAddr;
use std::time::Duration;

use instrument::threads::Threads;
use sweep::platform::{Error, Platform};

/// A platform whose service the load generator can reach.
#[expect(async_fn_in_trait, reason = "only this workspace implements and calls it, and needs no bounds on the futures")]
pub trait Served: Platform {
    /// The name of the service that is scaled.
    fn service(&self) -> &str;

    /// Where the replicas answer, each of them once: connections are spread over them in turn. Empty where the URL itself
    /// leads to all of them.
    fn addresses(&self) -> Vec<SocketAddr>;

    /// The name of the replica at an address, where it has one.
    fn replica_at(&self, address: SocketAddr) -> Option<String>;

    /// What every task of every service that belongs together has used until now, and how busy its machines were.
    ///
    /// # Errors
    /// The platform cannot be asked.
    async fn usage(&mut self) -> Result<Snapshot, Error>;

    /// Whether all replicas still run.
    ///
    /// # Errors
    /// One of them has ended: which, and its own last words.
    async fn check(&mut self) -> Result<(), Error>;
}

/// What was used until now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// By the tasks.
    pub tasks: Vec<Used>,
    /// By all that runs on their machines.
    pub nodes: Vec<Busy>,
    /// What is not known and why, one sentence each.
    pub notes: Vec<String>,
}

/// How busy a machine was since it began.
#[derive(Debug, Clone, PartialEq)]
pub struct Busy {
    /// Its name.
    pub node: String,
    /// Its processors.
    pub processors: u32,
    /// How long they were busy, all together.
    pub busy: Duration,
}

impl Busy {
    /// This machine, where it tells.
    pub fn here() -> Option<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Some(Self {
            node: kit::host::name(),
            processors: u32::try_from(processors).unwrap_or(u32::MAX),
            busy: instrument::machine::busy()?,
        })
    }
}

/// What a task has used since it began.
#[derive(Debug, Clone, PartialEq)]
pub struct Used {
    /// The service that it belongs to.
    pub service: String,
    /// Its name, as `web.3`.
    pub task: String,
    /// Processor time.
    pub processor: Duration,
    /// Its threads, where they are known: a service that works in one thread can have one processor.
    pub threads: Threads,
    /// Processors that it may use, where they are limited.
    pub limit: Option<f64>,
    /// Memory, in bytes.
    pub memory: u64,
}
