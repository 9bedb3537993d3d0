//! Any service in the scaling experiment, without a line of code for it.
//!
//! What is *scaled* are copies of a command on this machine, or a service of a Swarm or of compose; what *drives* it is our
//! engine, in a closed or an open loop or searching for the capacity, or nothing where the service finds its work itself; what
//! is *metered* are the answers that the engine gets, or a counter that the service has.

#![forbid(unsafe_code)]

pub mod compose;
mod copy;
mod generator;
mod live;
mod load;
pub mod meter;
pub mod processes;
mod served;
pub mod swarm;
mod usage;

pub use generator::Generator;
pub use load::{BadLoad, Load};
pub use served::{Served, Used};
