//! Quantiles: from how many samples they can be told, and how sure they are.
//!
//! The share of samples up to a value is a mean of zeros and ones, whose spread over windows in time says how many
//! independent samples the dependent ones are worth. The shares at both ends of that interval, read on the scale of values,
//! are the ends of the quantile's interval (Woodruff 1952; for dependent data Heidelberger and Lewis 1984).

use statrs::distribution::{ChiSquared, ContinuousCDF as _};

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

/// Whether so many samples can tell a quantile. The largest of them, the quantile 1, is what it is.
pub fn is_told(share: f64, samples: u64) -> bool {
    samples > 0 && (share >= 1.0 || samples >= least_samples(share))
}

/// A quantile where so many samples can tell it. Whatever is shown, written or judged comes through here or asks
/// [`is_told`].
pub fn told<T>(share: f64, samples: u64, value: impl FnOnce() -> T) -> Option<T> {
    is_told(share, samples).then(value)
}

/// Why some of these quantiles are not told: `p99 needs 368 samples, there were 50`. Nothing where all of them are.
pub fn untold(shares: &[f64], samples: u64) -> Option<String> {
    let name = |share: f64| format!("p{} needs {}", (1e6 * share).round() / 1e4, least_samples(share));
    let missing: Vec<String> =
        shares.iter().filter(|share| !is_told(**share, samples)).map(|share| name(*share)).collect();
    (!missing.is_empty()).then(|| format!("{} samples; there were {samples}", missing.join(", ")))
}

/// How many independent samples some samples are worth that depend on each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// Most likely so many.
    pub samples: f64,
    /// At least so many, with 95 % probability. The spread is known from few batches, and a run that happened to be even
    /// takes itself for worth more than it is.
    pub least: f64,
    /// Whether they differ by no more than as many independent ones would: then their spread need not be guessed from few
    /// batches, since that of independent samples is known.
    pub independent: bool,
}

/// The test of independence is passed by this share of independent samples. Those that depend a little and pass all the same
/// get intervals that are a little too narrow, and those that do not pass get wider ones: together they hold the truth.
const PASSES: f64 = 0.9;

/// Where fewer independent samples than this are beyond a quantile, their own spread says little.
const FEW_BEYOND: f64 = 30.0;

/// As many as would know the median as well. `windows` has, for each window in time, how many samples were at most the median
/// and how many there were at all. Nothing where there are too few.
///
/// The median tells it better than a rare quantile does: of what is rare the run may have seen nothing, and then it would know
/// nothing of how long it lasts. What is rare lasts no longer than what is usual, so this is not too much.
pub fn worth(windows: &[(f64, f64)]) -> Option<Worth> {
    let total: f64 = windows.iter().map(|window| window.1).sum();
    let spread = ratio::of(windows)?.spread;
    let samples = if spread.error > 0.0 { 0.25 / spread.error.powi(2) } else { f64::INFINITY };
    let sure = ChiSquared::new(spread.freedom).ok()?.inverse_cdf(1.0 - CONFIDENCE) / spread.freedom;
    let independent = is_chance(spread, (0.25 / total).sqrt());
    let most_likely = if independent { total } else { samples.min(total) };
    Some(Worth { samples: most_likely, least: (samples * sure).min(total), independent })
}

/// Whether a spread from batches is no larger than chance makes it where the true error is this: the variance of so few
/// batches is a multiple of χ².
fn is_chance(spread: Spread, error: f64) -> bool {
    let most = ChiSquared::new(spread.freedom).map_or(0.0, |squares| squares.inverse_cdf(PASSES) / spread.freedom);
    spread.error.powi(2) <= most * error.powi(2)
}

/// The interval of a quantile. `windows` has, for each window in time, how many samples were at most the quantile's
/// `value` and how many there were at all; `at` gives the value below which a share of all samples lies; `worth` is how many
/// independent samples they are ([`worth`]). Nothing where there are too few samples or windows: a queue that is long for
/// seconds gives thousands of samples, and still has been long only once.
pub fn interval(
    share: f64,
    value: f64,
    windows: &[(f64, f64)],
    worth: Worth,
    at: impl Fn(f64) -> f64,
) -> Option<Estimate> {
    let total: f64 = windows.iter().map(|window| window.1).sum();
    if !is_told(share, worth.least.min(total) as u64) {
        return None;
    }
    let found = ratio::of(windows)?;
    // Many samples may have the very value, so that more than the share is at most it; and of what is rare the run may have
    // seen little, so that its windows differ by less than they will. At least the spread of as many independent samples as
    // these are worth is there in any case.
    let few = worth.samples * share.min(1.0 - share) < FEW_BEYOND;
    let samples = if few { worth.least } else { worth.samples }.min(total);
    let independent = (share * (1.0 - share) / samples).sqrt();
    let spread = if worth.independent && !few && is_chance(found.spread, independent) {
        Spread { error: independent, freedom: f64::INFINITY, ..found.spread }
    } else {
        Spread { error: found.spread.error.max(independent), ..found.spread }
    };
    let half = spread.half_width();
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
        assert!(is_told(1.0, 1) && !is_told(1.0, 0));
    }

    #[test]
    fn what_is_not_told_is_explained() {
        assert_eq!((told(0.9, 50, || 7), told(0.99, 50, || 7)), (Some(7), None));
        let why = untold(&[0.5, 0.9, 0.99, 0.9999], 50);
        assert_eq!(why.as_deref(), Some("p99 needs 368, p99.99 needs 36887 samples; there were 50"));
        assert_eq!(untold(&[0.5, 0.99], 368), None);
    }

    fn all(samples: f64) -> Worth {
        Worth { samples, least: samples, independent: true }
    }

    #[test]
    fn the_interval_of_independent_samples_is_that_of_their_order() {
        // 1,000 evenly spread samples in 100 windows: the 95 % interval of the median is about 469 to 531.
        let windows: Vec<(f64, f64)> = (0..100).map(|at| (f64::from([5, 4, 6, 5][at % 4]), 10.0)).collect();
        let found = interval(0.5, 500.0, &windows, all(1000.0), |share| 1000.0 * share).expect("enough");
        assert!((found.low - 469.0).abs() < 0.1 && (found.high - 531.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn too_few_samples_give_none() {
        let windows = [(5.0, 5.0); 10];
        assert_eq!(interval(0.9999, 1.0, &windows, all(50.0), |share| share), None);
    }

    /// A p99 of a long queue once had an interval that held the truth in 85 % of the runs.
    #[test]
    fn samples_that_depend_on_each_other_are_worth_fewer() {
        let mixed: Vec<(f64, f64)> = (0..60).map(|at| (f64::from([50, 46, 54, 51, 49][at % 5]), 100.0)).collect();
        let long: Vec<(f64, f64)> = (0..60).map(|at| (if at / 15 % 2 == 0 { 90.0 } else { 10.0 }, 100.0)).collect();
        let (mixed, long) = (worth(&mixed).expect("windows"), worth(&long).expect("windows"));
        assert!(mixed.least > 3000.0 && long.samples < 36.0, "{mixed:?} {long:?}");
        assert!(mixed.independent && !long.independent, "{mixed:?} {long:?}");
        let windows = [(99.0, 100.0); 60];
        assert!(interval(0.99, 1.0, &windows, mixed, |share| share).is_some());
        assert_eq!(interval(0.99, 1.0, &windows, long, |share| share), None);
    }
}
