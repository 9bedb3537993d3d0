//! Batch means: how sure the mean of values is that follow each other in time.
//!
//! Neighbours in time are alike: a queue that is long now is long in the next window. Taken for independent they promise
//! more than they know. So they are joined into batches, which are made longer until they no longer depend on each other
//! (the method of batch means: Law and Carson 1979; the test is von Neumann's ratio, as used by Fishman 1978). Where the
//! run is too short for that, what dependence is left widens the interval, as for a first-order autoregressive process
//! (the correlation adjustment of Skart: Tafazzoli, Steiger and Wilson 2011). The spread itself is that of all batches of that
//! length, those that overlap among them: the same values tell it more surely than batches side by side (Meketon and
//! Schmeiser 1984).

use crate::estimate::CONFIDENCE;
use crate::moments::Moments;
use crate::{normal, student};

/// Fewer batches than this say too little of their own spread.
const FEWEST: usize = 8;

/// More batches than this bring little (Schmeiser 1982: 10 to 30), and longer ones depend less on each other.
const MOST: usize = 24;

/// Fewer values than this give no interval.
pub const LEAST_VALUES: usize = 3;

/// The test of independence is passed by this share of independent values.
const PASSES: f64 = 0.8;

/// How far the mean of some values may be from the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Standard error of the mean of all values.
    pub error: f64,
    /// Degrees of freedom of that error.
    pub freedom: f64,
    /// Batches that it was taken from.
    pub batches: usize,
    /// Whether the batches passed for independent. Where they did not, the run was short for what happened in it.
    pub independent: bool,
}

impl Spread {
    /// Half the width of the 95 % interval.
    pub fn half_width(&self) -> f64 {
        student::quantile(0.5 + CONFIDENCE / 2.0, self.freedom) * self.error
    }
}

/// The spread of the mean of values that follow each other in time, in windows of about the same length, where batches
/// shorter than `shortest` values are known to be alike. Nothing for fewer than [`LEAST_VALUES`] such batches.
pub fn spread(values: &[f64], shortest: usize) -> Option<Spread> {
    // Dependence shows best in many short batches: they are joined until none shows.
    let mut count = values.len() / shortest.max(1);
    if count < LEAST_VALUES {
        return None;
    }
    while count > FEWEST && dependent(&means(values, count)) {
        count = (count / 2).max(FEWEST);
    }
    // Batches that pass may still be a little alike; some times longer they are not.
    let batches = means(values, count.min(MOST));
    let independent = !dependent(&batches);
    let left = if independent { 0.0 } else { correlation(&batches).clamp(0.0, 0.9) };
    let (squared, freedom) = overlapping(values, (values.len() as f64 / batches.len() as f64).round() as usize);
    let error = (squared * (1.0 + left) / (1.0 - left)).sqrt();
    Some(Spread { error, freedom, batches: batches.len(), independent })
}

/// Square of the standard error of the mean, from all batches of so many neighbours (Meketon and Schmeiser 1984), and its
/// degrees of freedom. These are no more than those of batches side by side: overlapping ones have up to half as many more
/// where chance is normal, and with those the intervals of stalls held the truth in less than 93 %.
fn overlapping(values: &[f64], length: usize) -> (f64, f64) {
    let (count, long) = (values.len() as f64, length as f64);
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.windows(length).map(|batch| (batch.iter().sum::<f64>() / long - mean).powi(2)).sum();
    let squared = long * squares / ((count - long + 1.0) * (count - long));
    (squared, count / long - 1.0)
}

/// The means of as many batches of neighbours, whose sizes differ by one at most.
fn means(values: &[f64], count: usize) -> Vec<f64> {
    let edge = |number: usize| number * values.len() / count;
    (0..count)
        .map(|number| {
            let batch = &values[edge(number)..edge(number + 1)];
            batch.iter().sum::<f64>() / batch.len() as f64
        })
        .collect()
}

/// Whether neighbours are more alike than independent values would be.
fn dependent(values: &[f64]) -> bool {
    let count = values.len() as f64;
    // The variance of von Neumann's ratio of independent normal values (Fishman 1978).
    let z = correlation(values) * ((count * count - 1.0) / (count - 2.0)).sqrt();
    z > normal::quantile(PASSES)
}

/// Correlation of neighbours, by von Neumann's ratio, which takes the ends into account (von Neumann 1941).
fn correlation(values: &[f64]) -> f64 {
    let Some(moments) = Moments::of(values) else { return 0.0 };
    let squares = moments.variance * (moments.count - 1) as f64;
    // Values that differ by rounding alone are all the same.
    if squares <= (1e-12 * moments.mean).powi(2) * moments.count as f64 {
        return 0.0;
    }
    let steps: f64 = values.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
    let ends = (values[0] - moments.mean).powi(2) + (values[values.len() - 1] - moments.mean).powi(2);
    1.0 - (steps + ends) / (2.0 * squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn independent_values_have_the_textbook_s_error() {
        // Alternating values are not alike: the batches are single values.
        let values: Vec<f64> = [10.0 - 3_f64.sqrt(), 10.0, 10.0 + 3_f64.sqrt(), 10.0].to_vec();
        let spread = spread(&values, 1).expect("enough");
        assert!((spread.error - (6.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12, "{spread:?}");
        assert_eq!((spread.batches, spread.freedom), (4, 3.0), "{spread:?}");
        assert_eq!(super::spread(&values[..2], 1), None);
    }

    #[test]
    fn batches_overlap_where_they_have_a_shortest_length() {
        let values = [1.0, 3.0, 2.0, 6.0, 5.0, 1.0];
        let spread = spread(&values, 2).expect("enough");
        // The means of two are 2, 2.5, 4, 5.5 and 3 about a mean of 3: the squares sum up to 8.5.
        assert!((spread.error.powi(2) - 2.0 * 8.5 / (5.0 * 4.0)).abs() < 1e-12, "{spread:?}");
        assert_eq!(spread.freedom, 2.0);
        assert_eq!(super::spread(&values, 3), None);
    }

    #[test]
    fn neighbours_that_are_alike_widen_the_interval() {
        let steps: Vec<f64> = (0..400).map(|at| f64::from((at / 40) % 2)).collect();
        let mixed: Vec<f64> = (0..400).map(|at| f64::from((at * 7 / 10) % 2)).collect();
        let (alike, apart) = (spread(&steps, 1).expect("enough"), spread(&mixed, 1).expect("enough"));
        assert!(alike.error > 3.0 * apart.error, "{alike:?} {apart:?}");
    }

    #[test]
    fn a_trend_is_not_taken_for_chance() {
        let rising: Vec<f64> = (0..100).map(f64::from).collect();
        let spread = spread(&rising, 1).expect("enough");
        assert!(!spread.independent && spread.half_width() > 20.0, "{spread:?}");
    }

    #[test]
    fn equal_values_leave_no_doubt() {
        let spread = spread(&[10.0; 50], 1).expect("enough");
        assert_eq!((spread.error, spread.independent), (0.0, true));
    }
}
