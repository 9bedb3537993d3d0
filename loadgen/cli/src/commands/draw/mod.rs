//! Pictures on a terminal, for the commands that show what they do while they do it.

mod histogram;
mod screen;
pub mod spark;

pub use histogram::histogram;
pub use screen::{Line, Screen, give_back};
