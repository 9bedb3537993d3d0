//! An HTTP ping that splits each request into its phases.
//!
//! - [`Probe`] does one request and says where its time went: resolving the name, connecting, TLS, writing,
//!   waiting for the first byte, reading the rest, closing. [`Probe::once`] takes a fresh connection every time, which
//!   is what a Swarm's virtual IP balances by; [`Probe::session`] keeps one open.
//! - [`Sampler`] issues probes at random moments at a mean rate, in the background, and keeps histograms of what they
//!   waited. It is for watching a system under load without becoming part of the load.
//! - [`Summary`] gathers the times of many pings in bounded memory.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let probe = ping::Probe::new("localhost:8001", ping::Options::default())?;
//! match probe.once().await {
//!     Ok(timing) => println!("{} in {:?}, of which {:?} waiting", timing.status, timing.total, timing.wait),
//!     Err(failure) => println!("{}: {failure}", failure.kind),
//! }
//!
//! let sampler = ping::Sampler::start(probe, ping::Sampling { rate: 20.0, ..Default::default() })?;
//! // ... let the system settle ...
//! sampler.reset();
//! // ... measure ...
//! let seen = sampler.snapshot();
//! println!("p50 {} µs of {} probes", seen.response.value_at_quantile(0.5), seen.due);
//! sampler.stop().await;
//! # Ok(())
//! # }
//! ```

mod alarm;
mod answer;
mod connect;
mod failure;
mod options;
mod probe;
mod request;
mod sampler;
mod schedule;
mod summary;
mod target;
mod timing;
mod tls;

pub use failure::{Failure, Kind};
pub use options::{Family, Options};
pub use probe::{Probe, Session};
pub use sampler::{Sampler, Sampling, Snapshot};
pub use schedule::Gaps;
pub use summary::Summary;
pub use target::{BadSetting, Target};
pub use timing::Timing;
