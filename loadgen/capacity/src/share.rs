//! The interval of a ratio whose requests are not independent.
//!
//! Requests that queue behind one another are slow together, so that the textbook interval of a share is far too narrow.
//! The slices are gathered into batches, and the batches' spread says how sure the ratio is: batch means (Law and Kelton,
//! *Simulation Modeling and Analysis*, section 9.5.3) with the ratio estimator (Cochran, *Sampling Techniques*, section
//! 6.3). Where no batch has a slow request there is no spread, and that proves little while requests come in clumps: how
//! much so shows in all response times, the fast ones too. A share is therefore never surer than its number of requests
//! divided by their clumping would make it, by the interval of Wilson (1927).

use stats::student;

use crate::driver::Moments;

/// Batches that the slices are gathered into; ten to twenty are usual.
const BATCHES: usize = 12;

/// The two-sided level of the intervals: 95 %.
const LEVEL: f64 = 0.975;

/// The same point of the normal distribution.
const NORMAL: f64 = 1.959_964;

/// A ratio with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// How many requests say as much as one independent request would: the variance of the batches' mean response times, in
/// terms of what it would be if requests were independent. One or more.
pub fn clumping<'a>(slices: impl Iterator<Item = &'a Moments>) -> f64 {
    let slices: Vec<Moments> = slices.copied().collect();
    let all = gathered(&slices, Moments::default(), Moments::plus);
    let total = all.iter().copied().fold(Moments::default(), Moments::plus);
    let filled: Vec<&Moments> = all.iter().filter(|batch| batch.count > 0.0).collect();
    if filled.len() < 3 {
        return 1.0;
    }
    let mean = total.sum / total.count;
    let variance = total.squares / total.count - mean * mean;
    if variance <= 0.0 {
        return 1.0;
    }
    let spread: f64 = filled.iter().map(|batch| batch.count * (batch.sum / batch.count - mean).powi(2)).sum();
    (spread / (filled.len() - 1) as f64 / variance).max(1.0)
}

/// Slices gathered into batches.
fn gathered<T: Copy>(slices: &[T], zero: T, plus: impl Fn(T, T) -> T + Copy) -> Vec<T> {
    let size = slices.len().div_ceil(BATCHES).max(1);
    slices.chunks(size).map(|batch| batch.iter().copied().fold(zero, plus)).collect()
}

/// The ratio of the sums of pairs, in order of time; nothing where the lower sum is zero. `clumping` is given for a share.
pub fn ratio(pairs: &[(f64, f64)], clumping: Option<f64>) -> Option<Ratio> {
    let plus = |sum: (f64, f64), pair: (f64, f64)| (sum.0 + pair.0, sum.1 + pair.1);
    let batches = gathered(pairs, (0.0, 0.0), plus);
    let (above, below) = batches.iter().copied().fold((0.0, 0.0), plus);
    if below <= 0.0 {
        return None;
    }
    let value = above / below;
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    if batches.len() >= 3 {
        let count = batches.len() as f64;
        let squares: f64 = batches.iter().map(|(above, below)| (above - value * below).powi(2)).sum();
        let error = (squares * count / (count - 1.0)).sqrt() / below;
        let half = student::quantile(LEVEL, (batches.len() - 1) as f64) * error;
        (low, high) = (value - half, value + half);
    }
    if let Some(clumping) = clumping {
        let (wilson_low, wilson_high) = wilson(value.min(1.0), below / clumping);
        (low, high) = (low.min(wilson_low).max(0.0), high.max(wilson_high).min(1.0));
    }
    Some(Ratio { value, low, high })
}

/// Wilson's interval of a share of so many independent requests.
fn wilson(share: f64, count: f64) -> (f64, f64) {
    let z = NORMAL * NORMAL / count;
    let middle = (share + z / 2.0) / (1.0 + z);
    let half = NORMAL / (1.0 + z) * (share * (1.0 - share) / count + z / (4.0 * count)).sqrt();
    (middle - half, middle + half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_slow_request_among_few_proves_little_and_among_many_a_lot() {
        let few = ratio(&[(0.0, 10.0); 5], Some(1.0)).expect("there are requests");
        assert!(few.high > 0.05, "50 requests cannot show that fewer than 1 % are slow: {few:?}");
        let many = ratio(&[(0.0, 1000.0); 5], Some(1.0)).expect("there are requests");
        assert!(many.high < 0.01, "{many:?}");
        assert_eq!(ratio(&[(0.0, 0.0)], Some(1.0)), None);
    }

    #[test]
    fn times_that_wander_are_clumped_and_times_that_do_not_are_not() {
        // 100 requests in a slice, with a mean that stays or wanders, and a deviation of one within the slice.
        let slices = |means: [f64; 12]| {
            means.map(|mean| Moments { count: 100.0, sum: 100.0 * mean, squares: 100.0 * (mean * mean + 1.0) })
        };
        let still = slices([5.0, 5.1, 4.9, 5.0, 5.1, 4.9, 5.0, 5.1, 4.9, 5.0, 5.1, 4.9]);
        let wandering = slices([4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 6.0, 5.5, 5.0, 4.5, 4.0, 3.5]);
        assert!(clumping(still.iter()) < 1.5, "{}", clumping(still.iter()));
        assert!(clumping(wandering.iter()) > 40.0, "{}", clumping(wandering.iter()));
        assert_eq!(clumping([].iter()), 1.0);
    }

    #[test]
    fn requests_that_are_slow_together_leave_more_doubt() {
        let even = [(1.0, 100.0); 24];
        let mut clumped = [(0.0, 100.0); 24];
        (clumped[4], clumped[5]) = ((12.0, 100.0), (12.0, 100.0));
        let (even, clumped) = (ratio(&even, Some(1.0)).expect("some"), ratio(&clumped, Some(1.0)).expect("some"));
        assert_eq!(even.value, clumped.value);
        assert!(clumped.high - clumped.low > 2.0 * (even.high - even.low), "{even:?} {clumped:?}");
    }
}
