//! What a person sees while the experiment runs: one line that moves on a terminal, a line a step elsewhere.

use std::io::Write;

use sweep::format;
use sweep::result::{Sample, Settings, Step};
use sweep::run::Watcher;

/// Turns in the corner, so that one sees that it is alive.
const SPINNER: [&str; 4] = ["◐", "◓", "◑", "◒"];

/// Writes progress to standard error.
pub struct Progress {
    terminal: bool,
    turn: usize,
}

impl Progress {
    /// For a terminal, or for a file.
    pub fn new(terminal: bool) -> Self {
        Self { terminal, turn: 0 }
    }

    /// Takes the moving line away.
    pub fn clear(&self) {
        if self.terminal {
            anstream::eprint!("\r\x1b[2K");
        }
    }
}

impl Watcher for Progress {
    fn row(&mut self, row: usize, rows: usize, what: &str) {
        self.clear();
        anstream::eprintln!("Row {row} of {rows}: {what}");
    }

    fn sample(&mut self, step: usize, steps: usize, sample: &Sample) {
        if !self.terminal {
            return;
        }
        self.turn = (self.turn + 1) % SPINNER.len();
        let doing = if sample.measuring { "measuring" } else { "settling" };
        let rate = sample.hashes_per_second.map_or("…".to_owned(), format::rate);
        let probes: Vec<String> =
            sample.probe_ms.iter().map(|(service, ms)| format!("{service} {}", format::time(*ms))).collect();
        let at = sample.at_s as u64;
        let line = format!(
            "{} step {step} of {steps}, {} replicas, {doing}: {rate} hashes/s, {}, {}:{:02}",
            SPINNER[self.turn],
            sample.replicas,
            probes.join(", "),
            at / 60,
            at % 60
        );
        anstream::eprint!("\r\x1b[2K{line}");
        // A progress line that cannot be written is not worth ending the run.
        let _ = std::io::stderr().flush();
    }

    fn step(&mut self, step: &Step, settings: &Settings) {
        self.clear();
        let rate = step.hashes_per_second;
        let what = format::replicas(step.swept(settings), &settings.scaled);
        let theory = step.deviation().map(|share| format!(", {} from theory", format::difference(share)));
        anstream::eprintln!("{what:>12}: {:>7} hashes/s{}", format::rate(rate.value), theory.unwrap_or_default());
    }
}
