//! The times of many pings, in bounded memory.

use std::time::Duration;

use hdrhistogram::Histogram;

/// An hour in nanoseconds: the most that the histogram holds.
const HIGHEST_NS: u64 = 3_600_000_000_000;

/// Count, extremes, mean and spread exactly; percentiles within 0.1 %.
#[derive(Debug, Clone)]
pub struct Summary {
    histogram: Histogram<u64>,
    min: Duration,
    max: Duration,
    mean: f64,
    squares: f64,
}

impl Default for Summary {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, HIGHEST_NS, 3).expect("the bounds are constants, and valid");
        Self { histogram, min: Duration::MAX, max: Duration::ZERO, mean: 0.0, squares: 0.0 }
    }
}

impl Summary {
    /// Adds the time of one ping.
    pub fn record(&mut self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.histogram.saturating_record(ns.clamp(1, HIGHEST_NS));
        self.min = self.min.min(time);
        self.max = self.max.max(time);
        // Welford's running mean and sum of squared deviations (Technometrics 4, 1962).
        let ms = millis(time);
        let from_old = ms - self.mean;
        self.mean += from_old / self.count() as f64;
        self.squares += from_old * (ms - self.mean);
    }

    /// How many times were added.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The smallest in milliseconds; 0 where there is none.
    pub fn min_ms(&self) -> f64 {
        if self.count() == 0 { 0.0 } else { millis(self.min) }
    }

    /// The largest in milliseconds.
    pub fn max_ms(&self) -> f64 {
        millis(self.max)
    }

    /// The mean in milliseconds.
    pub fn mean_ms(&self) -> f64 {
        self.mean
    }

    /// The sample standard deviation in milliseconds; 0 where there are fewer than two.
    pub fn deviation_ms(&self) -> f64 {
        match self.count() {
            0 | 1 => 0.0,
            count => (self.squares / (count - 1) as f64).sqrt(),
        }
    }

    /// The middle one in milliseconds, and for an even count the mean of the two in the middle.
    pub fn median_ms(&self) -> f64 {
        match self.count() {
            0 => 0.0,
            count if count % 2 == 1 => self.ranked_ms(count.div_ceil(2)),
            count => f64::midpoint(self.ranked_ms(count / 2), self.ranked_ms(count / 2 + 1)),
        }
    }

    /// The smallest time that a share `quantile` of all do not exceed, in milliseconds.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.ranked_ms(((quantile * count as f64).ceil() as u64).clamp(1, count)),
        }
    }

    /// The histogram in nanoseconds.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// The time of a rank from 1, within the exact extremes.
    fn ranked_ms(&self, rank: u64) -> f64 {
        let mut seen = 0;
        for step in self.histogram.iter_recorded() {
            seen += step.count_at_value();
            if seen >= rank {
                let middle = self.histogram.median_equivalent(step.value_iterated_to());
                return (middle as f64 / 1e6).clamp(self.min_ms(), self.max_ms());
            }
        }
        self.max_ms()
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times_us: &[u64]) -> Summary {
        let mut summary = Summary::default();
        for &us in times_us {
            summary.record(Duration::from_micros(us));
        }
        summary
    }

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= want * 0.001 + 1e-9, "{got} is not within 0.1 % of {want}");
    }

    #[test]
    fn the_median_of_an_even_count_lies_between_the_two_in_the_middle() {
        close(of(&[1000, 9000, 3000, 2000]).median_ms(), 2.5);
        close(of(&[1000, 9000, 3000]).median_ms(), 3.0);
        close(of(&[7000]).median_ms(), 7.0);
        close(of(&[]).median_ms(), 0.0);
    }

    #[test]
    fn percentiles_agree_with_an_exact_sort() {
        let mut random = 1u64;
        let mut times: Vec<u64> = (0..10_001)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                1 + (random >> 44)
            })
            .collect();
        let summary = of(&times);
        times.sort_unstable();
        for quantile in [0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let rank = ((quantile * times.len() as f64).ceil() as usize).max(1);
            close(summary.quantile_ms(quantile), times[rank - 1] as f64 / 1000.0);
        }
    }

    #[test]
    fn mean_and_deviation_are_exact() {
        let summary = of(&[2000, 4000, 4000, 4000, 5000, 5000, 7000, 9000]);
        assert_eq!((summary.count(), summary.min_ms(), summary.max_ms()), (8, 2.0, 9.0));
        assert!((summary.mean_ms() - 5.0).abs() < 1e-9);
        assert!((summary.deviation_ms() - (32.0f64 / 7.0).sqrt()).abs() < 1e-9);
        assert_eq!((of(&[]).min_ms(), of(&[]).mean_ms(), of(&[1]).deviation_ms()), (0.0, 0.0, 0.0));
    }
}
