//! The cases, and how often the intervals hold the truth in them.

use stats::Estimate;

use super::closed::Closed;
use super::measured::Measured;
use super::queue::System;

/// How many of some intervals held the truth.
#[derive(Debug, Clone, Copy, Default)]
pub struct Coverage {
    pub runs: u32,
    pub held: u32,
    /// Runs that gave no interval, as too little was measured.
    pub untold: u32,
    /// Sum of the half widths, as shares of the truth.
    widths: f64,
}

impl Coverage {
    fn add(&mut self, found: Option<Estimate>, truth: f64) {
        self.runs += 1;
        match found {
            None => self.untold += 1,
            Some(found) => {
                // What differs by rounding alone is the same.
                self.held += u32::from(found.low <= truth * (1.0 + 1e-9) && truth * (1.0 - 1e-9) <= found.high);
                self.widths += (found.high - found.low) / 2.0 / truth;
            }
        }
    }

    /// The share of the intervals that held the truth.
    pub fn share(&self) -> f64 {
        f64::from(self.held) / f64::from((self.runs - self.untold).max(1))
    }

    /// Mean half width, as a share of the truth.
    pub fn width(&self) -> f64 {
        self.widths / f64::from((self.runs - self.untold).max(1))
    }
}

/// A system, and how long it is measured.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub system: System,
    pub seconds: f64,
}

/// The systems with one server.
pub const OPEN: [Case; 6] = [
    Case { name: "constant", system: System::Constant { rate: 200.0 }, seconds: 30.0 },
    Case { name: "M/D/1 at 0.5", system: System::MD1 { load: 0.5, service_s: 0.001 }, seconds: 30.0 },
    Case { name: "M/D/1 at 0.8", system: System::MD1 { load: 0.8, service_s: 0.001 }, seconds: 30.0 },
    Case { name: "M/D/1 at 0.95", system: System::MD1 { load: 0.95, service_s: 0.001 }, seconds: 120.0 },
    Case { name: "bursts", system: System::Bursts { bursts_per_s: 5.0, size: 20.0 }, seconds: 30.0 },
    Case { name: "stalls", system: System::Stalls, seconds: 60.0 },
];

/// The closed networks: long loops and short ones, a server that is always busy and one that is not.
pub const CLOSED: [(&str, Closed, f64, f64); 3] = [
    ("closed, loops of 6 s", Closed { workers: 60, think_s: 0.2, service_s: 0.1 }, 30.0, 15.0),
    ("closed, half idle", Closed { workers: 6, think_s: 1.0, service_s: 0.1 }, 30.0, 15.0),
    ("closed, 1 worker", Closed { workers: 1, think_s: 0.2, service_s: 0.1 }, 30.0, 15.0),
];

/// The quantiles that are shown with an interval.
pub const SHARES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// What the intervals of a case hold: rate, mean, and the quantiles of [`SHARES`].
pub struct Covered {
    pub rate: Coverage,
    pub mean: Coverage,
    pub quantiles: [Coverage; SHARES.len()],
}

impl Case {
    /// Simulates so many runs.
    pub fn cover(&self, runs: u32) -> Covered {
        // What cannot be calculated is measured in a run that is so much longer that its own error does not show.
        let long_s = self.seconds * f64::from(runs.clamp(200, 1000));
        let answers = self.system.run(long_s, u64::MAX);
        let long = Measured::of(&answers, long_s);
        let mean = answers.iter().map(|answer| answer.took_s).sum::<f64>() / answers.len() as f64;
        let truths = SHARES.map(|share| long.at(share));
        let mut covered =
            Covered { rate: Coverage::default(), mean: Coverage::default(), quantiles: Default::default() };
        for seed in 0..runs {
            let run = Measured::of(&self.system.run(self.seconds, seed.into()), self.seconds);
            covered.rate.add(run.rate(), self.system.rate());
            covered.mean.add(run.mean(), mean);
            for (place, share) in SHARES.into_iter().enumerate() {
                covered.quantiles[place].add(run.quantile(share), truths[place]);
            }
        }
        covered
    }
}

/// Simulates so many runs of a closed network, each measured for so long.
pub fn cover_closed(network: Closed, warm_s: f64, seconds: f64, runs: u32) -> Coverage {
    let mut coverage = Coverage::default();
    for seed in 0..runs {
        // The loops under way at the end are not known: no more is simulated than is measured.
        coverage.add(network.run(warm_s, seconds, seed.into()).estimate(0.0, seconds), network.rate());
    }
    coverage
}
