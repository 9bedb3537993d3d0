//! A worker as a program: signals, the routes for operators, and an exit code that tells whether all was counted.

use std::net::SocketAddr;
use std::process::ExitCode;

use kit::serve::{Limits, Server, serve};
use kit::{ops, start};

use crate::{Outcome, Worker};

/// Runs a worker until SIGTERM or ^C. The exit code is 1 where hashes could not be committed, or
/// connections had to be cut off.
pub async fn run(worker: Worker, listen: Option<SocketAddr>, limits: &Limits) -> ExitCode {
    let (metrics, account) = (worker.metrics.clone(), worker.account.clone());
    let routes = ops::routes(metrics.clone(), move || account.ready());
    let stop = start::stop_on_signals();
    let listener = listen.map(|address| start::open("worker", address)).transpose();
    let Ok(listener) = listener else { return ExitCode::FAILURE };
    tracing::info!(id = worker.account.id, "mining");
    let serving = async {
        match listener {
            Some(listener) => serve(listener, Server::new(routes, &metrics, limits), stop.clone()).await,
            None => 0,
        }
    };
    let (Outcome { accepted, committed }, cut) = tokio::join!(worker.run(stop.clone(), limits.drain_timeout), serving);
    if committed < accepted {
        let lost = format!("{} of {accepted} hashes", accepted - committed);
        return start::fail("worker", &format!("Redis did not take {lost} in time; they are not counted"));
    }
    tracing::info!(accepted, committed, "all is counted");
    start::stopped(cut, &metrics)
}
