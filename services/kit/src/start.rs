//! From settings to a running service: runtime, socket, signals, and an exit code.

use std::net::SocketAddr;
use std::process::ExitCode;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::logs::{self, LogArgs};
use crate::metrics::Metrics;
use crate::serve::{Limits, Server, serve};
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
    app: impl FnOnce(&Metrics) -> Router,
) -> ExitCode {
    if let Some(task) = &common.task {
        return task.run(name, listen);
    }
    on_one_thread(&common.logs, async {
        let metrics = Metrics::new(name);
        serve_until_signal(listen, app(&metrics), &metrics, &common.limits).await
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a program may have a few file descriptors").block_on(program)
}

/// Opens the listening socket of a service, and logs where it is.
///
/// # Errors
/// That of a program that has printed one line, which names the settings to change.
pub fn open(service: &str, listen: SocketAddr) -> Result<TcpListener, ExitCode> {
    let listener = listen::bind(listen).map_err(|error| {
        let setting = format!("--listen, {}_LISTEN", service.to_uppercase());
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program has that port, choose another",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need root, choose a higher one",
            _ => "choose an address of this machine",
        };
        fail(service, &format!("cannot listen on {listen}: {error}; {remedy} with {setting}"))
    })?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "{service} listens");
    }
    Ok(listener)
}

/// Serves until SIGTERM or ^C, then drains; the exit code is 1 where connections had to be cut off.
pub async fn serve_until_signal(listen: SocketAddr, router: Router, metrics: &Metrics, limits: &Limits) -> ExitCode {
    let stop = stop_on_signals();
    let Ok(listener) = open(metrics.service, listen) else { return ExitCode::FAILURE };
    stopped(serve(listener, Server::new(router, metrics, limits), stop).await, metrics)
}

/// Logs that a service has stopped; the exit code is 1 where connections had to be cut off.
pub fn stopped(cut_off: usize, metrics: &Metrics) -> ExitCode {
    if cut_off > 0 {
        tracing::warn!(connections = cut_off, "stopped; requests in flight took longer than the drain timeout");
        return ExitCode::FAILURE;
    }
    tracing::info!(answers = metrics.answered.get(), "stopped");
    ExitCode::SUCCESS
}

/// Runs a task without which the service is of no use: where it panics, the program ends, so that whoever runs it starts it again.
/// Otherwise it would go on to answer with what it knew last.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn vital(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(async {
        // Its words are on standard error by then.
        if tokio::spawn(task).await.is_err_and(|end| end.is_panic()) {
            std::process::abort();
        }
    });
}

/// A token that SIGTERM or ^C cancels. A second signal ends the process at once.
///
/// # Panics
/// The system installs no signal handler, or this is outside of a Tokio runtime.
pub fn stop_on_signals() -> CancellationToken {
    let handler = |kind| signal(kind).expect("a program may wait for SIGTERM and SIGINT");
    let (mut term, mut interrupt) = (handler(SignalKind::terminate()), handler(SignalKind::interrupt()));
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {} _ = interrupt.recv() => {} }
        token.cancel();
        tokio::select! { _ = term.recv() => {} _ = interrupt.recv() => {} }
        std::process::exit(130);
    });
    stop
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::vital;

    /// Set in the process that is to end.
    const INSIDE: &str = "VITAL_TASK_PANICS";

    #[test]
    fn a_program_ends_with_a_vital_task_that_panics() {
        if std::env::var_os(INSIDE).is_some() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                vital(async { panic!("what it watches is not as it should be") });
                tokio::time::sleep(Duration::from_secs(30)).await;
            });
            return;
        }
        let mut itself = Command::new(std::env::current_exe().unwrap());
        itself.arg("--exact").arg("start::tests::a_program_ends_with_a_vital_task_that_panics").env(INSIDE, "1");
        let ended = itself.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(ended.signal().is_some(), "{ended}");
    }
}
