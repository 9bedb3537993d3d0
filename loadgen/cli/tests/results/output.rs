//! Standard output and disks that take no more.

use std::fs::{self, File};
use std::io::pipe;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::{LOADGEN, loadgen, measured, refused, server, stderr, stdout};

fn into(stdout: impl Into<Stdio>, arguments: &[&str]) -> Output {
    let mut command = Command::new(LOADGEN);
    command.args(arguments).env("NO_COLOR", "1").stdout(stdout).stderr(Stdio::piped());
    command.output().expect("it runs")
}

fn points(folder: &TempDir) -> String {
    let path = folder.path().join("points.csv");
    fs::write(&path, "1,10\n2,19\n3,28\n4,36\n5,44\n6,51\n7,57\n8,63\n").expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

/// All of these once ended with a panic and exit code 101.
#[test]
fn what_cannot_be_printed_is_one_line_and_a_closed_pipe_is_none() {
    let (url, folder) = (server(), TempDir::new().expect("a folder"));
    let points = points(&folder);
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../sweep/schema/example.json");
    let html = folder.path().join("report.html");
    let commands: [&[&str]; 12] = [
        &["bench", "-n", "20", "-c", "1", "--json", &url],
        &["bench", "-n", "20", "-c", "1", &url],
        &["bench", "-n", "20", "-c", "1", "--repeat", "2", &url],
        &["predict"],
        &["predict", "--json"],
        &["fit", &points],
        &["fit", "--json", &points],
        &["completions", "bash"],
        &["compare", example, example],
        &["compare", "--json", example, example],
        &["report", example, "--out", "-"],
        &["report", example, "--out", html.to_str().expect("UTF-8")],
    ];
    for command in commands {
        let full = File::options().write(true).open("/dev/full").expect("Linux has one");
        refused(&into(full, command), 1, "standard output cannot be written");
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let closed = into(writer, command);
        measured(&closed);
        assert_eq!(stderr(&closed), "", "{command:?}");
    }
}

/// Who reads only the first line still learns what was found.
#[test]
fn a_closed_pipe_does_not_hide_what_was_found() {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let output = into(writer, &["bench", "-n", "20", "-c", "1", "--fail-if", "p50 > 0ms", &server()]);
    assert!(matches!(output.status.code(), Some(3 | 4)), "{}", stderr(&output));
}

#[test]
fn a_closed_pipe_costs_a_sweep_nothing() {
    let folder = TempDir::new().expect("a folder");
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let out = folder.path().to_str().expect("UTF-8");
    let output = into(writer, &["sweep", "--json", "--workers", "1", "--measure", "500ms", "--out", out]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(folder.path().join("sweep.json").is_file());
}

/// Runs it with files of at most 512 bytes, which is what a full disk looks like to it.
fn on_a_full_disk(command: &str) -> Output {
    let script = format!("trap '' XFSZ; ulimit -f 1; exec {LOADGEN} {command}");
    Command::new("sh").args(["-c", &script]).env("NO_COLOR", "1").output().expect("it runs")
}

#[test]
fn a_full_disk_does_not_cost_what_was_measured() {
    let (url, folder) = (server(), TempDir::new().expect("a folder"));
    let out = folder.path().to_str().expect("UTF-8");
    for (command, found) in [
        (format!("bench -n 50 -c 1 --out {out}/one {url}"), "50 due = 50 done"),
        (format!("bench -n 50 -c 1 --json --out {out}/json {url}"), "\"done\": 50"),
        (format!("bench -n 50 -c 1 --repeat 2 --out {out}/two {url}"), "between runs"),
        (format!("sweep --workers 1 --measure 500ms --out {out}/sweep"), "workers"),
    ] {
        let output = on_a_full_disk(&command);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        assert!(stdout(&output).contains(found), "{command}: {} {said}", stdout(&output));
        let errors = said.lines().filter(|line| line.starts_with("loadgen: ")).count();
        assert!(errors == 1 && said.contains("File too large"), "{command}: {said}");
    }
    // What was left half-written is no result.
    measured(&loadgen(&["bench", "-n", "20", "--out", &format!("{out}/one"), &url]));
}
