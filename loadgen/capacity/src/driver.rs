//! Who sends the requests, and what it has to tell of them.

use std::time::Duration;

use hdrhistogram::Histogram;
use instrument::report::Report;
use instrument::tally::{Tally, histogram};
use instrument::{Interval, Observer};

use crate::Objective;

/// Pieces of a trial: two for each batch of the interval of a ratio.
const SLICES: u32 = 24;

/// Runs trials.
pub trait Driver {
    /// Why a trial could not be run at all.
    type Error;

    /// Offers `rate` requests a second for `length`, counted from when the warm-up is over.
    fn trial(&mut self, rate: f64, length: Duration, objectives: &[Objective]) -> Result<Trial, Self::Error>;

    /// Waits until the queue of the last trial is gone; the driver bounds the wait.
    fn settle(&mut self) -> Result<Settled, Self::Error>;
}

/// How the wait after a trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The next trial can begin.
    Ready,
    /// The service cannot be reached any more: why, in words.
    Gone(String),
    /// Somebody ended it.
    Interrupted,
}

/// Slow or wrong requests among all, or the sum of times and their number: both parts of an objective's ratio.
pub type Bad = (f64, f64);

/// Response times added up, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// How many.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
}

impl Moments {
    /// Those of a histogram of nanoseconds.
    pub fn of(times: &Histogram<u64>) -> Self {
        if times.is_empty() {
            return Moments::default();
        }
        let (count, mean, deviation) = (times.len() as f64, times.mean() / 1e9, times.stdev() / 1e9);
        Moments { count, sum: count * mean, squares: count * (mean * mean + deviation * deviation) }
    }

    /// Both together.
    pub fn plus(self, other: Moments) -> Self {
        Moments { count: self.count + other.count, sum: self.sum + other.sum, squares: self.squares + other.squares }
    }
}

/// What happened in a piece of a trial.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slice {
    /// Its length.
    pub seconds: f64,
    /// Requests that became due in it.
    pub due: u64,
    /// Requests that were answered or failed in it.
    pub ended: u64,
    /// The response times of those that ended in it.
    pub times: Moments,
    /// For each objective, both parts of its ratio.
    pub ratios: Vec<Bad>,
}

/// What a trial found.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The pieces, in order.
    pub slices: Vec<Slice>,
    /// The response times of all requests, in nanoseconds.
    pub response: Histogram<u64>,
    /// Answers a second.
    pub answered_per_second: f64,
    /// Why the generator was the limit, where it was: the trial is then no evidence about the server.
    pub limited: Option<String>,
    /// Whether somebody ended it.
    pub interrupted: bool,
}

/// Gathers the slices of a trial from a run of the engine.
pub struct Collector<'a> {
    objectives: &'a [Objective],
    slices: Vec<Slice>,
}

impl<'a> Collector<'a> {
    /// For a run of `length` whose interval is [`Collector::interval`] of it.
    pub fn new(objectives: &'a [Objective], length: Duration) -> Self {
        let seconds = Self::interval(length).as_secs_f64();
        let empty = Slice { seconds, ratios: vec![(0.0, 0.0); objectives.len()], ..Slice::default() };
        Collector { objectives, slices: vec![empty; SLICES as usize] }
    }

    /// The length of a slice.
    pub fn interval(length: Duration) -> Duration {
        length / SLICES
    }

    /// Adds what was counted in an interval of the run. `due` says in which intervals its requests were due.
    pub fn add(&mut self, index: u64, tally: &Tally, due: &[(u64, u64)]) {
        let last = self.slices.len() - 1;
        let place = |index: u64| usize::try_from(index).unwrap_or(usize::MAX).min(last);
        for &(index, count) in due {
            self.slices[place(index)].due += count;
        }
        let slice = &mut self.slices[place(index)];
        // What is answered while the run drains, which has a number beyond the last, says nothing of whether the server kept
        // up. It counts for the objectives all the same: the slowest answers are among it.
        if index <= last as u64 {
            slice.ended += tally.counts.done + tally.counts.failures();
        }
        slice.times = slice.times.plus(Moments::of(&tally.response));
        for (sum, objective) in slice.ratios.iter_mut().zip(self.objectives) {
            let (above, below) = objective.count(tally);
            *sum = (sum.0 + above, sum.1 + below);
        }
    }

    /// The slices, once the run is over.
    pub fn finish(self) -> Vec<Slice> {
        self.slices
    }
}

impl Observer for Collector<'_> {
    fn interval(&mut self, interval: &Interval<'_>) {
        self.add(interval.index, interval.tally, interval.due);
    }
}

impl Trial {
    /// The trial that a run of the engine was.
    pub fn of(collector: Collector<'_>, report: &Report) -> Self {
        let mut response = histogram();
        response.add(&report.total.response).expect("all histograms have the same bounds");
        Trial {
            slices: collector.finish(),
            response,
            answered_per_second: report.rate(),
            limited: report.generator.limits.first().cloned(),
            interrupted: report.interrupted,
        }
    }
}
