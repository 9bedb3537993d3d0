//! Nodes, services, tasks and scaling of a Swarm, and the containers of a compose project, through Docker's HTTP API.
//!
//! ```no_run
//! # async fn example() -> Result<(), swarm::Error> {
//! use std::time::Duration;
//!
//! let swarm = swarm::Engine::connect(None).await?.swarm().await?;
//! swarm.scale("dockercoins_worker", 10).await?;
//! let converged = swarm.converge("dockercoins_worker", Duration::from_secs(30)).await?;
//! println!("{} tasks run after {:?}", converged.running.len(), converged.took);
//! # Ok(())
//! # }
//! ```

pub mod columns;
pub mod compose;
mod engine;
mod error;
pub mod kernel;
mod node;
pub mod patience;
pub mod registry;
mod service;
mod subnet;
mod swarm;
pub mod table;
mod task;
mod usage;
mod wait;

pub use engine::{ApiVersion, DEFAULT_HOST, Engine, OLDEST_API, exported};
pub use error::Error;
pub use node::{MACHINE, Node};
pub use patience::patient;
pub use service::{Mode, Port, Service, Update};
pub use subnet::{BadSubnet, Subnet, towards};
pub use swarm::Swarm;
pub use task::{Phase, State, Task};
pub use usage::{Used, used};
pub use wait::{Converged, Standing};

/// The client that everything here goes through, for what this crate does not wrap.
pub use bollard;
