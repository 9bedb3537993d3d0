//! Simulated runs of systems whose true figures are known.

pub mod cases;
pub mod closed;
pub mod compared;
pub mod measured;
pub mod queue;
mod random;
