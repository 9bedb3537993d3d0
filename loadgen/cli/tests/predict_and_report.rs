//! `loadgen predict` and `loadgen report`, as a person runs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn loadgen(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen")).args(arguments).output().expect("loadgen starts")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A sweep that was never run, kept beside the schema.
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sweep/schema/example.json")
}

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn predict_knows_the_mine() {
    let text = stdout(&loadgen(&["predict"]));
    let last = text.lines().find(|line| line.trim_start().starts_with("10 ")).expect("ten workers");
    let fields: Vec<&str> = last.split_whitespace().collect();
    assert_eq!((fields[1], fields[2]), ("10.00", "10.00"));
    assert!(last.ends_with("750 ms"), "{last}");
    assert!(text.contains("With 10 workers rng is the limit: 10.0 hashes/s; 4 replicas of rng give 33.3"));
}

#[test]
fn predict_answers_in_json_what_if_there_were_more() {
    for (rng, expected) in [(1, 10.0), (2, 20.0), (3, 30.0), (5, 33.333_333_333)] {
        let set = format!("rng={rng}");
        let text = stdout(&loadgen(&["predict", "--workers", "10", "--set", &set, "--json"]));
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let rate = value["predictions"][0]["hashes_per_second"].as_f64().expect("a number");
        assert!((rate - expected).abs() < 1e-9, "{rate}");
        assert!(value["predictions"][0]["mva_hashes_per_second"].as_f64().expect("a number") <= rate);
    }
}

#[test]
fn predict_uses_what_a_sweep_has_measured() {
    let example = example();
    let text = stdout(&loadgen(&["predict", example.to_str().expect("UTF-8"), "--set", "rng=3", "--workers", "10"]));
    assert!(text.starts_with("From the demands that the sweep has measured"), "{text}");
    assert!(text.contains("With 10 workers rng is the limit: 30."), "{text}");
    let changed =
        stdout(&loadgen(&["predict", example.to_str().expect("UTF-8"), "--rng-delay", "50ms", "--workers", "10"]));
    assert!(changed.starts_with("From the settings: think 100 ms, rng 50 ms"), "{changed}");
}

#[test]
fn predict_refuses_what_makes_no_sense() {
    for (arguments, why) in [
        (vec!["--set", "redis=3"], "no service called redis"),
        (vec!["--set", "worker=3"], "--workers"),
        (vec!["--set", "rng"], "rng=3"),
        (vec!["--workers", "5..1"], "backwards"),
        (vec!["--rng-delay", "100"], "no unit"),
        (vec!["--rng-delay", "0", "--hasher-delay", "0", "--think", "0"], "all delays are zero"),
    ] {
        let output = loadgen(&[vec!["predict"], arguments.clone()].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(why), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn report_stands_beside_the_sweep() {
    let folder = folder("report-beside");
    std::fs::copy(example(), folder.join("sweep.json")).expect("copies");
    let said = stdout(&loadgen(&["report", folder.to_str().expect("UTF-8")]));
    assert!(said.contains("rng is the bottleneck") && said.contains("report.html"), "{said}");
    let html = std::fs::read_to_string(folder.join("report.html")).expect("the report");
    assert!(html.starts_with("<!doctype html>") && html.contains("rng is the bottleneck"));
    let printed = stdout(&loadgen(&["report", folder.to_str().expect("UTF-8"), "--out", "-"]));
    assert_eq!(printed, html);
}

#[test]
fn report_says_what_is_wrong_with_a_file() {
    let example = std::fs::read_to_string(example()).expect("the example");
    let mut value: serde_json::Value = serde_json::from_str(&example).expect("JSON");
    value["settings"]["loops"] = 4_000_000_000_u32.into();
    let loops = value.to_string();
    value["settings"]["loops"] = 1.into();
    let last = value["steps"].as_array().expect("steps").len() - 1;
    value["steps"][last]["replicas"]["worker"] = 4_000_000_000_u32.into();
    let huge = value.to_string();
    let folder = folder("report-wrong");
    for (name, text, why) in [
        ("cut.json", "{\"schema\": 1, ", "not a whole sweep"),
        ("later.json", "{\"schema\": 99}", "schema 99"),
        ("other.json", "{}", "not a sweep"),
        // Its theory once asked for 34 GB of memory, and the program was aborted.
        ("huge.json", &huge, "has 4000000000 replicas of worker, and no sweep has more than 10000"),
        ("loops.json", &loops, "loops of workers"),
    ] {
        let file = folder.join(name);
        std::fs::write(&file, text).expect("writes");
        let output = loadgen(&["report", file.to_str().expect("UTF-8")]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(stderr(&output).contains(why) && stderr(&output).lines().count() == 1, "{}", stderr(&output));
        assert!(!folder.join("report.html").exists(), "nothing is written");
    }
}

/// What the first version of `sweep.json` holds is read by all commands that read sweeps.
#[test]
fn a_sweep_of_schema_1_is_predicted_reported_and_compared() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sweep/tests/stored/sweep-1.json");
    let old = old.to_str().expect("UTF-8");
    let text = stdout(&loadgen(&["predict", old, "--set", "rng=3", "--workers", "10"]));
    assert!(text.starts_with("From the demands that the sweep has measured"), "{text}");
    let out = folder("schema-1").join("report.html");
    let report = loadgen(&["report", old, "--out", out.to_str().expect("UTF-8")]);
    assert!(stdout(&report).contains("rng is the bottleneck"), "{}", stderr(&report));
    let new = example();
    let compared = loadgen(&["compare", old, new.to_str().expect("UTF-8")]);
    let text = String::from_utf8_lossy(&compared.stdout).into_owned();
    assert!(text.contains("10 workers: hashes"), "{text} {}", stderr(&compared));
}
