//! One copy of a command, on a port of its own.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use instrument::threads::{self, Threads, field, time};
use rustix::process::{Pid, Signal, kill_process_group};
use sweep::platform::Error;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::served::Used;

/// A copy that was told to end has so long to do so.
const END: Duration = Duration::from_secs(5);

/// Pause between two looks whether one that was told to end has left something.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Pause between two attempts to reach a copy that starts.
const TRY_EVERY: Duration = Duration::from_millis(50);

/// Of the log of a copy that died, so many lines are shown.
const LAST_LINES: usize = 8;

/// A copy that runs.
pub struct Copy {
    /// Its name, as `server.2`.
    pub name: String,
    /// Where it answers.
    pub address: SocketAddr,
    child: Child,
    /// Kills the group when this process ends in any way.
    _guard: Option<Child>,
    pub(crate) group: Option<Pid>,
    log: PathBuf,
    started: Instant,
}

impl Copy {
    /// Starts a command, in a shell and a process group of its own, with its output in a log.
    ///
    /// # Errors
    /// It cannot be started, or the log cannot be written.
    pub fn start(name: &str, command: &str, address: SocketAddr, logs: &Path) -> Result<Self, Error> {
        let log = logs.join(format!("{name}.log"));
        let failed = |error: std::io::Error| Error(format!("cannot write {}: {error}", log.display()));
        let out = File::create(&log).map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        let child = Command::new("sh")
            .args(["-c", command])
            .env("PORT", address.port().to_string())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|error| Error(format!("cannot start `{command}`: {error}")))?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let guard = group.map(guard).transpose().map_err(|error| Error(format!("cannot watch {name}: {error}")))?;
        Ok(Self { name: name.to_owned(), address, child, _guard: guard, group, log, started: Instant::now() })
    }

    /// Waits until it takes connections.
    ///
    /// # Errors
    /// It ended, or did not do so in time. Its last lines are told.
    pub async fn ready(&mut self, bound: Duration) -> Result<(), Error> {
        loop {
            self.check()?;
            // A connection that is let in by the system's backlog is enough: what follows waits its turn.
            if matches!(timeout(bound, TcpStream::connect(self.address)).await, Ok(Ok(_))) {
                return self.check();
            }
            if self.started.elapsed() > bound {
                return Err(Error(format!(
                    "{} takes no connection on {} after {} s: does the command listen on {{port}}?{}",
                    self.name,
                    self.address,
                    bound.as_secs(),
                    self.last_lines()
                )));
            }
            sleep(TRY_EVERY).await;
        }
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// It has ended; its last lines are told.
    pub fn check(&mut self) -> Result<(), Error> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(Error(format!(
                "{} ended with {} after {:.1} s{}",
                self.name,
                said(status),
                self.started.elapsed().as_secs_f64(),
                self.last_lines()
            ))),
            Err(error) => Err(Error(format!("{} cannot be watched: {error}", self.name))),
        }
    }

    /// The end of its log.
    fn last_lines(&self) -> String {
        let text = fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        if lines.is_empty() {
            return format!("; it wrote nothing to {}", self.log.display());
        }
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n    ");
        format!("; the end of {}:\n    {last}", self.log.display())
    }

    /// What it and all that it started have used.
    pub fn used(&self, service: &str) -> Used {
        let mut used = Used {
            service: service.to_owned(),
            task: self.name.clone(),
            processor: Duration::ZERO,
            threads: Threads::new(),
            limit: None,
            memory: 0,
        };
        let Some(group) = self.group else { return used };
        for process in members(group.as_raw_nonzero().get()) {
            let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
            used.processor += time(&stat, 13..17);
            used.memory += memory(&process);
            used.threads.extend(threads::of_process(&process));
        }
        used
    }

    /// Tells it to end, and waits; what has not ended by then is killed.
    pub async fn end(mut self) {
        if let Some(group) = self.group {
            // One that has ended already cannot be told, and need not be.
            let _ = kill_process_group(group, Signal::TERM);
        }
        let ended = async {
            let _ = self.child.wait().await;
            // A shell may end before the server that it has started.
            while self.group.is_some_and(|group| !members(group.as_raw_nonzero().get()).is_empty()) {
                sleep(LOOK_EVERY).await;
            }
        };
        if timeout(END, ended).await.is_err() {
            tracing::warn!("{} did not end within {} s of being told, and is killed", self.name, END.as_secs());
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // Also what the command started and left behind.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// A process that kills a group when what it reads from ends: that is a pipe which this process alone holds, so the copies do not
/// outlive it when it is killed.
fn guard(group: Pid) -> std::io::Result<Child> {
    Command::new("sh")
        .args(["-c", "read -r _; kill -s KILL -- -$0", &group.as_raw_nonzero().to_string()])
        .env_clear()
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

/// A free port of the loopback interface.
///
/// # Errors
/// There is none.
pub fn free_address() -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener.map_err(|error| Error(format!("no loopback port is free: {error}")))
}

fn said(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no status".to_owned(),
    }
}

/// The folders in `/proc` of the processes of a group.
fn members(group: i32) -> Vec<PathBuf> {
    let of_group =
        |path: &PathBuf| fs::read_to_string(path.join("stat")).is_ok_and(|stat| field(&stat, 4) == Some(group as u64));
    threads::processes(Path::new("/proc")).filter(of_group).collect()
}

fn memory(process: &Path) -> u64 {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    resident.unwrap_or(0_u64) * 1024
}
