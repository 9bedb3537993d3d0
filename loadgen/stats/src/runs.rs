//! What varies between runs of the same thing.
//!
//! A run knows only what varied while it lasted. Which processor its threads were put on, where its memory came to lie, and
//! what the machine did that minute stay the same through a run and differ from one to the next, so that several runs can
//! differ by more than the interval of any of them says.

use statrs::distribution::{ChiSquared, ContinuousCDF as _};

use crate::estimate::{CONFIDENCE, Estimate};
use crate::moments::Moments;
use crate::{normal, student};

/// A figure over several runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Between {
    /// The mean of the runs, with the interval that their differences give it.
    pub mean: Estimate,
    /// Standard deviation from run to run.
    pub deviation: f64,
    /// The least of them.
    pub least: f64,
    /// The most of them.
    pub most: f64,
    /// The probability of such differences where each run differs by no more than its own interval says: Cochran's Q
    /// (1954). Nothing where a run has no interval.
    pub p: Option<f64>,
}

/// A figure over runs, each with its value and its own interval, where it has one. Nothing for fewer than two, or where a
/// run does not tell it.
pub fn between(runs: &[(f64, Option<Estimate>)]) -> Option<Between> {
    let values: Vec<f64> = runs.iter().map(|run| run.0).collect();
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let moments = Moments::of(&values)?;
    let t = student::quantile(0.5 + CONFIDENCE / 2.0, (moments.count - 1) as f64);
    Some(Between {
        mean: Estimate::around(moments.mean, t * moments.squared_error().sqrt()),
        deviation: moments.variance.sqrt(),
        least: values.iter().copied().fold(f64::INFINITY, f64::min),
        most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        p: alike(runs),
    })
}

/// Cochran's test that all runs have the same truth.
fn alike(runs: &[(f64, Option<Estimate>)]) -> Option<f64> {
    // Runs without any error have intervals without width, by which nothing could be divided.
    if runs.iter().all(|(value, own)| own.is_some() && *value == runs[0].0) {
        return Some(1.0);
    }
    let sides = 2.0 * normal::quantile(0.5 + CONFIDENCE / 2.0);
    let weighted: Option<Vec<(f64, f64)>> = runs
        .iter()
        .map(|(value, own)| {
            let error = own.map(|own| (own.high - own.low) / sides).filter(|error| *error > 0.0)?;
            Some((*value, error.powi(-2)))
        })
        .collect();
    let weighted = weighted?;
    let weight: f64 = weighted.iter().map(|run| run.1).sum();
    let mean = weighted.iter().map(|run| run.0 * run.1).sum::<f64>() / weight;
    let q: f64 = weighted.iter().map(|run| (run.0 - mean).powi(2) * run.1).sum();
    Some(ChiSquared::new((runs.len() - 1) as f64).ok()?.sf(q))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(values: &[f64], half: f64) -> Vec<(f64, Option<Estimate>)> {
        values.iter().map(|value| (*value, Some(Estimate::around(*value, half)))).collect()
    }

    #[test]
    fn the_interval_of_the_mean_is_that_of_the_textbook() {
        // Student's t with two degrees of freedom is 4.303; the standard error is √(100/3).
        let found = between(&runs(&[90.0, 100.0, 110.0], 1.0)).expect("three runs");
        assert!((found.mean.value - 100.0).abs() < 1e-9 && (found.deviation - 10.0).abs() < 1e-9, "{found:?}");
        assert!((found.mean.high - 100.0 - 4.303 * (100.0_f64 / 3.0).sqrt()).abs() < 0.01, "{found:?}");
        assert_eq!((found.least, found.most), (90.0, 110.0));
        assert_eq!(between(&runs(&[90.0], 1.0)), None);
        assert_eq!(between(&[(f64::NAN, None), (1.0, None)]), None);
    }

    #[test]
    fn runs_that_differ_by_more_than_they_know_are_told_from_those_that_do_not() {
        let p = |half: f64| between(&runs(&[98.0, 100.0, 103.0, 99.0], half)).expect("four runs").p;
        assert!(p(1.0).is_some_and(|p| p < 0.001), "{:?}", p(1.0));
        assert!(p(4.0).is_some_and(|p| p > 0.2), "{:?}", p(4.0));
        assert_eq!(between(&[(1.0, None), (2.0, None)]).expect("two runs").p, None);
    }

    /// As the share of errors of runs that had none.
    #[test]
    fn runs_that_are_sure_of_the_same_value_are_alike() {
        assert_eq!(between(&runs(&[0.0, 0.0, 0.0], 0.0)).expect("three runs").p, Some(1.0));
        assert_eq!(between(&[(0.0, Some(Estimate::default())), (0.0, None)]).expect("two runs").p, None);
        assert_eq!(between(&runs(&[0.0, 0.1], 0.0)).expect("two runs").p, None);
    }
}
