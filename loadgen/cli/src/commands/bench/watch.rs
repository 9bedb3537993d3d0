//! What happens while a run lasts: the log of histograms is written, and a picture on the terminal is kept up to date.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Stderr};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use instrument::config::Config;
use instrument::hdrlog::HdrLog;
use instrument::{Interval, Observer};

use super::live::{self, Figures, Plan};
use crate::commands::draw::Screen;

/// The picture is not drawn more often than this.
const REFRESH: Duration = Duration::from_millis(190);

/// Follows a run.
pub struct Watch {
    log: Option<(HdrLog, BufWriter<File>)>,
    /// The first error while writing the log; the run goes on without it.
    failed: Option<std::io::Error>,
    view: Option<View>,
}

/// What a person sees of it.
struct View {
    screen: Screen<Stderr>,
    plan: Plan,
    figures: Figures,
    begun: Instant,
    drawn: Option<Instant>,
    /// The newest interval, and how many threads have handed it over.
    newest: (u64, usize),
    /// Intervals that all threads have handed over.
    complete: u64,
    threads: usize,
}

impl Watch {
    /// Prepares to follow a run: with a log where there is a file for it, and live where a person sees it. `threads` is
    /// the number of those that hand over each interval.
    pub fn new(config: &Config, threads: usize, log: Option<File>, quiet: bool) -> Self {
        let error = std::io::stderr();
        // A terminal that cannot move its cursor would show one picture below the other.
        let able = error.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let colour = anstream::AutoStream::choice(&error) != anstream::ColorChoice::Never;
        Watch {
            log: log.map(|file| (HdrLog::new(config.interval), BufWriter::new(file))),
            failed: None,
            view: (able && !quiet).then(|| View {
                screen: Screen::here(error, colour),
                plan: Plan::new(config),
                figures: Figures::default(),
                begun: Instant::now(),
                drawn: None,
                newest: (0, 0),
                complete: 0,
                threads,
            }),
        }
    }

    /// Writes the rest of the log and takes the picture away.
    pub fn finish(mut self) -> anyhow::Result<()> {
        // Dropping the view gives the terminal back.
        self.view = None;
        if let Some((log, file)) = &mut self.log {
            let outcome = log.finish(file);
            self.failed = self.failed.or(outcome.err());
        }
        match self.failed {
            Some(error) => Err(error).context("the HDR log could not be written"),
            None => Ok(()),
        }
    }
}

impl View {
    /// Takes what a thread has handed over.
    fn update(&mut self, interval: &Interval<'_>) {
        let (newest, threads) = self.newest;
        self.newest = match interval.index {
            index if index > newest => (index, 1),
            index => (newest, threads + usize::from(index == newest)),
        };
        let (newest, threads) = self.newest;
        let complete = newest + u64::from(threads == self.threads);
        if complete > self.complete {
            self.complete = complete;
            self.figures.update(&self.plan, interval, complete);
        }
        if self.is_time() {
            self.draw();
        }
    }

    fn is_time(&self) -> bool {
        self.drawn.is_none_or(|drawn| drawn.elapsed() >= REFRESH)
    }

    fn draw(&mut self) {
        self.drawn = Some(Instant::now());
        let (width, _) = self.screen.room();
        let lines = live::picture(&self.plan, &self.figures, self.begun.elapsed(), width);
        // A terminal that went away is no reason to stop measuring.
        let _ = self.screen.draw(&lines);
    }
}

impl Observer for Watch {
    fn started(&mut self, at: SystemTime) {
        if let Some(view) = &mut self.view {
            view.begun = Instant::now();
        }
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
        if let Some(view) = &mut self.view {
            view.update(interval);
        }
    }

    fn waiting(&mut self) {
        if let Some(view) = self.view.as_mut().filter(|view| view.is_time()) {
            view.draw();
        }
    }
}
