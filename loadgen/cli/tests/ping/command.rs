//! Running the command, with a bound.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No run takes longer than this, or the test fails.
pub const BOUND: Duration = Duration::from_secs(30);

/// How a run ended.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The command with these arguments, not started yet.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.arg("ping").args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    command
}

/// Runs the command to its end.
pub fn ping(args: &[&str]) -> Done {
    finish(command(args).spawn().unwrap())
}

/// Waits until the command has ended, and kills it where that takes too long.
pub fn finish(mut child: Child) -> Done {
    let mut stdout = child.stdout.take();
    let mut stderr = child.stderr.take().unwrap();
    let out = std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(stdout) = &mut stdout {
            stdout.read_to_string(&mut text).unwrap();
        }
        text
    });
    let err = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > BOUND {
            child.kill().unwrap();
            panic!("ping still runs after {BOUND:?}; it printed {:?}", out.join().unwrap());
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    Done { code: status.code().unwrap_or(-1), out: out.join().unwrap(), err: err.join().unwrap() }
}
