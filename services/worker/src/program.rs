//! A worker as a program: signals, the routes for operators, and an exit code that tells whether all was counted.

use std::net::SocketAddr;
use std::process::ExitCode;

use kit::metrics::Metrics;
use kit::serve::{Limits, serve};
use kit::start;

use crate::{Outcome, Worker};

/// Runs a worker until SIGTERM or ^C. The exit code is 1 where hashes could not be committed.
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
        if let Some(listener) = listener {
            serve(listener, routes, &metrics, limits, stop.clone()).await;
        }
    };
    let (Outcome { accepted, committed }, ()) = tokio::join!(worker.run(stop.clone(), limits.drain_timeout), serving);
    if committed < accepted {
        let lost = accepted - committed;
        let reason =
            format!("Redis did not take {lost} of {accepted} hashes before the drain timeout; they are not counted");
        return start::fail("worker", &reason);
    }
    tracing::info!(accepted, committed, "stopped; all is counted");
    ExitCode::SUCCESS
}
