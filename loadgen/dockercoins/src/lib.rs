//! Dockercoins as a profile of the scaling experiment.
//!
//! What is *scaled* are its services, embedded, under compose or on a Swarm; what *drives* it are its own workers; what is
//! *metered* is its ledger. The experiment itself ([`sweep`]) knows nothing of that.

mod application;
pub mod compose;
mod deployed;
pub mod embedded;
mod environment;
mod probes;
mod starved;
pub mod swarm;
mod track;
mod watch;
mod workers;

pub use application::{Application, Load, Observation};
pub use workers::Workers;
