//! Bad settings: one clear line, exit code 2, and nothing is started.

use std::process::{Command, Output};

use acceptance::{Service, program};

fn run(name: &'static str, args: &[&str]) -> Output {
    Command::new(program(name)).args(args).env_clear().output().expect("it starts")
}

fn complaint(name: &'static str, args: &[&str]) -> (Option<i32>, String) {
    let output = run(name, args);
    assert!(output.stdout.is_empty(), "{name} {args:?} wrote to standard output");
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn a_bad_setting_is_named_and_ends_the_program() {
    let cases: [(&str, &[&str], &str); 17] = [
        ("rng", &["--frobnicate"], "--frobnicate"),
        ("rng", &["--delay", "100"], "`100ms` or `100s`"),
        ("rng", &["--delay=-1s"], "--delay"),
        ("rng", &["--concurrency", "many"], "--concurrency"),
        ("rng", &["--max-bytes", "1e9"], "--max-bytes"),
        ("rng", &["--listen", "somewhere"], "--listen"),
        ("hasher", &["--max-body", "12mib"], "--max-body"),
        ("hasher", &["--body-timeout", "soon"], "--body-timeout"),
        ("hasher", &["--body-timeout", "0"], "longer than zero"),
        ("rng", &["--header-timeout", "0"], "longer than zero"),
        ("rng", &["--max-connections", "0"], "--max-connections"),
        ("worker", &["--rng-url", "https://rng"], "plain HTTP"),
        ("worker", &["--loops", "0"], "--loops"),
        ("worker", &["--flush-interval", "0"], "longer than zero"),
        ("worker", &["--keep-alive", "perhaps"], "--keep-alive"),
        ("worker", &["--redis-url", "somewhere"], "REDIS_URL"),
        ("webui", &["--redis-url", "http://redis"], "REDIS_URL"),
    ];
    for (name, args, named) in cases {
        let (code, complaint) = complaint(name, args);
        assert_eq!(code, Some(2), "{name} {args:?}: {complaint}");
        assert!(complaint.contains(named), "{name} {args:?}: {complaint}");
    }
}

#[test]
fn a_bad_setting_in_the_environment_is_named_too() {
    let output = Command::new(program("rng")).env_clear().env("RNG_DELAY", "long").output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--delay"));
}

#[test]
fn a_taken_port_is_told_with_the_setting_to_change() {
    let first = Service::start("rng", &[]);
    for name in ["rng", "hasher", "webui", "worker"] {
        let (code, complaint) = complaint(name, &["--listen", &first.address, "--log-level", "off"]);
        assert_eq!(code, Some(1), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        let setting = format!("{}_LISTEN", name.to_uppercase());
        assert!(complaint.contains(&first.address) && complaint.contains(&setting), "{complaint}");
    }
}

#[test]
fn the_healthcheck_tells_by_its_exit_code() {
    let service = Service::start("hasher", &[]);
    let ask = |address: &str| run("hasher", &["--listen", address, "healthcheck"]).status.code();
    assert_eq!(ask(&service.address), Some(0));
    let address = service.address.clone();
    drop(service);
    assert_eq!(ask(&address), Some(1));
    let (code, complaint) = complaint("worker", &["healthcheck"]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("WORKER_LISTEN"), "{complaint}");
}

#[test]
fn the_help_tells_every_setting_with_its_environment() {
    for name in ["rng", "hasher", "worker", "webui"] {
        let help = String::from_utf8(run(name, &["--help"]).stdout).expect("UTF-8");
        for line in help.lines().filter(|line| line.trim_start().starts_with("--")) {
            let known = line.contains("--help") || line.contains("--version");
            let setting = line.split_whitespace().next().unwrap_or_default();
            // The twin stands in the same paragraph, on this line or one of the next.
            let paragraph = help.split(line).nth(1).unwrap_or_default();
            let paragraph = paragraph.split("\n      --").next().unwrap_or_default();
            assert!(known || format!("{line}{paragraph}").contains("[env: "), "{name} {setting} has no twin:\n{help}");
        }
    }
}
