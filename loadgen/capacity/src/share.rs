//! The interval of a ratio whose requests are not independent.
//!
//! Requests that queue behind one another are slow together, so that the textbook interval of a share is far too narrow:
//! batches of the run say how sure it is (`stats::ratio`). Where no batch has a slow request there is no spread, and that proves
//! little while requests come in clumps: how much so shows in all response times, the fast ones too. A share is therefore
//! never surer than its number of requests divided by their clumping would make it, by the interval of Wilson (1927).

use stats::estimate::CONFIDENCE;
use stats::{Estimate, normal};

use crate::driver::Moments;

/// Batches whose means show how much response times clump; ten to twenty are usual.
const BATCHES: usize = 12;

/// How many requests say as much as one independent request would: the variance of the batches' mean response times, in
/// terms of what it would be if requests were independent. One or more.
pub fn clumping<'a>(slices: impl Iterator<Item = &'a Moments>) -> f64 {
    let slices: Vec<Moments> = slices.copied().collect();
    let sum = |slices: &[Moments]| slices.iter().copied().fold(Moments::default(), Moments::plus);
    let size = slices.len().div_ceil(BATCHES).max(1);
    let filled: Vec<Moments> = slices.chunks(size).map(sum).filter(|batch| batch.count > 0.0).collect();
    let total = sum(&filled);
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

/// The ratio of the sums of pairs, in order of time; nothing where the lower sum is zero. `clumping` is given for a share. With
/// too few pairs for an interval, nothing is ruled out.
pub fn ratio(pairs: &[(f64, f64)], clumping: Option<f64>) -> Option<Estimate> {
    let (above, below) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    if below <= 0.0 {
        return None;
    }
    let value = above / below;
    let unknown = Estimate { value, low: 0.0, high: f64::INFINITY };
    let found = stats::ratio::of(pairs).map_or(unknown, |ratio| ratio.estimate());
    let Some(clumping) = clumping else { return Some(found) };
    let (low, high) = wilson(value.min(1.0), below / clumping);
    Some(Estimate { value, low: found.low.min(low).max(0.0), high: found.high.max(high).min(1.0) })
}

/// Wilson's interval of a share of so many independent requests.
fn wilson(share: f64, count: f64) -> (f64, f64) {
    let z = normal::quantile(0.5 + CONFIDENCE / 2.0).powi(2) / count;
    let middle = (share + z / 2.0) / (1.0 + z);
    let half = ((share * (1.0 - share) / count + z / (4.0 * count)) * z * count).sqrt() / (1.0 + z);
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
