//! When probes are due: by arithmetic from the start, whatever happened to the probes before.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::target::BadSetting;

/// How the gaps between probes are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gaps {
    /// Exponential gaps (Poisson arrivals): what the probes see is what a time average over the system would give
    /// (Wolff 1982, "Poisson Arrivals See Time Averages").
    #[default]
    Exponential,
    /// Between half and one and a half times the mean, evenly: no bursts, and still no beat with a periodic system.
    Jittered,
}

/// The endless row of due times.
#[derive(Debug)]
pub struct Schedule {
    next: Instant,
    mean: f64,
    gaps: Gaps,
    random: SmallRng,
}

impl Schedule {
    /// A schedule at `rate` a second that begins at `start`; the same seed gives the same times.
    pub fn new(rate: f64, gaps: Gaps, seed: Option<u64>, start: Instant) -> Result<Self, BadSetting> {
        if !(rate > 0.0 && rate <= 100_000.0) {
            return Err(BadSetting(format!("a rate of {rate} probes a second is not between 0 and 100000")));
        }
        let random = match seed {
            Some(seed) => SmallRng::seed_from_u64(seed),
            None => rand::make_rng(),
        };
        let mut schedule = Self { next: start, mean: 1.0 / rate, gaps, random };
        schedule.advance();
        Ok(schedule)
    }

    /// When the next probe is due.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// The next due time, if it is not after `now`; the one after it comes next.
    pub fn due_by(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next;
        (due <= now).then(|| {
            self.advance();
            due
        })
    }

    fn advance(&mut self) {
        let uniform: f64 = self.random.random();
        let gap = match self.gaps {
            Gaps::Exponential => -(1.0 - uniform).ln(),
            Gaps::Jittered => 0.5 + uniform,
        };
        self.next += Duration::from_secs_f64(gap * self.mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gaps in seconds of a hundred thousand probes at 100 a second.
    fn gaps(kind: Gaps) -> Vec<f64> {
        let start = Instant::now();
        let mut schedule = Schedule::new(100.0, kind, Some(7), start).unwrap();
        let far = start + Duration::from_secs(1_000_000);
        let mut last = start;
        (0..100_000)
            .map(|_| {
                let due = schedule.due_by(far).unwrap();
                (due - std::mem::replace(&mut last, due)).as_secs_f64()
            })
            .collect()
    }

    fn mean_and_cv(gaps: &[f64]) -> (f64, f64) {
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        (mean, variance.sqrt() / mean)
    }

    #[test]
    fn exponential_gaps_have_the_mean_and_spread_of_the_distribution() {
        let gaps = gaps(Gaps::Exponential);
        let (mean, cv) = mean_and_cv(&gaps);
        assert!((mean - 0.01).abs() < 0.0002, "mean {mean}");
        assert!((cv - 1.0).abs() < 0.02, "coefficient of variation {cv}");
        let over = gaps.iter().filter(|&&gap| gap > 0.02).count() as f64 / gaps.len() as f64;
        assert!((over - (-2.0f64).exp()).abs() < 0.005, "{over} of the gaps are over twice the mean");
    }

    #[test]
    fn jittered_gaps_stay_between_half_and_one_and_a_half() {
        let gaps = gaps(Gaps::Jittered);
        let (mean, _) = mean_and_cv(&gaps);
        assert!((mean - 0.01).abs() < 0.0001, "mean {mean}");
        assert!(gaps.iter().all(|gap| (0.005 - 1e-8..=0.015 + 1e-8).contains(gap)));
    }

    #[test]
    fn nothing_is_due_before_its_time_and_all_of_it_after() {
        let start = Instant::now();
        let mut schedule = Schedule::new(1000.0, Gaps::Jittered, Some(1), start).unwrap();
        assert_eq!(schedule.due_by(start), None);
        let first = schedule.next();
        assert_eq!(schedule.due_by(first), Some(first));
        let later = start + Duration::from_secs(1);
        let late = std::iter::from_fn(|| schedule.due_by(later)).count();
        assert!((980..1020).contains(&late), "{late} in a second at 1000 a second");
        assert!(schedule.next() > later);
    }

    #[test]
    fn senseless_rates_are_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(Schedule::new(rate, Gaps::Jittered, None, Instant::now()).is_err(), "{rate}");
        }
    }
}
