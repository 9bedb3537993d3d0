//! The scaling experiment: platforms, steps, estimates, verdict, files.

pub mod columns;
pub mod counts;
pub mod csv;
pub mod driver;
pub mod file;
pub mod files;
pub mod format;
pub mod grid;
pub mod hdr;
pub mod laws;
mod machine;
pub mod need;
pub mod platform;
pub mod processors;
pub mod report;
pub mod result;
pub mod run;
pub mod scaling;
pub mod table;
pub mod theory;
pub mod verdict;
