//! `loadgen fit` as a user calls it.

use std::process::{Command, Output};

fn fit(points: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("points.csv");
    std::fs::write(&path, points).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.arg("fit").arg(&path).args(arguments).env("NO_COLOR", "1").output().expect("it runs")
}

/// Amdahl's law with λ = 1000 and σ = 0.1, with an error of a few thousandths.
fn amdahl() -> String {
    let errors = [0.003, -0.004, 0.002, -0.002, 0.004, -0.003, 0.001, -0.001];
    let line = |(k, n): (usize, f64)| format!("{n},{}\n", 1000.0 * n / (1.0 + 0.1 * (n - 1.0)) * (1.0 + errors[k]));
    "replicas,throughput\n".to_owned() + &(1..=8).map(f64::from).enumerate().map(line).collect::<String>()
}

#[test]
fn the_law_is_found_and_questions_inside_the_data_are_answered() {
    let output = fit(&amdahl(), &["--at", "5", "--for", "3500"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("* amdahl") && text.contains("Amdahl’s law describes the points best"), "{text}");
    assert!(text.contains("σ = 0.1") && text.contains("(95 %)"), "{text}");
    assert!(text.contains("For 3500: 5 (5 to"), "{text}");
}

#[test]
fn a_question_outside_of_the_data_is_refused_with_its_own_exit_code() {
    for arguments in [["--at", "80"], ["--for", "20000"]] {
        let output = fit(&amdahl(), &arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("refused") && text.contains("8"), "{text}");
    }
}

#[test]
fn json_holds_the_parameters_with_their_intervals() {
    let output = fit(&amdahl(), &["--json", "--for", "3500"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["chosen"], "amdahl");
    let sigma = &json["fits"][0]["parameters"][1];
    let at = |name: &str| sigma[name].as_f64().expect("a number");
    assert!(at("low") < 0.1 && 0.1 < at("high"), "{sigma}");
    assert_eq!(json["needed"][0]["n"], 5);
}

#[test]
fn too_few_points_choose_nothing_and_bad_ones_are_named() {
    let output = fit("1,10\n2,20\n", &["--for", "15"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stdout).contains("too few"));
    // Its JSON once said neither what was asked nor that nothing was answered.
    let output = fit("1,10\n2,20\n", &["--json", "--for", "15", "--at", "1.5"]);
    assert_eq!(output.status.code(), Some(3));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let refused = "the points are too few to choose a law by";
    assert_eq!(json["needed"], serde_json::json!([{"x": 15.0, "refused": refused}]));
    assert_eq!(json["at"], serde_json::json!([{"n": 1.5, "refused": refused}]));
    let output = fit("1,10\n2,fast\n", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 2: `fast` is not a number"));
}
