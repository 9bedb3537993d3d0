//! How long a run will take.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::platform::Replicas;
use crate::result::Settings;
use crate::theory;

/// A step settles for this many loops: with the first, every worker has come into step with the new replicas.
pub const SETTLED_LOOPS: f64 = 1.3;

/// The shortest time to settle.
pub const SHORTEST_SETTLE: Duration = Duration::from_millis(500);

/// Where loops are long, the rate is steady when it is the same in two pieces of this length that follow each other.
pub const STEADY_PIECE: Duration = Duration::from_millis(1200);

/// However sure the rate seems, it is measured for this long.
pub const SHORTEST_MEASURE: Duration = Duration::from_secs(2);

/// What a step takes besides settling and measuring: to hear of the last loops, and to let the last probes finish.
const AROUND_S: f64 = 0.8;

/// The steps to come and how long each should take, corrected by how long those before them took.
#[derive(Debug, Clone)]
pub struct Pace {
    /// The expected seconds of the step under way and those to come.
    left: VecDeque<f64>,
    /// Expected and true seconds of what is done.
    expected_s: f64,
    took_s: f64,
    since: Instant,
}

impl Pace {
    /// For steps with these settings and replicas.
    pub fn new<'a>(steps: impl Iterator<Item = (&'a Settings, Replicas)>) -> Self {
        let left = steps.map(|(settings, replicas)| expect(settings, &replicas)).collect();
        Self { left, expected_s: 0.0, took_s: 0.0, since: Instant::now() }
    }

    /// A step has ended.
    pub fn step_done(&mut self) {
        self.took_s += self.since.elapsed().as_secs_f64();
        self.since = Instant::now();
        self.expected_s += self.left.pop_front().unwrap_or(0.0);
    }

    /// Time until the last step is done, as far as it can be told.
    pub fn left(&self) -> Duration {
        let factor = if self.expected_s > 0.0 { self.took_s / self.expected_s } else { 1.0 };
        let all = self.left.iter().sum::<f64>() * factor;
        let now = self.left.front().map_or(0.0, |step| step * factor);
        // A step that takes longer than expected is not done before it is.
        let gone = self.since.elapsed().as_secs_f64().min(now);
        Duration::from_secs_f64((all - gone).max(0.0))
    }
}

/// The seconds that a step should take.
fn expect(settings: &Settings, replicas: &Replicas) -> f64 {
    let jobs = f64::from(theory::jobs(settings, replicas));
    let loop_s = theory::expect(settings, replicas).map_or(0.0, |expected| jobs / expected.constant.throughput);
    let settle = (SETTLED_LOOPS * loop_s).clamp(SHORTEST_SETTLE.as_secs_f64(), 2.0 * STEADY_PIECE.as_secs_f64());
    let measure = match settings.precision {
        Some(_) => SHORTEST_MEASURE.as_secs_f64().min(settings.measure_s),
        None => settings.measure_s,
    };
    // Without a loop from its beginning to its end there is no rate.
    settle + measure.max(theory::round_s(settings, replicas)) + AROUND_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_what_the_steps_before_took() {
        let settings = Settings { measure_s: 5.0, ..Settings::default() };
        let steps = [&settings; 4].map(|settings| (settings, Replicas::new()));
        let mut pace = Pace::new(steps.into_iter());
        let first = pace.left().as_secs_f64();
        assert!((4.0 * 5.5..4.0 * 9.0).contains(&first), "{first}");
        pace.step_done();
        // The first took next to no time, so the others are expected to do so too.
        assert!(pace.left().as_secs_f64() < 0.1 * first, "{:?}", pace.left());
        (0..3).for_each(|_| pace.step_done());
        assert_eq!(pace.left(), Duration::ZERO);
    }
}
