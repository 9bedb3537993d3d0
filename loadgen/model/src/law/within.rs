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
        let whole = || (least.ceil() as u32..=most.floor() as u32).map(|n| (n, self.at(f64::from(n))));
        let first = |shift: f64| whole().find(|(_, value)| value + shift >= x).map(|(n, _)| n);
        match first(0.0) {
            Some(count) => Ok(Needed { count, low: first(half).unwrap_or(count), high: first(-half) }),
            None => {
                let best = whole().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0));
                Err(Beyond::Reach { asked: x, highest: best.1, at: f64::from(best.0), most })
            }
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
