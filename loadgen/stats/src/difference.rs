//! Whether two results differ by more than chance explains.
//!
//! The change and the probability are of the same figures, so that they cannot disagree about which way it went.

use crate::estimate::Estimate;
use crate::moments::Moments;
use crate::{normal, student};

/// A comparison of two figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The first figure.
    pub before: f64,
    /// The second figure.
    pub after: f64,
    /// The probability of a difference at least as large where there is none, both ways.
    pub p: f64,
}

impl Difference {
    /// The change as a share of the first; infinite where there was nothing before and there is something now.
    pub fn change(&self) -> f64 {
        if self.before == self.after {
            0.0
        } else if self.before == 0.0 {
            f64::INFINITY
        } else {
            self.after / self.before - 1.0
        }
    }
}

/// Fewest runs on a side from which the difference between runs can be told.
pub const LEAST_RUNS: usize = 2;

/// Welch's test (1947) for the means of two sets of independent values whose spreads may differ. Nothing for sets of fewer
/// than [`LEAST_RUNS`].
pub fn welch(before: &[f64], after: &[f64]) -> Option<Difference> {
    let (a, b) = (Moments::of(before)?, Moments::of(after)?);
    let (of_a, of_b) = (a.squared_error(), b.squared_error());
    let error = of_a + of_b;
    let p = if error == 0.0 {
        certain(a.mean, b.mean)
    } else {
        let t = (b.mean - a.mean) / error.sqrt();
        let freedom = error * error / (of_a * of_a / (a.count - 1) as f64 + of_b * of_b / (b.count - 1) as f64);
        student::two_sided(t, freedom)
    };
    Some(Difference { before: a.mean, after: b.mean, p })
}

/// The difference between two values, each with the interval that its own run gives it.
pub fn between(before: Estimate, after: Estimate) -> Difference {
    let error = before.error_towards(after.value).hypot(after.error_towards(before.value));
    let p = if error > 0.0 {
        normal::two_sided((after.value - before.value) / error)
    } else {
        certain(before.value, after.value)
    };
    Difference { before: before.value, after: after.value, p }
}

/// The probability where nothing is left to chance.
fn certain(before: f64, after: f64) -> f64 {
    if before == after { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_difference_is_found_and_noise_is_not() {
        let a = [10.0, 10.2, 9.9, 10.1, 10.0, 9.8];
        let clear = welch(&a, &[11.0, 11.2, 10.9, 11.1, 11.0, 10.8]).expect("enough");
        assert!(clear.p < 1e-4 && (clear.change() - 0.1).abs() < 1e-9, "{clear:?}");
        let noise = welch(&a, &[10.1, 9.9, 10.0, 10.15, 9.85, 10.05]).expect("enough");
        assert!(noise.p > 0.5, "{noise:?}");
        assert_eq!(welch(&a, &[1.0]), None);
    }

    #[test]
    fn intervals_that_lie_apart_differ_and_those_that_overlap_do_not() {
        assert!(between(Estimate::around(10.0, 0.1), Estimate::around(8.0, 0.1)).p < 1e-6);
        assert!(between(Estimate::around(10.0, 1.0), Estimate::around(9.8, 1.0)).p > 0.5);
        assert_eq!(between(Estimate::around(10.0, 0.0), Estimate::around(10.0, 0.0)).p, 1.0);
        assert_eq!(between(Estimate::around(10.0, 0.0), Estimate::around(9.0, 0.0)).p, 0.0);
    }
}
