//! What becomes of results: where they are kept, how they are compared, and that none is lost where nobody takes it.

mod compared;
mod kept;
mod output;

use std::process::{Command, Output};

const LOADGEN: &str = env!("CARGO_BIN_EXE_loadgen");

/// The address of a server that answers every request alike, until the tests end.
fn server() -> String {
    testbed::server(testbed::OK).0.to_string()
}

fn loadgen(arguments: &[&str]) -> Output {
    Command::new(LOADGEN).args(arguments).env("NO_COLOR", "1").output().expect("it runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// It was measured. A machine that is starved of processor time while this runs makes the generator the limit, which is 4.
#[track_caller]
fn measured(output: &Output) {
    assert!(matches!(output.status.code(), Some(0 | 4)), "{:?} {}", output.status, stderr(output));
}

/// It ended with this exit code, and said so much in one line.
#[track_caller]
fn refused(output: &Output, code: i32, words: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words) && !said.contains("panicked"), "{said}");
    assert!(code == 2 || said.lines().count() == 1, "{said}");
}
