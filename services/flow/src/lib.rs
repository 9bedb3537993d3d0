//! Work that ends: jobs with dependencies in a database, worked off by a swarm of workers, as a picture that fills.
//!
//! | role | what it does |
//! |---|---|
//! | `flow submit` | puts the jobs of one picture into the queue |
//! | `flow work` | claims jobs and does them; as many of these as there are machines for |
//! | `flow page` | shows the picture while it fills, and who does what |
//! | `flow status`, `flow dead` | how far it is; which jobs were put aside, and why |
//! | `flow revive` | dead jobs once more |
//!
//! A tile of the picture is a job. When all tiles of a row are done, the row's funnel counts their points; when all rows are counted,
//! the last funnel makes the colours. Workers know only the database: none knows another, and any may die at any time.

mod database;
mod dead;
mod job;
mod mandelbrot;
pub mod page;
pub mod program;
mod queue;
mod status;
mod submit;
mod work;

pub use database::{Config as DatabaseConfig, Database, Error};
pub use dead::{DeadLetter, Try};
pub use job::{Claim, Grid, Kind};
pub use queue::{Pending, Queue};
pub use status::Status;
pub use submit::{Config as SubmitConfig, Submitted, submit};
pub use work::Config as WorkConfig;
