//! How often the intervals hold the truth, over many simulated runs: `cargo run --release -p stats --example coverage [RUNS]`.
//! It fails where that is less often than it may be, or where runs of the same server are called worse too often.

use std::process::ExitCode;

#[path = "../tests/simulated/mod.rs"]
mod simulated;

use simulated::cases::{CLOSED, Coverage, OPEN, SHARES, cover_closed};
use simulated::compared::{Slowdown, called_worse};

/// Of the intervals that are told, so many hold the truth at least.
const LEAST_COVERED: f64 = 0.93;

/// So many comparisons of the same server are called worse at p = 0.01 at most.
const MOST_FALSE: f64 = 0.015;

/// So often a server that is slower by 10 % is found by the rate at least.
const LEAST_FOUND: f64 = 0.95;

fn main() -> ExitCode {
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(1000);
    let mut wrong = 0;
    println!("{runs} runs each; share of the 95 % intervals that hold the truth (mean half width)");
    for case in OPEN {
        let covered = case.cover(runs);
        wrong += line(case.name, "rate", covered.rate);
        wrong += line(case.name, "mean", covered.mean);
        for (share, found) in SHARES.into_iter().zip(covered.quantiles) {
            wrong += line(case.name, &format!("p{}", 100.0 * share), found);
        }
    }
    for (name, network, warm_s, seconds) in CLOSED {
        wrong += line(name, "rate", cover_closed(network, warm_s, seconds, runs));
    }
    println!("{runs} pairs of runs of 30 s with exponential times, called worse at p = 0.01");
    for (answers, service_s) in [("6,000 answers", 0.005), ("10,000 answers", 0.003), ("30,000 answers", 0.001)] {
        for (name, slowdown) in [("the same", Slowdown(1.0)), ("slower by 10 %", Slowdown(1.1))] {
            let worse = called_worse(service_s, slowdown, runs);
            let shares = [worse.rate, worse.p50, worse.p90];
            let bad =
                if slowdown.0 > 1.0 { worse.rate < LEAST_FOUND } else { shares.iter().any(|it| *it > MOST_FALSE) };
            let [rate, p50, p90] = shares.map(|share| 100.0 * share);
            let mark = if bad { "  WRONG" } else { "" };
            println!("{answers:<15} {name:<15} rate {rate:>5.1} %  p50 {p50:>5.1} %  p90 {p90:>5.1} %{mark}");
            wrong += u32::from(bad);
        }
    }
    println!("{}", if wrong == 0 { "all right".to_owned() } else { format!("{wrong} WRONG") });
    ExitCode::from(u8::from(wrong > 0))
}

/// Prints a share, and returns 1 where it is too small.
fn line(case: &str, what: &str, found: Coverage) -> u32 {
    let untold = if found.untold > 0 { format!(", {} told nothing", found.untold) } else { String::new() };
    let bad = found.share() < LEAST_COVERED;
    let mark = if bad { "  WRONG" } else { "" };
    println!("{case:<22} {what:<5} {:>6.1} %  ({:.1} %){untold}{mark}", 100.0 * found.share(), 100.0 * found.width());
    u32::from(bad)
}
