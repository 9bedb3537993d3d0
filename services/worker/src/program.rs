//! A worker as a program: signals, the routes for operators, and an exit code that tells whether all was counted.

use std::net::SocketAddr;
use std::process::ExitCode;

use kit::metrics::Metrics;
use kit::serve::{Limits, serve};
use kit::start;
use tokio_util::sync::CancellationToken;

use crate::Worker;

/// Runs a worker until SIGTERM or ^C. The exit code is 1 where hashes could not be committed.
pub async fn run(worker: Worker, listen: Option<SocketAddr>, limits: &Limits) -> ExitCode {
    let stop = match start::stop_on_signals() {
        Ok(stop) => stop,
        Err(error) => return start::fail("worker", &format!("cannot wait for signals: {error}")),
    };
    let metrics = Metrics::new("worker");
    let routes = worker.routes(&metrics);
    let listener = match listen.map(|address| start::open("worker", address)).transpose() {
        Ok(listener) => listener,
        Err(reason) => return start::fail("worker", &reason),
    };
    let served = CancellationToken::new();
    let serving = listener.map(|listener| {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "worker listens");
        }
        let (limits, served) = (limits.clone(), served.clone());
        tokio::spawn(async move { serve(listener, routes, &metrics, &limits, served).await })
    });
    tracing::info!(id = worker.id(), "mining");
    let outcome = worker.run(stop, limits.drain_timeout).await;
    served.cancel();
    if let Some(serving) = serving {
        // Only pages for operators are cut off here, if any.
        let _ = serving.await;
    }
    if outcome.committed < outcome.accepted {
        let lost = outcome.accepted - outcome.committed;
        let accepted = outcome.accepted;
        return start::fail(
            "worker",
            &format!("Redis did not take {lost} of {accepted} hashes before the drain timeout; they are not counted"),
        );
    }
    tracing::info!(accepted = outcome.accepted, committed = outcome.committed, "stopped; all is counted");
    ExitCode::SUCCESS
}
