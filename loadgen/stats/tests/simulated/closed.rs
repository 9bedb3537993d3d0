//! Workers that think and ask one server, for ever: a closed network, as a sweep would see it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use stats::progress::{Mark, Progress, Worker};

use super::random::Random;

/// A closed network with random times of thinking and of service.
#[derive(Debug, Clone, Copy)]
pub struct Closed {
    pub workers: u32,
    pub think_s: f64,
    pub service_s: f64,
}

impl Closed {
    /// Loops a second in the long run: exact mean-value analysis (Reiser and Lavenberg 1980).
    pub fn rate(self) -> f64 {
        let (mut waiting, mut rate) = (0.0, 0.0);
        for workers in 1..=self.workers {
            let response = self.service_s * (1.0 + waiting);
            rate = f64::from(workers) / (self.think_s + response);
            waiting = rate * response;
        }
        rate
    }

    /// The workers' loops, looked at for so many seconds after a time in which they came into step.
    pub fn run(self, warm_s: f64, seconds: f64, seed: u64) -> Progress {
        let mut random = Random::new(seed);
        let mut workers =
            vec![Worker { marks: vec![Mark { at_s: -warm_s, count: 0.0 }], runs: true }; self.workers as usize];
        // When each worker asks next, in microseconds, which keeps the heap's order total.
        let mut asks: BinaryHeap<Reverse<(i64, usize)>> = BinaryHeap::new();
        let micros = |at_s: f64| (at_s * 1e6) as i64;
        for worker in 0..workers.len() {
            asks.push(Reverse((micros(random.exponential(self.think_s) - warm_s), worker)));
        }
        let mut free_s = -warm_s;
        while let Some(Reverse((asked, worker))) = asks.pop() {
            let served_s = free_s.max(asked as f64 / 1e6) + random.exponential(self.service_s);
            free_s = served_s;
            if served_s > seconds {
                break;
            }
            let count = workers[worker].marks.len() as f64;
            workers[worker].push(Mark { at_s: served_s, count });
            asks.push(Reverse((micros(served_s + random.exponential(self.think_s)), worker)));
        }
        Progress::new(workers)
    }
}
