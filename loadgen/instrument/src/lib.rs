//! The load generator's engine: schedules, connections, histograms.
//!
//! [`run()`] takes a [`config::Config`] and gives a [`report::Report`]. Each thread has an epoll loop of its own, its share
//! of the connections and its share of the schedule; threads meet only to hand over what they counted.
//!
//! Each request has a time at which it is *due*: by arithmetic where there is a rate, and when its connection came free
//! where there is none. The response time counts from there, the service time from the write, and what the generator
//! itself was late is counted as slip.

#![forbid(unsafe_code)]

mod chunked;
pub mod clock;
pub mod config;
mod engine;
pub mod failure;
pub mod hdrlog;
mod head;
pub mod intervals;
pub mod machine;
pub mod report;
pub mod request;
pub mod resolve;
pub mod response;
pub mod result;
mod run;
pub mod schedule;
pub mod segment;
pub mod statuses;
pub mod tally;
pub mod target;
pub mod threads;
pub mod threshold;
pub mod timeline;
pub mod tls;
pub mod usage;

pub use run::{Interval, Observer, run};
