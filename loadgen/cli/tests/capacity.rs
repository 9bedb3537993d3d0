//! `loadgen capacity` as a user calls it wrongly. What it finds is tested on a clock that no busy machine disturbs, beside
//! the search itself.

use std::process::Command;

#[test]
fn bad_input_is_one_line_and_its_exit_code() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").to_string();
    let objective = ["--objective", "p99 < 50ms"];
    let cases: [(Vec<&str>, i32, &str); 8] = [
        (vec![&gone], 2, "--objective"),
        (vec![&gone, "--objective", "p98 < 50ms"], 2, "not an objective"),
        (vec![&gone, objective[0], objective[1], "--step", "1m"], 2, "--confirm is shorter than --step"),
        (vec![&gone, objective[0], objective[1], "--from", "0"], 2, "--from has to be more than zero"),
        (vec![&gone, objective[0], objective[1], "--from", "50", "--up-to", "20"], 2, "--from is more than --up-to"),
        (vec![&gone, objective[0], objective[1], "--up-to", "20"], 1, "refused"),
        (vec!["ftp://x/", objective[0], objective[1]], 2, "neither http nor https"),
        (vec![&gone, objective[0], objective[1]], 1, "refused"),
    ];
    for (arguments, code, words) in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        let output = command.arg("capacity").args(&arguments).env("NO_COLOR", "1").output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
}
