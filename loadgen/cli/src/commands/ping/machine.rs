//! One number a line, for scripts (`-m`).

use std::io::{self, Write};

use super::format::millis;
use super::output::Output;
use super::tally::{Ping, Tally};

/// Times in milliseconds on standard output, failures on standard error.
pub struct Machine {
    /// Whether the status code follows.
    pub status: bool,
    /// Whether the URL comes first, because there are several.
    pub labels: bool,
}

impl Output for Machine {
    fn pinged(&mut self, tallies: &[Tally], which: usize, ping: &Ping) -> io::Result<()> {
        let label = if self.labels { format!("{} ", tallies[which].label) } else { String::new() };
        match &ping.outcome {
            Ok(timing) => {
                let status = if self.status { format!(" {}", timing.status) } else { String::new() };
                writeln!(io::stdout(), "{label}{:.6}{status}", millis(timing.total))
            }
            Err(failure) => writeln!(io::stderr(), "{label}{failure}"),
        }
    }

    fn end(&mut self, _: &[Tally]) -> io::Result<()> {
        Ok(())
    }
}
