//! The highest rate of an open loop at which a service keeps its objectives.
//!
//! [`search()`] asks a [`Driver`] to run trials: so many requests a second, for so long. What a trial is made of is the
//! driver's business: the engine in this process, agents on other machines, or a queue in a test. The search doubles the
//! rate until an objective is missed, halves the bracket until it is narrow, and then confirms both of its ends.
//!
//! Four things fool such a search, and each is met here:
//! - *A noisy verdict* sends a bisection the wrong way for good. All trials of a rate are judged together by an interval,
//!   a rate that is in doubt is tried again, and no end of the bracket counts before it has been tried twice.
//! - *The queue of the trial before* makes the next one look slow: the driver lets it drain ([`Driver::settle`]).
//! - *Above capacity nothing is steady*, so that the p99 depends on how long one looks: a backlog that grows fails the
//!   rate whatever the times are yet.
//! - *The generator's own limit* looks like the server's: a trial in which it was the limit is no evidence, and two in a
//!   row end the search.

mod backlog;
mod driver;
mod evidence;
pub mod objective;
mod page;
pub mod result;
mod search;
mod share;
mod trials;

pub use driver::{Bad, Collector, Driver, Moments, Settled, Slice, Trial};
pub use evidence::{Evidence, Judgement};
pub use objective::Objective;
pub use page::html;
pub use result::Capacity;
pub use search::{Answer, Options, Step, search};
pub use trials::Trials;
