//! Pairs of runs of the same server, or of one that has become slower.

use stats::Estimate;
use stats::difference::between;

use super::measured::Measured;
use super::queue::System;

/// How many times as long the second run's service takes.
#[derive(Debug, Clone, Copy)]
pub struct Slowdown(pub f64);

/// Which share of the pairs was called worse, by figure.
#[derive(Debug, Clone, Copy)]
pub struct Worse {
    pub rate: f64,
    pub p50: f64,
    pub p90: f64,
}

/// A change counts when chance alone would bring it less often than this.
const P: f64 = 0.01;

/// Length of a run, in seconds.
const SECONDS: f64 = 30.0;

/// Simulates so many pairs of runs, and compares them. One connection sends as fast as it is answered, in exponential times of
/// this mean.
pub fn called_worse(service_s: f64, slowdown: Slowdown, pairs: u32) -> Worse {
    let mut counts = [0_u32; 3];
    for pair in 0..pairs {
        let run = |slower: f64, seed: u32| {
            let system = System::Exponential { service_s: service_s * slower };
            Measured::of(&system.run(SECONDS, seed.into()), SECONDS)
        };
        let (before, after) = (run(1.0, 2 * pair), run(slowdown.0, 2 * pair + 1));
        let worse = |before: Option<Estimate>, after: Option<Estimate>, up_is_good: bool| {
            let (Some(before), Some(after)) = (before, after) else { return 0 };
            let found = between(before, after);
            u32::from(found.p < P && (found.change() < 0.0) == up_is_good)
        };
        counts[0] += worse(before.rate(), after.rate(), true);
        counts[1] += worse(before.quantile(0.5), after.quantile(0.5), false);
        counts[2] += worse(before.quantile(0.9), after.quantile(0.9), false);
    }
    let [rate, p50, p90] = counts.map(|count| f64::from(count) / f64::from(pairs));
    Worse { rate, p50, p90 }
}
