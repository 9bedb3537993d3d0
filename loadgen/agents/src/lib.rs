//! Load from many machines: one schedule, one start, one result.
//!
//! A [`Fleet`] of agents runs a [`Config`](instrument::config::Config) as [`instrument::run`] does, with the same observer
//! and the same report. Each agent takes its segment of the schedule, so that all arrivals together are exactly those of
//! one generator; all begin at one moment, by clocks whose differences were measured; and what they count is added up
//! without loss, in histograms rather than in percentiles.
//!
//! Agents obey whoever holds the run's [`Token`] and nobody else, and end their run when they hear nothing from there for
//! [`SILENCE`]. Who places and starts them is somebody else's business: a person, or a Swarm.

#![forbid(unsafe_code)]

mod agent;
mod clock;
mod counted;
mod fleet;
mod link;
mod member;
mod merge;
mod message;
mod newcomers;
mod plan;
mod reach;
pub mod result;
mod sender;
mod token;

pub use agent::{Heard, join, serve};
pub use clock::Offset;
pub use fleet::{Error, Fleet};
pub use link::{Link, LinkError};
pub use merge::Outcome;
pub use newcomers::Newcomers;
pub use reach::reach;
pub use result::Part;
pub use sender::{Failed, Sender};
pub use token::{BadToken, Token};

use std::time::Duration;

/// How long a side may be silent before the other one takes it for dead. Both speak every [`BEAT`].
pub const SILENCE: Duration = Duration::from_secs(5);

/// How often each side says that it is there.
pub const BEAT: Duration = Duration::from_secs(1);

/// What the measurements of the crate's benchmark and tests need of its inside.
#[doc(hidden)]
pub mod inside {
    pub use crate::counted::Counted;
    pub use crate::merge::Merge;
}
