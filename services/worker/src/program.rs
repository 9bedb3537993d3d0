//! A worker as a program: signals, the routes for operators, and an exit code that tells whether all was counted.

use std::net::SocketAddr;
use std::process::ExitCode;

use kit::metrics::Metrics;
use kit::serve::{Limits, Server, serve};
use kit::start;

use crate::{Outcome, Worker};

/// Runs a worker until SIGTERM or ^C. The exit code is 1 where hashes could not be committed, or
/// connections had to be cut off.
pub async fn run(worker: Worker, listen: Option<SocketAddr>, limits: &Limits) -> ExitCode {
    let metrics = Metrics::new("worker");
    let routes = worker.routes(&metrics);
    let stop = start::stop_on_signals();
    let listener = match listen.map(|address| start::open("worker", address)).transpose() {
        Ok(listener) => listener,
        Err(reason) => return start::fail("worker", &reason),
    };
    tracing::info!(id = worker.account.id(), "mining");
    let serving = async {
        match listener {
            Some(listener) => serve(listener, Server::new(routes, &metrics, limits), stop.clone()).await,
            None => 0,
        }
    };
    let (Outcome { accepted, committed }, cut) = tokio::join!(worker.run(stop.clone(), limits.drain_timeout), serving);
    if committed < accepted {
        let lost = accepted - committed;
        let reason =
            format!("Redis did not take {lost} of {accepted} hashes before the drain timeout; they are not counted");
        return start::fail("worker", &reason);
    }
    tracing::info!(accepted, committed, "stopped; all is counted");
    if cut > 0 {
        tracing::warn!(connections = cut, "requests in flight took longer than the drain timeout");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
