//! Whether two sets of measurements differ by more than their own spread.

use statrs::distribution::{ContinuousCDF as _, Normal, StudentsT};

/// A comparison of two sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Mean of the first set.
    pub before: f64,
    /// Mean of the second set.
    pub after: f64,
    /// The probability of a difference at least as large where there is none, both ways.
    pub p: f64,
}

impl Difference {
    /// The change as a share of the first.
    pub fn change(&self) -> f64 {
        if self.before == 0.0 { 0.0 } else { self.after / self.before - 1.0 }
    }
}

/// Welch's test (1947) for the means of two sets whose spreads may differ. Nothing for sets of fewer than four, which
/// say nothing about their spread.
pub fn welch(before: &[f64], after: &[f64]) -> Option<Difference> {
    if before.len() < 4 || after.len() < 4 {
        return None;
    }
    let (mean_a, error_a) = mean_and_error(before);
    let (mean_b, error_b) = mean_and_error(after);
    let error = error_a + error_b;
    let p = if error == 0.0 {
        if mean_a == mean_b { 1.0 } else { 0.0 }
    } else {
        let t = (mean_b - mean_a) / error.sqrt();
        let (n_a, n_b) = (before.len() as f64, after.len() as f64);
        let freedom = error * error / (error_a * error_a / (n_a - 1.0) + error_b * error_b / (n_b - 1.0));
        two_sided(t, freedom)
    };
    Some(Difference { before: mean_a, after: mean_b, p })
}

/// The probability that a normally distributed number is at least this far from its mean, in standard deviations.
pub fn normal_two_sided(z: f64) -> f64 {
    (2.0 * Normal::standard().sf(z.abs())).clamp(0.0, 1.0)
}

/// Joins neighbours into as many batches, by their mean: neighbours in time are alike, and as single measurements they
/// would promise more than they know.
pub fn batches(values: &[f64], count: usize) -> Vec<f64> {
    let size = values.len().div_ceil(count.max(1)).max(1);
    values.chunks_exact(size).map(|batch| batch.iter().sum::<f64>() / batch.len() as f64).collect()
}

/// Mean, and the square of its standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance / n)
}

/// The tail of Student's t distribution on both sides.
fn two_sided(t: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(1.0, |distribution| (2.0 * distribution.sf(t.abs())).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tails_are_those_of_the_tables() {
        // Critical values of Student's t for 5 % and 1 % on both sides, and of the normal distribution.
        for (t, freedom, p) in [(2.228, 10.0, 0.05), (3.169, 10.0, 0.01), (12.706, 1.0, 0.05), (2.042, 30.0, 0.05)] {
            assert!((two_sided(t, freedom) - p).abs() < 2e-4, "t {t}: {}", two_sided(t, freedom));
        }
        assert!((normal_two_sided(1.96) - 0.05).abs() < 1e-4);
    }

    #[test]
    fn a_clear_difference_is_found_and_noise_is_not() {
        let a = [10.0, 10.2, 9.9, 10.1, 10.0, 9.8];
        let b = [11.0, 11.2, 10.9, 11.1, 11.0, 10.8];
        let clear = welch(&a, &b).unwrap();
        assert!(clear.p < 1e-4 && (clear.change() - 0.1).abs() < 1e-9, "{clear:?}");
        let noise = welch(&a, &[10.1, 9.9, 10.0, 10.15, 9.85, 10.05]).unwrap();
        assert!(noise.p > 0.5, "{noise:?}");
        assert_eq!(welch(&a, &[1.0, 2.0]), None);
        assert_eq!(batches(&[1.0, 3.0, 5.0, 7.0], 2), [2.0, 6.0]);
    }
}
