//! From settings to a running service: runtime, socket, signals, and an exit code.

use std::future::Future;
use std::net::SocketAddr;
use std::process::ExitCode;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::logs::{self, LogArgs};
use crate::metrics::Metrics;
use crate::serve::{Limits, serve};
use crate::{health, host, listen};

/// What every program's command line has beside its own settings.
#[derive(Debug, Clone, clap::Args)]
pub struct Common {
    /// Time limits of its server.
    #[command(flatten)]
    pub limits: Limits,
    /// How it logs.
    #[command(flatten)]
    pub logs: LogArgs,
    /// What it is to do instead of its work.
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What every program can be asked to do besides its work.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Task {
    /// Ask the service of this machine whether it is well; exit code 0 if it is
    Healthcheck {
        /// Ask whether it is ready to work, not only whether it runs
        #[arg(long)]
        ready: bool,
    },
}

impl Task {
    /// Does it, for the service that listens on `listen`.
    pub fn run(&self, service: &str, listen: SocketAddr) -> ExitCode {
        let Self::Healthcheck { ready } = self;
        match health::check(listen, if *ready { "/readyz" } else { "/healthz" }) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => fail(service, &reason),
        }
    }
}

/// Runs a service as a program: its routes until SIGTERM or ^C, or what else it was asked to do. `app` builds the routes, and is
/// called on the runtime.
pub fn service(
    name: &'static str,
    listen: SocketAddr,
    common: &Common,
    app: impl FnOnce(&Metrics) -> Result<Router, String>,
) -> ExitCode {
    if let Some(task) = &common.task {
        return task.run(name, listen);
    }
    on_one_thread(&common.logs, async {
        let metrics = Metrics::new(name);
        match app(&metrics) {
            Ok(router) => serve_until_signal(name, listen, router, &metrics, &common.limits).await,
            Err(reason) => usage(name, &reason),
        }
    })
}

/// Prints one line on standard error, and returns the exit code for a failure.
pub fn fail(service: &str, reason: &str) -> ExitCode {
    anstream::eprintln!("{service}: {reason}");
    ExitCode::FAILURE
}

/// Prints one line on standard error, and returns the exit code for wrong usage, as the option parser does.
pub fn usage(service: &str, reason: &str) -> ExitCode {
    fail(service, reason);
    ExitCode::from(2)
}

/// Runs a program on one thread until it is done, with logs and the file limit set up.
///
/// One thread is enough for a service whose work is waiting, and keeps it at a few megabytes; more throughput comes from
/// more replicas, which is what the labs are about.
pub fn on_one_thread(logs: &LogArgs, program: impl Future<Output = ExitCode>) -> ExitCode {
    logs::install(logs);
    host::raise_file_limit();
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(program),
        Err(error) => fail("runtime", &format!("cannot start: {error}")),
    }
}

/// Opens the listening socket of a service, and logs where it is.
///
/// # Errors
/// One line that names the settings to change.
pub fn open(service: &str, listen: SocketAddr) -> Result<TcpListener, String> {
    let listener = listen::bind(listen).map_err(|error| {
        let setting = format!("--listen, {}_LISTEN", service.to_uppercase());
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program has that port, choose another",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need root, choose a higher one",
            _ => "choose an address of this machine",
        };
        format!("cannot listen on {listen}: {error}; {remedy} with {setting}")
    })?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "{service} listens");
    }
    Ok(listener)
}

/// Serves until SIGTERM or ^C, then drains; the exit code is 1 where connections had to be cut off.
pub async fn serve_until_signal(
    service: &str,
    listen: SocketAddr,
    router: Router,
    metrics: &Metrics,
    limits: &Limits,
) -> ExitCode {
    let ready = stop_on_signals().and_then(|stop| Ok((stop, open(service, listen)?)));
    let (stop, listener) = match ready {
        Ok(ready) => ready,
        Err(reason) => return fail(service, &reason),
    };
    let cut = serve(listener, router, metrics, limits, stop).await;
    if cut > 0 {
        tracing::warn!(connections = cut, "stopped; requests in flight took longer than the drain timeout");
        return ExitCode::FAILURE;
    }
    tracing::info!(answers = metrics.answered.get(), "stopped");
    ExitCode::SUCCESS
}

/// A token that SIGTERM or ^C cancels. A second signal ends the process at once.
///
/// # Errors
/// One line: the system installs no signal handler.
pub fn stop_on_signals() -> Result<CancellationToken, String> {
    let handler = |kind| signal(kind).map_err(|error| format!("cannot wait for signals: {error}"));
    let (mut term, mut interrupt) = (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {} _ = interrupt.recv() => {} }
        token.cancel();
        tokio::select! { _ = term.recv() => {} _ = interrupt.recv() => {} }
        std::process::exit(130);
    });
    Ok(stop)
}
