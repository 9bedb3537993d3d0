//! A program as a process, with its log.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::wait::wait_for;

/// How long a program may take to say that it listens, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port that was free a moment ago, for programs that cannot bind port 0 and tell.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.local_addr().expect("its address").port()
}

/// The path of one of this workspace's programs, built as the test itself was.
///
/// # Panics
/// When it does not build.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    // …/target/<profile>/deps/<test>
    let folder = test.ancestors().nth(2).expect("a test lies in target/<profile>/deps");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--package", name, "--bin", name]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let built = build.status().expect("cargo can be run");
    assert!(built.success(), "{name} does not build");
    folder.join(name)
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    log: Arc<Mutex<String>>,
    collectors: Vec<JoinHandle<()>>,
    status: Option<ExitStatus>,
}

impl Program {
    /// Starts a program and collects what it writes to standard output and standard error.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start<S: AsRef<OsStr>>(path: impl AsRef<Path>, args: &[S]) -> Self {
        Self::spawn(Command::new(path.as_ref()).args(args))
    }

    /// Starts a command that is already described.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let log = Arc::new(Mutex::new(String::new()));
        let collectors = [collect(child.stdout.take(), &log), collect(child.stderr.take(), &log)];
        Self { child, log, collectors: collectors.into_iter().flatten().collect(), status: None }
    }

    /// Everything that it has written so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no collector panics").clone()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the log holds `text`.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn wait_for_log(&self, text: &str) {
        wait_for(&format!("`{text}` in the log"), PATIENCE, || {
            let log = self.log();
            if log.contains(text) { Ok(()) } else { Err(log) }
        });
    }

    /// The address that a service's log says it listens on, as `127.0.0.1:41234`.
    ///
    /// # Panics
    /// When it does not say so in time, or ends before.
    pub fn address(&mut self) -> String {
        wait_for("the line with the address", PATIENCE, || {
            let log = self.log();
            assert!(!self.has_ended(), "it ended before it listened:\n{log}");
            let rest = log.split_once("address=").ok_or(log.clone())?.1;
            // The line may still be on its way.
            rest.split_once('\n').map(|(address, _)| address.trim().to_owned()).ok_or(log.clone())
        })
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Sends a signal by its name, as `TERM`.
    ///
    /// # Panics
    /// When `kill` fails.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().expect("kill can be run");
        assert!(status.success(), "kill -s {name} {id} failed");
    }

    /// Waits until it has ended; returns its exit code, or `None` where a signal ended it.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn wait(&mut self) -> Option<i32> {
        let status = wait_for("the program's end", PATIENCE, || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(format!("{other:?}, log:\n{}", self.log())),
        });
        self.status = Some(status);
        // Its last words may still be in the pipe.
        wait_for("the end of its log", PATIENCE, || {
            let read = self.collectors.iter().all(JoinHandle::is_finished);
            if read { Ok(()) } else { Err(self.log()) }
        });
        status.code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.status.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

pub(crate) fn collect(stream: Option<impl Read + Send + 'static>, log: &Arc<Mutex<String>>) -> Option<JoinHandle<()>> {
    let stream = stream?;
    let log = log.clone();
    Some(thread::spawn(move || {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|size| size > 0) {
            log.lock().expect("no collector panics").push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }))
}
