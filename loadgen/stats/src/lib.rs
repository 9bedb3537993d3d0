//! Statistics of measurements that follow each other in time, and therefore depend on each other.
//!
//! - [`ratio`] gives a rate, a mean or a share with its interval, from sums over windows in time. It rests on
//!   [`batch`], which joins windows until they no longer depend on each other.
//! - [`quantile`] says from how many samples a quantile can be told, and gives its interval.
//! - [`progress`] counts loops that go round in several workers, parts of loops included.
//! - [`share`] gives a share with its interval where there are no such windows.
//! - [`difference`] tells whether two results differ by more than chance explains.
//! - [`runs`] says what varies between runs of the same thing.
//! - [`student`] and [`normal`] are the distributions behind them.
//!
//! Nothing here knows what is measured: values are plain numbers, and times are seconds.

pub mod batch;
pub mod difference;
pub mod estimate;
pub mod moments;
pub mod normal;
pub mod progress;
pub mod quantile;
pub mod ratio;
pub mod runs;
pub mod share;
pub mod student;

pub use estimate::Estimate;
