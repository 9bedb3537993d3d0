//! How often the intervals hold the truth, over many simulated runs: `cargo run --release -p stats --example coverage [RUNS]`.

#[path = "../tests/simulated/mod.rs"]
mod simulated;

use simulated::cases::{CLOSED, Coverage, OPEN, SHARES, cover_closed};
use simulated::compared::{Slowdown, called_worse};

fn main() {
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(1000);
    println!("{runs} runs each; share of the 95 % intervals that hold the truth (mean half width)");
    for case in OPEN {
        let covered = case.cover(runs);
        line(case.name, "rate", covered.rate);
        line(case.name, "mean", covered.mean);
        for (share, found) in SHARES.into_iter().zip(covered.quantiles) {
            line(case.name, &format!("p{}", 100.0 * share), found);
        }
    }
    for (name, network, warm_s, seconds) in CLOSED {
        line(name, "rate", cover_closed(network, warm_s, seconds, runs));
    }
    println!("{runs} pairs of runs of 30 s with exponential times, called worse at p = 0.01");
    for (answers, service_s) in [("6,000 answers", 0.005), ("10,000 answers", 0.003), ("30,000 answers", 0.001)] {
        for (name, slowdown) in [("the same", Slowdown(1.0)), ("slower by 10 %", Slowdown(1.1))] {
            let worse = called_worse(service_s, slowdown, runs);
            let [rate, p50, p90] = [worse.rate, worse.p50, worse.p90].map(|share| 100.0 * share);
            println!("{answers:<15} {name:<15} rate {rate:>5.1} %  p50 {p50:>5.1} %  p90 {p90:>5.1} %");
        }
    }
}

fn line(case: &str, what: &str, found: Coverage) {
    let untold = if found.untold > 0 { format!(", {} told nothing", found.untold) } else { String::new() };
    println!("{case:<22} {what:<5} {:>6.1} %  ({:.1} %){untold}", 100.0 * found.share(), 100.0 * found.width());
}
