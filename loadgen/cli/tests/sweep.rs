//! `loadgen sweep` as a process: its table, its files, its exit codes.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use testbed::{Program, RedisServer};

const LOADGEN: &str = env!("CARGO_BIN_EXE_loadgen");

fn sweep(args: &[&str]) -> Output {
    Command::new(LOADGEN).arg("sweep").args(args).output().expect("loadgen starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn json(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("sweep.json")).expect("sweep.json");
    serde_json::from_str(&text).expect("JSON")
}

/// A rate within a tenth of the theory: wide, as tests share the machine, and far from the next step of the staircase.
fn about(value: &serde_json::Value, theory: f64) {
    near(value, theory, 0.1);
}

/// A rate within a share of the theory.
fn near(value: &serde_json::Value, theory: f64, share: f64) {
    let value = value.as_f64().expect("a number");
    assert!((value / theory - 1.0).abs() < share, "{value} hashes/s instead of {theory}");
}

#[test]
fn three_steps_name_the_bottleneck_and_write_all_files() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("result");
    let output = sweep(&["--workers", "1,3,5", "--measure", "3s", "--out", out.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{}", stderr(&output));
    let printed = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    let (table, verdict) = printed.split_once("\n\n").expect("a table, an empty line and the verdict");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let sweep = json(&out);
    for (step, theory) in [10.0 / 3.0, 10.0, 10.0].into_iter().enumerate() {
        about(&sweep["steps"][step]["throughput"]["value"], theory);
    }
    let sentence = sweep["verdict"]["sentence"].as_str().expect("a sentence");
    // Where other programs take the processors, that is what it has to say.
    let starved = sweep["steps"][2]["cpu_starved"].as_f64().is_some_and(|seconds| seconds > 0.1);
    if !starved || sweep["verdict"]["bottleneck"] == "rng" {
        assert!(sentence.starts_with("rng is the bottleneck: busy 9"), "{sentence}");
    }
    assert_eq!(verdict.trim(), sentence);
    for name in ["sweep.csv", "report.html", "rng.hlog", "hasher.hlog"] {
        assert!(out.join(name).metadata().expect(name).len() > 100, "{name} is empty");
        assert!(stderr(&output).contains(name), "{name} is not told");
    }
    let again = sweep_into(&out, &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("--force"), "{}", stderr(&again));
}

fn sweep_into(out: &Path, args: &[&str]) -> Output {
    let mut all = vec!["--workers", "1", "--measure", "500ms", "--out", out.to_str().expect("UTF-8")];
    all.extend(args);
    sweep(&all)
}

#[test]
fn more_replicas_of_rng_raise_the_cap() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().to_str().expect("UTF-8");
    let output = sweep(&["--workers", "10", "--set", "rng=3", "--measure", "3s", "--json", "--out", out]);
    assert!(output.status.success(), "{}", stderr(&output));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON alone on standard output");
    assert_eq!(printed, json(folder.path()));
    about(&printed["steps"][0]["throughput"]["value"], 30.0);
    assert_eq!(printed["steps"][0]["replicas"]["rng"], 3);
}

#[test]
fn a_grid_scales_two_services() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().to_str().expect("UTF-8");
    let output = sweep(&["--workers", "1,8", "--grid", "rng=1..2", "--measure", "2s", "--out", out]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = std::fs::read_to_string(folder.path().join("grid.json")).expect("grid.json");
    let grid: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for (row, theory) in [(0, [10.0 / 3.0, 10.0]), (1, [10.0 / 3.0, 20.0])] {
        for (step, theory) in theory.into_iter().enumerate() {
            // Steps are short here, so that four of them are done in time; where rates differ, it is by a factor of two or more.
            near(&grid["rows"][row]["steps"][step]["throughput"]["value"], theory, 0.2);
        }
    }
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(printed.contains("8 workers with 2 replicas of rng are enough for it"), "{printed}");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(said.contains("Row 2 of 2: 2 replicas of rng") && said.contains("grid.csv"), "{said}");
    let report = Command::new(LOADGEN).args(["report", out, "--out", "-"]).output().expect("loadgen starts");
    let made = std::fs::read(folder.path().join("report.html")).expect("report.html");
    assert!(report.status.success() && report.stdout == made, "made again from grid.json, it is the same");
}

/// A turn at rng takes 40 s with 400 workers. The end once waited 30 s for them, and it was not told when it would come.
#[test]
fn hundreds_of_workers_end_when_they_are_expected_to() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().to_str().expect("UTF-8");
    let began = std::time::Instant::now();
    let output = sweep(&["--workers", "1,400", "--measure", "2s", "--out", out]);
    let took = began.elapsed().as_secs();
    assert!(output.status.success(), "{}", stderr(&output));
    near(&json(folder.path())["steps"][1]["throughput"]["value"], 10.0, 0.2);
    assert!(
        stderr(&output).lines().any(|line| line.contains("1 worker:") && line.ends_with(" left")),
        "{}",
        stderr(&output)
    );
    assert!(took < 25, "it took {took} s");
}

#[test]
fn a_loop_that_is_longer_than_the_measuring_is_waited_for() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("result");
    let output = sweep_into(&out, &["--rng-delay", "5s", "--hasher-delay", "0", "--think", "0", "--settle", "1s"]);
    assert!(output.status.success(), "{}", stderr(&output));
    about(&json(&out)["steps"][0]["throughput"]["value"], 0.2);
}

#[test]
fn a_real_redis_has_what_was_mined() {
    let redis = RedisServer::start();
    let folder = TempDir::new().expect("a folder");
    let output = sweep_into(folder.path(), &["--redis", &redis.url()]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(json(folder.path())["settings"]["ledger"], "redis");
    let count = Command::new("redis-cli").args(["-p", &redis.port().to_string(), "get", "hashes"]).output();
    let count = String::from_utf8(count.expect("redis-cli").stdout).expect("UTF-8");
    assert!(count.trim().parse::<u64>().expect("a number") > 0);
}

#[test]
fn an_interrupt_writes_the_steps_that_were_finished() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().to_str().expect("UTF-8");
    let mut program = Program::start(LOADGEN, &["sweep", "--workers", "1..9", "--measure", "500ms", "--out", out]);
    program.wait_for_log("1 worker:");
    program.signal("INT");
    assert_eq!(program.wait(), Some(130), "{}", program.log());
    assert!(program.log().contains("Ended early"), "{}", program.log());
    let sweep = json(folder.path());
    assert_eq!(sweep["interrupted"], true);
    assert!(!sweep["steps"].as_array().expect("steps").is_empty());
    assert!(folder.path().join("report.html").exists());
}

#[test]
fn an_interrupt_before_the_first_row_leaves_an_older_grid_as_it_was() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().to_str().expect("UTF-8");
    std::fs::write(folder.path().join("grid.json"), "older").expect("written");
    let grid = ["--workers", "1", "--grid", "rng=1..2", "--measure", "10m", "--force", "--out", out];
    let mut program = Program::start(LOADGEN, &[&["sweep"], &grid[..]].concat());
    program.wait_for_log("Row 1 of 2");
    program.signal("INT");
    assert_eq!(program.wait(), Some(130), "{}", program.log());
    assert!(program.log().contains("Ended before the first step was finished"), "{}", program.log());
    assert_eq!(std::fs::read_to_string(folder.path().join("grid.json")).expect("it is there"), "older");
    assert!(!folder.path().join("report.html").exists());
}

#[test]
fn bad_input_is_one_clear_line_and_leaves_nothing() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("never");
    let out = out.to_str().expect("UTF-8");
    let cases: [(&[&str], i32, &str); 12] = [
        (&["--workers", "5..1"], 2, "1..5"),
        (&["--workers", "0"], 2, "0 replicas"),
        (&["--measure", "5"], 2, "`5ms` or `5s`"),
        (&["--grid", "worker=1..3"], 2, "wants a second service"),
        (&["--grid", "rng=1..3", "--set", "rng=2"], 2, "contradicts --grid"),
        (&["--grid", "redis=1..3"], 2, "there is no service `redis`"),
        (&["--measure", "0"], 2, "500ms"),
        (&["--platform", "moon"], 2, "embedded"),
        (&["--set", "rng"], 2, "rng=3"),
        (&["--set", "redis=2"], 2, "no service `redis`"),
        (&["--set", "worker=2"], 2, "contradicts"),
        (&["--redis", "redis://127.0.0.1:1"], 1, "does not answer"),
    ];
    for (args, code, told) in cases {
        let mut all = vec!["--out", out];
        all.extend(args);
        let output = sweep(&all);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(told), "{args:?}: {}", stderr(&output));
        assert!(!Path::new(out).join("sweep.json").exists());
    }
    let output = sweep(&["--out", "/proc/nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/proc/nowhere"), "{}", stderr(&output));
}
