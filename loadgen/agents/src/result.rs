//! The part of one agent in a result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one agent did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Where the agent is: its address and port.
    pub agent: String,
    /// Host name of its machine or container.
    pub node: String,
    /// Processors that it may use.
    pub cpus: u32,
    /// Its clock minus the coordinator's, in milliseconds.
    pub clock_offset_ms: f64,
    /// That is at most so far off.
    pub clock_error_ms: f64,
    /// Requests that became due.
    pub due: u64,
    /// Requests that were answered.
    pub done: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests without an outcome when the run ended.
    pub unfinished: u64,
    /// Requests a second that were answered.
    pub answered_per_second: f64,
    /// Slip at p99; absent in a closed loop, for too few requests to tell, and for an agent that was lost.
    pub slip_p99_ms: Option<f64>,
    /// Largest slip.
    pub slip_max_ms: Option<f64>,
    /// Processor time that its threads used, in seconds; absent for an agent that was lost.
    pub cpu_s: Option<f64>,
    /// The share of their time that its threads were not asleep.
    pub busy: Option<f64>,
    /// Why the agent was lost before the end.
    pub lost: Option<String>,
    /// Requests of its part that never became due, as it was lost; absent where that cannot be told.
    pub missing: Option<u64>,
}
