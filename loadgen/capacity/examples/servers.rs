//! The search as a person runs it, against real servers whose capacity is arithmetic:
//! `cargo run --release -p capacity --example servers -- [RUNS [BESIDE]]`
//!
//! Each case is searched RUNS times (10), BESIDE of them at a time (2). A run takes two to five minutes, so all of them take
//! an hour. The machine should do nothing else.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use testbed::{Program, binary, free_port, wait_for};

#[path = "../tests/suite/theory.rs"]
mod theory;

/// How far from theory a found rate may be.
const WITHIN: f64 = 0.03;

/// A server, and what theory says that it can do.
struct Case {
    name: &'static str,
    serve: &'static str,
    search: &'static [&'static str],
    expected: f64,
}

fn cases() -> [Case; 3] {
    // At these rates 1 % of the responses take longer than the objective says.
    let md1 = theory::rate_where(|rate| theory::md1_beyond(rate, 0.005, 0.025) - 0.01, 50.0, 199.0);
    let mmc = theory::rate_where(|rate| theory::mmc_beyond(rate, 100.0, 4, 0.06) - 0.01, 50.0, 399.0);
    [
        Case {
            name: "8 slots of 40 ms",
            serve: "--time 40ms --slots 8",
            search: &["--objective", "p99 < 300ms"],
            expected: 200.0,
        },
        Case {
            name: "M/D/1 of 5 ms",
            serve: "--time 5ms",
            search: &["--objective", "p99 < 25ms", "--arrivals", "poisson", "--confirm", "2m"],
            expected: md1,
        },
        Case {
            name: "M/M/4 of 10 ms",
            serve: "--time 10ms --slots 4 --random",
            search: &["--objective", "p99 < 60ms", "--arrivals", "poisson", "--confirm", "2m"],
            expected: mmc,
        },
    ]
}

/// What is run; built before the first search.
struct Programs {
    known: PathBuf,
    loadgen: PathBuf,
}

/// One search: the rate that it found, or what it said instead.
fn search(programs: &Programs, case: &Case, seed: usize) -> Result<f64, String> {
    let port = free_port();
    let mut serve = Command::new(&programs.known);
    let _server = Program::spawn(serve.args(["serve", "--port", &port.to_string()]).args(case.serve.split(' ')));
    wait_for("the server", Duration::from_secs(10), || {
        TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())
    });
    let mut search = Command::new(&programs.loadgen);
    search.args(["capacity", &format!("127.0.0.1:{port}"), "--json", "--quiet", "--seed", &seed.to_string()]);
    let ended = search.args(case.search).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let found: Value =
        serde_json::from_slice(&ended.stdout).map_err(|_| String::from_utf8_lossy(&ended.stderr).trim().to_owned())?;
    match found["capacity_per_second"].as_f64() {
        Some(rate) if found["outcome"] == "found" => Ok(rate),
        _ => Err(found["sentence"].to_string()),
    }
}

/// Searches so many times, some of them beside one another, and tells how many came close.
fn all(programs: &Programs, case: &Case, runs: usize, beside: usize) -> usize {
    let (next, close) = (AtomicUsize::new(1), AtomicUsize::new(0));
    let one_after_the_other = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > runs {
                return;
            }
            let said = search(programs, case, seed).map(|rate| {
                let off = rate / case.expected - 1.0;
                close.fetch_add(usize::from(off.abs() <= WITHIN), Ordering::Relaxed);
                format!("{rate:8.1}/s  {:+.1} %", 100.0 * off)
            });
            println!("{:<18} {seed:>3}  {}", case.name, said.unwrap_or_else(|said| said));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..beside {
            scope.spawn(one_after_the_other);
        }
    });
    close.into_inner()
}

fn main() -> ExitCode {
    let numbers: Result<Vec<usize>, _> = std::env::args().skip(1).map(|word| word.parse()).collect();
    let (runs, beside) = match numbers.as_deref() {
        Ok([]) => (10, 2),
        Ok([runs]) => (*runs, 2),
        Ok([runs, beside]) => (*runs, (*beside).max(1)),
        _ => {
            eprintln!("servers: give a number of runs, and how many beside one another, as in `servers 10 2`");
            return ExitCode::from(2);
        }
    };
    let programs = Programs { known: binary("known"), loadgen: binary("loadgen") };
    let mut all_close = true;
    for case in cases() {
        println!("{:<18}      {:8.1}/s  by theory", case.name, case.expected);
        let close = all(&programs, &case, runs, beside);
        println!("{:<18}      {close} of {runs} within {:.0} %", case.name, 100.0 * WITHIN);
        all_close &= close == runs;
    }
    if all_close { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
