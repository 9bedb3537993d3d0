//! What a person sees while the experiment runs: one line that moves on a terminal, a line a step elsewhere.

use std::io::Write;
use std::time::Duration;

use sweep::format;
use sweep::platform::Error;
use sweep::result::{Sample, Settings, Step};
use sweep::run::{Outlook, Watcher};

/// Turns in the corner, so that one sees that it is alive.
const SPINNER: [&str; 4] = ["◐", "◓", "◑", "◒"];

/// Writes progress to standard error.
pub struct Progress {
    terminal: bool,
    unit: String,
    turn: usize,
    /// How long the run was expected to go on when last told.
    left: Duration,
}

impl Progress {
    /// For a terminal, or for a file, of a sweep with throughput in this unit.
    pub fn new(terminal: bool, unit: &str) -> Self {
        Self { terminal, unit: unit.to_owned(), turn: 0, left: Duration::ZERO }
    }

    /// Takes the moving line away.
    pub fn clear(&self) {
        if self.terminal {
            anstream::eprint!("\r\x1b[2K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Watcher for Progress {
    fn row(&mut self, row: usize, rows: usize, what: &str) {
        self.clear();
        anstream::eprintln!("Row {row} of {rows}: {what}");
    }

    fn sample(&mut self, outlook: Outlook, sample: &Sample) {
        self.left = outlook.left;
        if !self.terminal {
            return;
        }
        self.turn = (self.turn + 1) % SPINNER.len();
        let doing = if sample.measuring { "measuring" } else { "settling" };
        let rate = sample.throughput.map_or("…".to_owned(), format::rate);
        let probes: Vec<String> =
            sample.probe_ms.iter().map(|(service, ms)| format!("{service} {}", format::time(*ms))).collect();
        // The end comes first: on a narrow terminal the rest is cut.
        let line = format!(
            "{} {} left, step {} of {}, {} replicas, {doing}: {rate} {}, {}",
            SPINNER[self.turn],
            minutes(outlook.left),
            outlook.step,
            outlook.steps,
            sample.replicas,
            self.unit,
            probes.join(", "),
        );
        let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
        let line: String = line.chars().take(width.saturating_sub(1)).collect();
        anstream::eprint!("\r\x1b[2K{line}");
        // A progress line that cannot be written is not worth ending the run.
        let _ = std::io::stderr().flush();
    }

    fn trouble(&mut self, error: &Error) {
        self.clear();
        anstream::eprintln!("{error}");
    }

    fn step(&mut self, step: &Step, settings: &Settings) {
        self.clear();
        let rate = step.throughput;
        let what = format::replicas(step.swept(settings), &settings.scaled);
        let theory = step.deviation().map(|share| format!(", {} from theory", format::difference(share)));
        // The end of a run that is not watched on a terminal is told, too.
        let left = (self.left > Duration::ZERO).then(|| format!(", {} left", minutes(self.left)));
        anstream::eprintln!(
            "{what:>12}: {:>7} {}{}{}",
            format::rate(rate.value),
            settings.unit,
            theory.unwrap_or_default(),
            left.unwrap_or_default()
        );
    }
}

/// A time as minutes and seconds: `0:07`, `12:30`.
fn minutes(time: Duration) -> String {
    let seconds = time.as_secs_f64().ceil() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_left_is_not_nothing_before_it_is() {
        assert_eq!(minutes(Duration::from_millis(200)), "0:01");
        assert_eq!(minutes(Duration::from_secs(750)), "12:30");
    }
}
