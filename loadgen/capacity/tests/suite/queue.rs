//! A queue on a clock of its own: arrivals at a rate, a number of slots, first come first served.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::convert::Infallible;
use std::time::Duration;

use capacity::{Collector, Driver, Objective, Settled, Trial};
use instrument::schedule::{Arrivals, Schedule, Stage};
use instrument::tally::{Tally, histogram};

/// How long the server needs for a request.
#[derive(Debug, Clone, Copy)]
pub enum Service {
    /// Always the same.
    Fixed(f64),
    /// Exponentially distributed, with this mean.
    Random(f64),
}

/// A server with its queue, and the generator that loads it.
pub struct Queue {
    pub slots: usize,
    pub service: Service,
    pub arrivals: Arrivals,
    pub seed: u64,
    /// Above this rate the generator says that it is the limit.
    pub generator_limit: f64,
    /// Trials so far.
    pub trials: u64,
    /// For the trials of these numbers, the server takes ten times as long.
    pub hiccups: Vec<u64>,
    /// The server goes away for good after so many trials.
    pub gone_after: u64,
}

impl Queue {
    /// A server for the tests of known answers.
    pub fn new(slots: usize, service: Service, arrivals: Arrivals, seed: u64) -> Self {
        Queue {
            slots,
            service,
            arrivals,
            seed,
            generator_limit: f64::INFINITY,
            trials: 0,
            hiccups: Vec::new(),
            gone_after: u64::MAX,
        }
    }
}

/// The warm-up of a trial, in seconds.
const WARM_UP: f64 = 1.0;

impl Driver for Queue {
    type Error = Infallible;

    fn trial(&mut self, rate: f64, length: Duration, objectives: &[Objective]) -> Result<Trial, Infallible> {
        self.trials += 1;
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(self.trials);
        let slow = if self.hiccups.contains(&self.trials) { 10.0 } else { 1.0 };
        // Exponential times come from the gaps of a Poisson schedule of rate one.
        let mut times = Schedule::new(&[Stage::constant(1.0, f64::INFINITY)], Arrivals::Poisson, !seed);
        let mut last = 0;
        let mut service = || match self.service {
            Service::Fixed(seconds) => slow * seconds,
            Service::Random(mean) => {
                let at = times.next().expect("endless");
                let gap = (at - last) as f64 / 1e9;
                last = at;
                slow * mean * gap
            }
        };
        let seconds = length.as_secs_f64();
        let interval = Collector::interval(length).as_secs_f64();
        let slices = (seconds / interval).round() as usize;
        let (mut due_in, mut times_in) = (vec![0; slices + 1], vec![Vec::new(); slices + 1]);
        let mut free: BinaryHeap<Reverse<u64>> = (0..self.slots).map(|_| Reverse(0)).collect();
        let stages = [Stage::constant(rate, WARM_UP + seconds)];
        for due in Schedule::new(&stages, self.arrivals, seed) {
            let Reverse(slot) = free.pop().expect("a server has a slot");
            let end = slot.max(due) + (service() * 1e9) as u64;
            free.push(Reverse(end));
            let place = |at: u64| (at as f64 / 1e9 - WARM_UP) / interval;
            if place(due) >= 0.0 {
                due_in[(place(due) as usize).min(slices)] += 1;
                times_in[(place(end) as usize).min(slices)].push(end - due);
            }
        }
        let mut collector = Collector::new(objectives, length);
        let mut tally = Tally::default();
        let mut response = histogram();
        for (index, (due, times)) in due_in.iter().zip(&times_in).enumerate() {
            tally.clear();
            let done = times.len() as u64;
            (tally.counts.due, tally.counts.done, tally.counts.ok) = (*due, done, done);
            for time in times {
                tally.response.saturating_record(*time);
                response.saturating_record(*time);
            }
            collector.add(index as u64, &tally, &[(index as u64, *due)]);
        }
        let limited = (rate > self.generator_limit).then(|| "its threads were busy".to_owned());
        Ok(Trial {
            slices: collector.finish(),
            answered_per_second: response.len() as f64 / seconds,
            response,
            limited,
            interrupted: false,
        })
    }

    fn settle(&mut self) -> Result<Settled, Infallible> {
        match self.trials < self.gone_after {
            true => Ok(Settled::Ready),
            false => Ok(Settled::Gone("cannot connect: Connection refused".to_owned())),
        }
    }
}
