//! A check for Nagios and its like (`-n warn,crit`).

use std::io::{self, Write};
use std::time::Duration;

use super::format::millis;
use super::output::Output;
use super::tally::{Ping, Tally};

const STATES: [&str; 3] = ["OK", "WARNING", "CRITICAL"];

/// One line at the end, with performance data.
pub struct Nagios {
    /// The average at which the check warns, and the one at which it is critical.
    pub limits: (Duration, Duration),
}

impl Output for Nagios {
    fn pinged(&mut self, _: &[Tally], _: usize, _: &Ping) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, tallies: &[Tally]) -> io::Result<()> {
        writeln!(io::stdout(), "{}", verdict(tallies, self.limits).1)
    }
}

/// The exit code, which is the worst state of all URLs, and the line.
pub fn verdict(tallies: &[Tally], limits: (Duration, Duration)) -> (u8, String) {
    let states: Vec<_> = tallies.iter().map(|tally| state(tally, limits)).collect();
    let worst = states.iter().map(|(state, _)| *state).max().unwrap_or(2);
    let words: Vec<_> = tallies
        .iter()
        .zip(states)
        .map(|(tally, (_, words))| if tallies.len() > 1 { format!("{}: {words}", tally.label) } else { words })
        .collect();
    let (warn, crit) = (millis(limits.0), millis(limits.1));
    let data: Vec<_> = tallies
        .iter()
        .filter(|tally| tally.ok > 0)
        .map(|tally| {
            let name = if tallies.len() > 1 { format!("'{}'", tally.label) } else { "ping".to_owned() };
            format!("{name}={:.6}ms;{warn};{crit}", tally.times.mean_ms())
        })
        .collect();
    let data = if data.is_empty() { String::new() } else { format!("|{}", data.join(" ")) };
    let line = format!("{} - {}{data}", STATES[usize::from(worst)], words.join(", "));
    (worst, line)
}

fn state(tally: &Tally, (warn, crit): (Duration, Duration)) -> (u8, String) {
    if tally.ok == 0 {
        let why = tally.last_failure.as_deref().unwrap_or("no ping was finished");
        return (2, format!("connecting failed: {why}"));
    }
    let average = tally.times.mean_ms();
    let words = format!("average ping time is {average:.1} ms");
    let state = match average {
        _ if average >= millis(crit) => 2,
        _ if average >= millis(warn) => 1,
        _ => 0,
    };
    match tally.failed() {
        0 => (state, words),
        failed => (state.max(1), format!("{words}, {failed} of {} failed", tally.ended)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use ping::{Failure, Kind, Timing};

    use super::*;

    const LIMITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(200));

    fn tally(times_ms: &[u64]) -> Tally {
        let mut tally = Tally::new(&"rng".parse().unwrap());
        for &ms in times_ms {
            let total = Duration::from_millis(ms);
            let outcome = match ms {
                0 => Err(Failure { kind: Kind::Refused, message: "refused".into(), after: total }),
                _ => Ok(Timing { total, ..Timing::default() }),
            };
            tally.add(&Ping { seq: 0, at: SystemTime::UNIX_EPOCH, outcome });
        }
        tally
    }

    #[test]
    fn the_average_decides() {
        let (code, line) = verdict(&[tally(&[50, 60])], LIMITS);
        assert_eq!((code, line.as_str()), (0, "OK - average ping time is 55.0 ms|ping=55.000000ms;100;200"));
        assert_eq!(verdict(&[tally(&[100])], LIMITS).0, 1);
        assert_eq!(verdict(&[tally(&[199, 201])], LIMITS).0, 2);
    }

    #[test]
    fn failures_warn_and_silence_is_critical() {
        let (code, line) = verdict(&[tally(&[50, 0])], LIMITS);
        assert!(code == 1 && line.contains("1 of 2 failed"), "{line}");
        let (code, line) = verdict(&[tally(&[0])], LIMITS);
        assert_eq!((code, line.as_str()), (2, "CRITICAL - connecting failed: refused"));
    }

    #[test]
    fn the_worst_url_decides() {
        let (code, line) = verdict(&[tally(&[50]), tally(&[150])], LIMITS);
        assert!(code == 1 && line.starts_with("WARNING - rng:80: average"), "{line}");
        assert_eq!(line.matches("'rng:80'=").count(), 2);
    }
}
