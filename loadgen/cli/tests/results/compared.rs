//! What is compared with what.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{LOADGEN, loadgen, measured, refused, server, stderr, stdout};

/// A sweep that was never run, kept beside the schema.
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sweep/schema/example.json")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn of_repeated_runs_those_of_the_last_time_are_compared() {
    let (url, folder) = (server(), TempDir::new().expect("a folder"));
    let out = text(folder.path());
    let runs = loadgen(&["bench", "-n", "100", "-c", "1", "--repeat", "2", "--out", out, &url]);
    measured(&runs);
    let one = folder.path().join("run-1/bench.json");
    fs::create_dir(folder.path().join("run-3")).expect("made");
    fs::copy(&one, folder.path().join("run-3/bench.json")).expect("a run of another time");
    fs::copy(&one, folder.path().join("bench.json")).expect("and another");
    let compared = loadgen(&["compare", out, out]);
    assert!(stdout(&compared).contains("Compared 2 results with 2 results"), "{}", stdout(&compared));
    fs::remove_file(folder.path().join("run-2/bench.json")).expect("removed");
    refused(&loadgen(&["compare", out, out]), 1, "run-2/bench.json");
}

#[test]
fn one_result_given_twice_is_no_second_run() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("sweep.json");
    fs::copy(example(), &file).expect("copied");
    let twice = format!("{},{}", text(&file), text(folder.path()));
    refused(&loadgen(&["compare", &twice, text(&file)]), 2, "is given twice");
    assert_eq!(
        loadgen(&["compare", text(&file), text(&file)]).status.code(),
        Some(0),
        "the same on both sides is a check"
    );
}

#[test]
fn nothing_in_common_is_no_success() {
    let folder = TempDir::new().expect("a folder");
    let mut other: Value = serde_json::from_str(&fs::read_to_string(example()).expect("read")).expect("JSON");
    for step in other["steps"].as_array_mut().expect("steps") {
        step["replicas"]["hasher"] = 77.into();
    }
    let file = folder.path().join("other.json");
    fs::write(&file, other.to_string()).expect("written");
    for more in [&[][..], &["--json"]] {
        let compared = loadgen(&[&["compare", text(&example()), text(&file)], more].concat());
        refused(&compared, 1, "nothing was compared");
        assert_eq!(stdout(&compared), "");
    }
}

#[test]
fn how_sure_to_be_is_a_probability() {
    let example = example();
    for p in ["nan", "0", "1", "2", "-0.1", "inf", "x"] {
        refused(&loadgen(&["compare", &format!("--p={p}"), text(&example), text(&example)]), 2, "not a probability");
    }
    assert_eq!(loadgen(&["compare", "--p", "0.05", text(&example), text(&example)]).status.code(), Some(0));
}

#[test]
fn numbers_of_any_size_stay_apart() {
    let folder = TempDir::new().expect("a folder");
    let mut other: Value = serde_json::from_str(&fs::read_to_string(example()).expect("read")).expect("JSON");
    for step in other["steps"].as_array_mut().expect("steps") {
        step["throughput"] = serde_json::json!({"value": 123_456_789.0, "low": 123_456_000.0, "high": 123_457_000.0});
    }
    let file = folder.path().join("other.json");
    fs::write(&file, other.to_string()).expect("written");
    let shown = stdout(&loadgen(&["compare", text(&example()), text(&file)]));
    let line = shown.lines().find(|line| line.contains("123456789.000")).expect("the throughput");
    let after: Vec<&str> = line.split_whitespace().skip_while(|word| *word != "123456789.000").collect();
    assert!(after.len() > 2 && after[1].starts_with('+') && after[2] == "%", "{shown}");
}

/// It once ended with a panic, as JSON holds text only.
#[test]
fn a_folder_whose_name_is_no_text_is_compared() {
    let folder = TempDir::new().expect("a folder");
    let odd = folder.path().join(OsStr::from_bytes(b"odd-\xff"));
    fs::create_dir(&odd).expect("made");
    fs::copy(example(), odd.join("sweep.json")).expect("copied");
    let output = Command::new(LOADGEN).args(["compare", "--json"]).args([&odd, &odd]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice::<Value>(&output.stdout).expect("JSON");
}
