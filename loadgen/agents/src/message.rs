//! What coordinator and agent say to each other.

use instrument::machine::Machine;
use serde::{Deserialize, Serialize};

use crate::counted::Counted;
use crate::plan::Plan;

/// From the coordinator.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Who are you? The first message, which proves the token.
    Hello,
    /// What time is it? Sent while there is a run too, where a better answer may come.
    Time {
        /// When it was sent, by the coordinator's clock.
        sent: u64,
    },
    /// Get ready for this.
    Prepare(Box<Plan>),
    /// Begin at this moment, by the agent's own clock, in nanoseconds since 1970.
    Begin {
        /// The moment.
        at: u64,
    },
    /// End the run now, and say what it found.
    Stop,
    /// There will be no further run.
    Quit,
    /// Are you there? Sent all the time, as it may be long until the next run.
    Beat,
}

/// From an agent.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Who it is.
    Hello(Machine),
    /// It works for another coordinator.
    Busy,
    /// What time it is there.
    Time {
        /// The coordinator's time from the question.
        sent: u64,
        /// The agent's clock, in nanoseconds since 1970.
        now: u64,
    },
    /// It is ready for the plan.
    Ready,
    /// It cannot do what was asked, or its run failed.
    Failed(String),
    /// What one of its threads counted in an interval.
    Interval {
        /// Number of the interval.
        index: u64,
        /// What was counted.
        counted: Box<Counted>,
    },
    /// Its run is over; all intervals were sent before.
    Finished(Box<Finished>),
    /// It is there.
    Beat,
}

/// What an agent knows at the end of its run, beside what it counted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finished {
    /// How long was measured, in nanoseconds.
    pub elapsed: u64,
    /// Whether it was ended from outside.
    pub interrupted: bool,
    /// Requests that became due, as a check that no interval was lost.
    pub due: u64,
    /// Threads that sent.
    pub threads: u32,
    /// Processor time that they used, in nanoseconds.
    pub cpu: u64,
    /// The share of their time that they were not asleep.
    pub busy: f64,
    /// Times of the generator's own, in nanoseconds: backlog, backlog asleep, paused, starved.
    pub times: [u64; 4],
    /// Number of pauses.
    pub pauses: u64,
    /// The longest pause, in seconds from the begin of the measuring.
    pub longest_pause: Option<(f64, f64)>,
    /// Why its figures are its own rather than the server's.
    pub limits: Vec<String>,
    /// Slip at p99, where there were enough requests to tell it, and the largest, in nanoseconds; absent in a closed loop.
    pub slip: Option<(Option<u64>, u64)>,
    /// The most measured requests that one connection carried.
    pub busiest: u64,
    /// Addresses with the connections opened to them and the answers that they gave.
    pub addresses: Vec<(std::net::SocketAddr, u64, u64)>,
}
