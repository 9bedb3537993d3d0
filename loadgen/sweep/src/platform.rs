//! What is scaled: a service on a platform. A sweep knows only this.

use std::collections::BTreeMap;

use crate::result::{Machine, Settings};

/// Replicas by service.
pub type Replicas = BTreeMap<String, u32>;

/// A place where a service runs and can be scaled.
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

    /// Which node has which task; empty where there are no nodes.
    ///
    /// # Errors
    /// The platform cannot be asked.
    async fn placement(&mut self) -> Result<Vec<Placed>, Error>;

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
