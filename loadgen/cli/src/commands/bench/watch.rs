//! What happens while a run lasts: the log of histograms is written, and a line on the terminal is kept up to date.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use instrument::config::Config;
use instrument::hdrlog::HdrLog;
use instrument::timeline::quantile;
use instrument::{Interval, Observer};

use super::summary;

/// The line is not written more often than this.
const REFRESH: Duration = Duration::from_millis(250);

/// Follows a run.
pub struct Watch {
    log: Option<(HdrLog, BufWriter<File>)>,
    /// The first error while writing the log; the run goes on without it.
    failed: Option<std::io::Error>,
    live: bool,
    shown: bool,
    begun: Option<Instant>,
    lasts: Option<Duration>,
    drawn: Instant,
    warm_up: Duration,
}

impl Watch {
    /// Prepares to follow a run: with a log where there is a file for it, and live where a person sees it.
    pub fn new(config: &Config, log: Option<File>, quiet: bool) -> Self {
        Watch {
            log: log.map(|file| (HdrLog::new(config.interval), BufWriter::new(file))),
            failed: None,
            live: !quiet && std::io::stderr().is_terminal(),
            shown: false,
            begun: None,
            lasts: config.seconds().map(Duration::from_secs_f64),
            drawn: Instant::now(),
            warm_up: config.warm_up,
        }
    }

    /// Writes the rest of the log and clears the line.
    pub fn finish(mut self) -> anyhow::Result<()> {
        if self.shown {
            anstream::eprint!("\r\x1b[K");
        }
        if let Some((log, file)) = &mut self.log {
            let outcome = log.finish(file);
            self.failed = self.failed.or(outcome.err());
        }
        match self.failed {
            Some(error) => Err(error).context("the HDR log could not be written"),
            None => Ok(()),
        }
    }

    fn draw(&mut self, interval: &Interval<'_>) {
        if self.drawn.elapsed() < REFRESH && self.shown {
            return;
        }
        self.drawn = Instant::now();
        self.shown = true;
        let seconds = self.begun.map_or(0.0, |begun| begun.elapsed().saturating_sub(self.warm_up).as_secs_f64());
        let total = interval.total;
        let time = |share: f64| quantile(&total.response, share).map_or_else(|| "-".to_owned(), summary::time);
        let now = |share: f64| quantile(&interval.tally.response, share).map_or_else(|| "-".to_owned(), summary::time);
        let errors = total.counts.failures() + total.error_statuses();
        let of = self.lasts.map_or_else(String::new, |lasts| format!("/{:.0}", lasts.as_secs_f64()));
        anstream::eprint!(
            "\r\x1b[K{seconds:.0}{of} s  {} req/s  p50 {}  p99 {} (now {})  max {}  {} errors",
            summary::rate(total.completions as f64 / seconds.max(0.001)),
            time(0.5),
            time(0.99),
            now(0.99),
            time(1.0),
            summary::number(errors),
        );
        // A terminal that went away is no reason to stop measuring.
        let _ = std::io::stderr().flush();
    }
}

impl Observer for Watch {
    fn started(&mut self, at: SystemTime) {
        self.begun = Some(Instant::now());
        if let Some((log, _)) = &mut self.log {
            log.start(at);
        }
    }

    fn interval(&mut self, interval: &Interval<'_>) {
        if let Some((log, file)) = &mut self.log {
            log.add(interval.index, interval.tally);
            if let Err(error) = log.write(file) {
                self.failed.get_or_insert(error);
            }
        }
        if self.live {
            self.draw(interval);
        }
    }
}
