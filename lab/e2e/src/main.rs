//! The application on a real Swarm of three nodes, from nothing to nothing.

mod agents;
mod application;
mod compose;
mod faults;
mod lifecycle;
mod limits;
mod measure;
mod network;
mod outside;
mod refusals;
mod serial;
mod steps;
mod updates;
mod world;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    match steps::run(&wanted).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("e2e: {error:#}");
            ExitCode::FAILURE
        }
    }
}
