//! A sum over another: requests over seconds, times over requests, errors over requests.
//!
//! A rate, a mean and a share are all such ratios, measured in windows of time. How sure one is follows from what each
//! window lacks or has too much of: the residuals (Cochran 1977, ratio estimators), whose spread [`batch`] gives.
//! Windows in time see a stall for what it is; times between events would not see one at the end at all.

use crate::batch::{self, Spread};
use crate::estimate::Estimate;

/// A ratio with its spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The sum of the first parts over the sum of the second.
    pub value: f64,
    /// Spread of that.
    pub spread: Spread,
}

impl Ratio {
    /// The value with its interval.
    pub fn estimate(&self) -> Estimate {
        Estimate::around(self.value, self.spread.half_width())
    }
}

/// The ratio of the sums over windows that follow each other in time, each a pair of amounts: `(answers, seconds)` for a rate,
/// `(sum of times, answers)` for a mean time, `(errors, requests)` for a share. Nothing where there are fewer windows than
/// [`batch::LEAST_VALUES`] or the second parts are nothing.
pub fn of(windows: &[(f64, f64)]) -> Option<Ratio> {
    in_batches(windows, 1)
}

/// The same where fewer than `shortest` windows together are known to be like their neighbours.
pub fn in_batches(windows: &[(f64, f64)], shortest: usize) -> Option<Ratio> {
    let (above, below) = windows.iter().fold((0.0, 0.0), |sum, window| (sum.0 + window.0, sum.1 + window.1));
    if below <= 0.0 {
        return None;
    }
    let value = above / below;
    let residuals: Vec<f64> = windows.iter().map(|window| window.0 - value * window.1).collect();
    let spread = batch::spread(&residuals, shortest)?;
    let error = spread.error * windows.len() as f64 / below;
    Some(Ratio { value, spread: Spread { error, ..spread } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_different_lengths_count_by_their_length() {
        let steady: Vec<(f64, f64)> = (1..=8).map(|length| (10.0 * f64::from(length), f64::from(length))).collect();
        let rate = of(&steady).expect("there are windows");
        assert!((rate.value - 10.0).abs() < 1e-12 && rate.spread.error < 1e-9, "{rate:?}");
        assert_eq!(of(&[(0.0, 0.0); 8]), None);
    }

    /// What was measured until then is not taken for typical of the rest.
    #[test]
    fn a_stall_that_reaches_the_end_lowers_the_rate_and_widens_the_interval() {
        let mut windows: Vec<(f64, f64)> = (0..40).map(|at| (100.0 + f64::from(at % 3), 1.0)).collect();
        let before = of(&windows).expect("there are windows").estimate();
        windows[30..].iter_mut().for_each(|window| window.0 = 0.0);
        let stalled = of(&windows).expect("there are windows").estimate();
        assert!((stalled.value / before.value - 0.75).abs() < 0.01, "{stalled:?}");
        assert!(stalled.relative_half_width() > 10.0 * before.relative_half_width(), "{before:?} {stalled:?}");
    }

    /// Errors that come together are one event, not a hundred.
    #[test]
    fn bursts_of_errors_are_less_sure_than_errors_here_and_there() {
        let burst: Vec<(f64, f64)> = (0..100).map(|at| (if at / 5 == 7 { 100.0 } else { 0.0 }, 100.0)).collect();
        let spread: Vec<(f64, f64)> = (0..100).map(|at| (4.0 + f64::from(at % 3), 100.0)).collect();
        let (burst, spread) = (of(&burst).expect("windows"), of(&spread).expect("windows"));
        assert!((burst.value - 0.05).abs() < 1e-12 && (spread.value - 0.05).abs() < 1e-3);
        assert!(burst.spread.half_width() > 0.04 && spread.spread.half_width() < 0.01, "{burst:?} {spread:?}");
    }
}
