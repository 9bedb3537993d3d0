//! Results are kept whole, and none is written over another unless that is asked for.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use super::{loadgen, measured, refused, server, stdout};

fn bench(out: &Path, more: &[&str], url: &str) -> Output {
    let out = out.to_str().expect("UTF-8");
    loadgen(&[&["bench", "-n", "20", "-c", "1", "--out", out], more, &[url]].concat())
}

#[test]
fn a_run_of_an_older_measurement_is_not_left_among_the_newer() {
    let (url, folder) = (server(), TempDir::new().expect("a folder"));
    let out = folder.path();
    measured(&bench(out, &["--repeat", "3"], &url));
    refused(&bench(out, &["--repeat", "2"], &url), 1, "holds a result already");
    refused(&bench(out, &[], &url), 1, "--force");
    assert!(out.join("run-3/bench.json").is_file(), "nothing is touched");

    fs::write(out.join("notes.txt"), "mine").expect("written");
    let again = bench(out, &["--repeat", "2", "--force"], &url);
    measured(&again);
    assert!(out.join("run-2/bench.hlog").is_file() && !out.join("run-3").exists());
    assert!(out.join("notes.txt").is_file(), "what is not ours stays");
}

#[test]
fn a_run_that_fails_costs_no_earlier_one_its_log() {
    let (url, folder) = (server(), TempDir::new().expect("a folder"));
    let out = folder.path();
    measured(&bench(out, &[], &url));
    let log = fs::read_to_string(out.join("bench.hlog")).expect("a log");
    assert!(log.contains("Tag=response"), "{log}");
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").to_string();
    for more in [&[][..], &["--force"]] {
        assert_eq!(bench(out, more, &gone).status.code(), Some(1));
        assert_eq!(fs::read_to_string(out.join("bench.hlog")).expect("a log"), log, "with {more:?}");
        assert!(!out.join("bench.hlog.partial").exists(), "with {more:?}");
    }
}

#[test]
fn a_sweep_and_a_bench_are_not_written_over_each_other() {
    let (url, folder) = (server(), TempDir::new().expect("a folder"));
    let out = folder.path();
    fs::write(out.join("sweep.json"), "{}").expect("written");
    fs::write(out.join("report.html"), "a sweep").expect("written");
    refused(&bench(out, &[], &url), 1, "holds a result already");
    assert_eq!(fs::read_to_string(out.join("report.html")).expect("a report"), "a sweep");
    let replaced = bench(out, &["--force"], &url);
    measured(&replaced);
    assert!(!out.join("sweep.json").exists());
    refused(&loadgen(&["sweep", "--workers", "1", "--out", out.to_str().expect("UTF-8")]), 1, "holds a result already");
}

/// Nothing was measured twice that could not be told once: the runs have no interval of their own.
#[test]
fn runs_without_an_interval_are_not_said_to_agree() {
    let text = stdout(&loadgen(&["bench", "-n", "3", "-c", "1", "--repeat", "2", &server()]));
    assert!(text.contains("cannot be told") && !text.contains("no more than the interval"), "{text}");
}
