//! Queueing bounds, mean-value analysis and scalability laws with their fits.
//!
//! Two questions are answered here, and they are kept apart:
//!
//! - **What should the system do?** A [`Network`] holds how long a job needs each station and how many jobs a
//!   station takes at a time. [`constant`] gives the throughput for constant service times, which is also the
//!   asymptotic upper bound; [`mva`] gives the throughput for random (exponential) ones. [`predict`] puts both
//!   side by side and says what limits the system and what would relieve it.
//! - **What did the system do?** [`law`] fits the linear law, Amdahl's law, the Universal Scalability Law and a
//!   hard cap to measured points, with confidence intervals, and chooses among them.
//!
//! Times are seconds and rates are jobs a second throughout.

pub mod constant;
pub mod law;
pub mod mva;
mod network;
pub mod predict;

pub use network::{Invalid, Limit, Network, Station};
