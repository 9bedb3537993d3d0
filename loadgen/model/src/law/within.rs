//! What a fitted law says within the data, and nothing beyond them.
//!
//! A law that fits up to 8 replicas says nothing about 80: whatever limits the system there has not been seen yet. So
//! both questions, how much at N and how many for X, are answered between the smallest and the largest measured N only.

use super::{Fit, Point};
use stats::student;

/// A value with its 95 % prediction interval: where the next measurement would lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// The law's value.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How many are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// By the law.
    pub count: u32,
    /// If the next measurement comes out as high as it may.
    pub low: u32,
    /// If it comes out as low as it may; absent where the data do not reach so far.
    pub high: Option<u32>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Beyond {
    /// The number was not measured and lies outside.
    #[error(
        "{asked} lies outside of the data, which go from {least} to {most}: measure there; what holds inside may break outside"
    )]
    Data {
        /// What was asked about.
        asked: f64,
        /// The smallest measured N.
        least: f64,
        /// The largest measured N.
        most: f64,
    },
    /// No number within the data is enough.
    #[error(
        "{asked} is not reached within the data: the law has its most, {highest:.4}, at {at}, and the data end at {most}; measure further"
    )]
    Reach {
        /// The throughput that was asked for.
        asked: f64,
        /// The highest within the data.
        highest: f64,
        /// Where.
        at: f64,
        /// The largest measured N.
        most: f64,
    },
}

impl Fit {
    /// The throughput to expect for `n`. `points` are those that the law was fitted to.
    ///
    /// # Errors
    /// When `n` lies outside of the points.
    pub fn expect(&self, points: &[Point], n: f64) -> Result<Expected, Beyond> {
        let (least, most) = ends(points);
        if !(least..=most).contains(&n) {
            return Err(Beyond::Data { asked: n, least, most });
        }
        let (value, half) = (self.at(n), self.half(points));
        Ok(Expected { value, low: value - half, high: value + half })
    }

    /// The smallest whole number within the points that gives the throughput `x`.
    ///
    /// # Errors
    /// When none does.
    pub fn needed(&self, points: &[Point], x: f64) -> Result<Needed, Beyond> {
        let (least, most) = ends(points);
        let half = self.half(points);
        let at = |n: u32| self.at(f64::from(n));
        let (least, last) = (least.ceil() as u32, most.floor() as u32);
        // Every law rises to its highest point, and may fall behind it.
        let highest = first_of(least.min(last), last, |n| n == last || at(n + 1) <= at(n));
        let first = |shift: f64| {
            let enough = |n: u32| at(n) + shift >= x;
            enough(highest).then(|| first_of(least, highest, enough))
        };
        match first(0.0) {
            Some(count) => Ok(Needed { count, low: first(half).unwrap_or(count), high: first(-half) }),
            None => Err(Beyond::Reach { asked: x, highest: at(highest), at: f64::from(highest), most }),
        }
    }

    /// Half of the prediction interval: Student's t times the residual deviation, with the parameters counted off. What
    /// the parameters themselves are unsure of is left out; within the data it is the smaller part.
    fn half(&self, points: &[Point]) -> f64 {
        let count = points.len();
        let degrees = count.saturating_sub(self.parameters.len()).max(1);
        let deviation = self.rmse * (count as f64 / degrees as f64).sqrt();
        student::quantile(0.975, degrees as f64) * deviation
    }
}

/// The first whole number of which something holds that holds of all behind it, too; the last one where it holds of none before.
fn first_of(mut first: u32, mut last: u32, holds: impl Fn(u32) -> bool) -> u32 {
    while first < last {
        let middle = first + (last - first) / 2;
        if holds(middle) { last = middle } else { first = middle + 1 }
    }
    last
}

fn ends(points: &[Point]) -> (f64, f64) {
    let all = points.iter().map(|point| point.n);
    all.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), n| (least.min(n), most.max(n)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::{Law, compare};

    /// min(10 n, 60) with an error of one in the first digit after the point.
    fn capped() -> (Vec<Point>, Fit) {
        let errors = [0.1, -0.1, 0.05, -0.05, 0.1, -0.1, 0.05, -0.05, 0.1, -0.1];
        let point = |k: usize| Point { n: k as f64, x: (10.0 * k as f64).min(60.0) + errors[k - 1] };
        let points: Vec<Point> = (1..=10).map(point).collect();
        let fit = compare(&points).fits.into_iter().find(|fit| fit.law == Law::Cap).expect("a cap");
        (points, fit)
    }

    #[test]
    fn how_many_for_so_much() {
        let (points, fit) = capped();
        assert_eq!(fit.needed(&points, 45.0), Ok(Needed { count: 5, low: 5, high: Some(5) }));
        let close = fit.needed(&points, 50.0).expect("within the data");
        assert!(close.low == 5 && close.high == Some(6), "50 is what five give, give or take: {close:?}");
        assert!(matches!(fit.needed(&points, 75.0), Err(Beyond::Reach { most: 10.0, .. })));
    }

    /// As many as a file may have: one after the other would take minutes.
    #[test]
    fn a_thousand_million_are_not_tried_one_by_one() {
        let points: Vec<Point> = (0..=9).map(|k| 10_f64.powi(k)).map(|n| Point { n, x: 2.0 * n }).collect();
        let fit = compare(&points).fits.into_iter().find(|fit| fit.law == Law::Linear).expect("a line");
        assert_eq!(fit.needed(&points, 1e9).map(|needed| needed.count), Ok(500_000_000));
        assert!(matches!(fit.needed(&points, 3e9), Err(Beyond::Reach { at: 1e9, .. })));
    }

    /// The law that falls: the peak of n / (1 + 0.01 n (n - 1)) is at 10.
    #[test]
    fn behind_its_peak_nothing_is_looked_for() {
        let at = |n: f64| n / (1.0 + 0.01 * n * (n - 1.0));
        let points: Vec<Point> = (1..=40).map(f64::from).map(|n| Point { n, x: at(n) }).collect();
        let fit = compare(&points).fits.into_iter().find(|fit| fit.law == Law::Usl).expect("Gunther's law");
        assert_eq!(
            fit.needed(&points, 4.5).map(|needed| needed.count),
            Ok((1..).find(|n| at(f64::from(*n)) >= 4.5).unwrap_or(0))
        );
        assert!(matches!(fit.needed(&points, 5.5), Err(Beyond::Reach { at: 10.0, .. })));
    }

    #[test]
    fn nothing_is_said_beyond_the_data() {
        let (points, fit) = capped();
        let inside = fit.expect(&points, 3.0).expect("within the data");
        assert!(inside.low < 30.0 && 30.0 < inside.high && inside.high - inside.low < 1.0, "{inside:?}");
        for n in [0.5, 11.0] {
            assert!(matches!(fit.expect(&points, n), Err(Beyond::Data { least: 1.0, most: 10.0, .. })), "{n}");
        }
    }
}
