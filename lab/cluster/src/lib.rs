//! A Swarm of several nodes on one machine: each node is a container that runs its own Docker engine.
//!
//! Everything made carries a label with the cluster's name, so that `down` finds all of it after a crash and whoever
//! looks at `docker ps` knows what it is.

pub mod build;
pub mod doctor;
pub mod down;
mod exec;
pub mod fault;
pub mod image;
pub mod label;
pub mod load;
pub mod logs;
mod name;
mod node;
mod outer;
mod pieces;
pub mod preflight;
pub mod standin;
pub mod status;
mod subnet;
pub mod terminal;
pub mod up;

pub use exec::{Output, environment, quoted};
pub use name::{BadName, Name};
pub use node::{NODE_SOCKETS, REPOSITORY, Role, manager_engine, node_engine, node_of};
pub use outer::Outer;
pub use swarm::Subnet;

/// The cluster's name unless told otherwise.
pub const DEFAULT_NAME: &str = "swarmlab";
