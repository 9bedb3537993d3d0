//! Quantiles: from how many samples they can be told, and how sure they are.
//!
//! The share of samples up to a value is a mean of zeros and ones, whose spread over windows in time says how many
//! independent samples the dependent ones are worth. The shares at both ends of that interval, read on the scale of values,
//! are the ends of the quantile's interval (Woodruff 1952; for dependent data Heidelberger and Lewis 1984).

use crate::batch::Spread;
use crate::estimate::{CONFIDENCE, Estimate};
use crate::ratio;

/// How many independent samples a quantile needs, so that there is one beyond it with 97.5 % probability, and its interval
/// has an end (Conover, Practical Nonparametric Statistics, on order statistics): 6 for a median, 368 for p99, 36,887 for
/// p99.99.
///
/// # Panics
/// When `share` is not between 0 and 1.
pub fn least_samples(share: f64) -> u64 {
    assert!(share > 0.0 && share < 1.0, "there is no quantile {share}");
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let rarer = share.max(1.0 - share);
    (tail.ln() / rarer.ln()).ceil() as u64
}

/// Whether so many samples can tell a quantile.
pub fn is_told(share: f64, samples: u64) -> bool {
    samples >= least_samples(share)
}

/// The interval of a quantile. `windows` has, for each window in time, how many samples were at most the quantile's
/// `value` and how many there were at all; `at` gives the value below which a share of all samples lies. Nothing where
/// there are too few samples or windows.
pub fn interval(share: f64, value: f64, windows: &[(f64, f64)], at: impl Fn(f64) -> f64) -> Option<Estimate> {
    let total: f64 = windows.iter().map(|window| window.1).sum();
    if !is_told(share, total as u64) {
        return None;
    }
    let found = ratio::of(windows)?;
    // Many samples may have the very value, so that more than the share is at most it; at least the spread of independent
    // samples is there in any case.
    let independent = (share * (1.0 - share) / total).sqrt();
    let error = found.spread.error.max(independent);
    let half = Spread { error, ..found.spread }.half_width();
    let (low, high) = ((share - half).max(0.0), (share + half).min(1.0));
    // Where long queues come and go, thousands of samples are worth few, and the upper end is the largest of them. To tell
    // nothing there would leave the runs in which the queue happened to be short.
    Some(Estimate { value, low: at(low).min(value), high: at(high).max(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_values_need_many_samples() {
        assert_eq!(least_samples(0.5), 6);
        assert_eq!(least_samples(0.9), 36);
        assert_eq!(least_samples(0.99), 368);
        assert_eq!(least_samples(0.9999), 36_887);
        assert!(!is_told(0.9999, 50) && is_told(0.5, 50));
    }

    #[test]
    fn the_interval_of_independent_samples_is_that_of_their_order() {
        // 1,000 evenly spread samples in 100 windows: the 95 % interval of the median is about 469 to 531.
        let windows: Vec<(f64, f64)> = (0..100).map(|at| (f64::from([5, 4, 6, 5][at % 4]), 10.0)).collect();
        let found = interval(0.5, 500.0, &windows, |share| 1000.0 * share).expect("enough");
        assert!((found.low - 468.0).abs() < 6.0 && (found.high - 532.0).abs() < 6.0, "{found:?}");
    }

    #[test]
    fn too_few_samples_give_none() {
        let windows = [(5.0, 5.0); 10];
        assert_eq!(interval(0.9999, 1.0, &windows, |share| share), None);
    }
}
