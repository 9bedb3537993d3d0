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

/// Of runs without windows in time, fifty errors in fifty requests were once too little to tell.
#[test]
fn errors_of_short_runs_are_told() {
    let folder = TempDir::new().expect("a folder");
    let full = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno";
    let [before, after] = [("before", testbed::OK), ("after", full)].map(|(name, answer)| {
        let (out, url) = (folder.path().join(name), testbed::server(answer).0.to_string());
        let run = loadgen(&["bench", "-n", "50", "-c", "1", "--out", text(&out), &url]);
        assert!(matches!(run.status.code(), Some(0 | 3 | 4)), "{:?} {}", run.status, stderr(&run));
        out
    });
    let compared = loadgen(&["compare", "--json", text(&before), text(&after)]);
    assert_eq!(compared.status.code(), Some(3), "{}", stdout(&compared));
    let found: Value = serde_json::from_str(&stdout(&compared)).expect("JSON");
    let figures = found["figures"].as_array().expect("figures");
    let errors = figures.iter().find(|figure| figure["name"] == "errors").expect("errors");
    assert_eq!((&errors["judgement"], &errors["basis"]), (&"worse".into(), &"within runs".into()), "{errors}");
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

/// The example with something else in it, in a folder that it is kept in.
fn changed(change: impl FnOnce(&mut Value)) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a folder");
    let mut other: Value = serde_json::from_str(&fs::read_to_string(example()).expect("read")).expect("JSON");
    change(&mut other);
    let file = folder.path().join("other.json");
    fs::write(&file, other.to_string()).expect("written");
    (folder, file)
}

/// Hashes were once said to be better than requests by so many per cent.
#[test]
fn sweeps_that_count_different_things_are_not_compared() {
    let (_folder, file) = changed(|sweep| sweep["settings"]["unit"] = "requests/s".into());
    refused(&loadgen(&["compare", text(&example()), text(&file)]), 1, "hashes/s and requests/s");
}

#[test]
fn what_differs_between_two_sweeps_is_told() {
    let same = stdout(&loadgen(&["compare", text(&example()), text(&example())]));
    assert!(!same.contains("different"), "{same}");
    for (what, setting, value) in [
        ("loads", "/settings/load", Value::from("500/s")),
        ("URLs", "/settings/url", "http://localhost:1/".into()),
        ("settings of the application", "/settings/rng_delay_ms", 50.0.into()),
        ("machines", "/machine/cpus", 64.into()),
    ] {
        let (_folder, file) = changed(|sweep| {
            let (object, key) = setting.rsplit_once('/').expect("a path");
            sweep.pointer_mut(object).expect("it is there")[key] = value;
        });
        let shown = stdout(&loadgen(&["compare", text(&example()), text(&file)]));
        let told = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(&format!("The two sweeps have different {what}")), "{shown}");
        assert_eq!(told.matches("The two sweeps have").count(), 1, "{shown}");
    }
}

#[test]
fn a_service_that_one_side_did_not_look_at_has_no_time_there() {
    let (_folder, file) = changed(|sweep| {
        for step in sweep["steps"].as_array_mut().expect("steps") {
            step["probes"].as_object_mut().expect("probes").remove("rng");
        }
    });
    let printed = stdout(&loadgen(&["compare", "--json", text(&example()), text(&file)]));
    let found: Value = serde_json::from_str(&printed).expect("JSON");
    let figures = found["figures"].as_array().expect("figures").iter();
    let rng: Vec<&Value> = figures.filter(|figure| figure["name"] == "  rng p50").collect();
    assert!(!rng.is_empty());
    assert!(rng.iter().all(|figure| figure["after"].is_null() && figure["judgement"] == "unknown"), "{rng:?}");
}

#[test]
fn nothing_in_common_is_no_success() {
    let (_folder, file) = changed(|sweep| {
        for step in sweep["steps"].as_array_mut().expect("steps") {
            step["replicas"]["hasher"] = 77.into();
        }
    });
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
    let (_folder, file) = changed(|sweep| {
        for step in sweep["steps"].as_array_mut().expect("steps") {
            step["throughput"] =
                serde_json::json!({"value": 123_456_789.0, "low": 123_456_000.0, "high": 123_457_000.0});
        }
    });
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
