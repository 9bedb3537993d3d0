//! The straight line and the hard cap, whose best fit needs no search: for each place of the knee it is in closed form.

use super::{Point, squares};

/// λ of the line through the origin.
pub fn slope(points: &[Point]) -> f64 {
    let up: f64 = points.iter().map(|point| point.n * point.x).sum();
    let across: f64 = points.iter().map(|point| point.n * point.n).sum();
    up / across
}

/// The best λ, C and their sum of squares, with either of them held where it is given.
///
/// Points are in the order of N. For each k, the first k points are taken to be on the line and the rest on the cap; a
/// pair (λ, C) that puts them otherwise is still a pair, so its true sum of squares is what counts.
pub fn fit(points: &[Point], lambda: Option<f64>, cap: Option<f64>) -> (f64, f64, f64) {
    let mut best = (f64::NAN, f64::NAN, f64::INFINITY);
    let mut try_pair = |lambda: f64, cap: f64| {
        let sum = squares(points, |n| (lambda * n).min(cap));
        if sum < best.2 {
            best = (lambda, cap, sum);
        }
    };
    for k in 0..=points.len() {
        let (line, flat) = points.split_at(k);
        // With no point on one of the branches any value that keeps it out of the way serves.
        let steepest = points.iter().map(|point| point.x / point.n).fold(0.0, f64::max);
        let highest = points.iter().map(|point| point.x).fold(0.0, f64::max);
        let best_lambda = if line.is_empty() { steepest.max(highest) } else { slope(line) };
        let lambda = lambda.unwrap_or(best_lambda);
        let last = points.last().map_or(1.0, |point| point.n);
        let mean = flat.iter().map(|point| point.x).sum::<f64>() / flat.len() as f64;
        let best_cap = if flat.is_empty() { lambda * last } else { mean };
        try_pair(lambda, cap.unwrap_or(best_cap));
        // Between two knees the optimum can sit on the border, where the line meets the cap at a measured N.
        if let Some(border) = flat.first().or(line.last()) {
            match cap {
                Some(cap) => try_pair(cap / border.n, cap),
                None => try_pair(lambda, lambda * border.n),
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mine(workers: std::ops::RangeInclusive<u32>) -> Vec<Point> {
        workers.map(|n| Point { n: f64::from(n), x: (f64::from(n) / 0.3).min(10.0) }).collect()
    }

    #[test]
    fn finds_the_cap_of_the_mine_exactly() {
        let (lambda, cap, sum) = fit(&mine(1..=10), None, None);
        assert!((lambda - 1.0 / 0.3).abs() < 1e-9 && (cap - 10.0).abs() < 1e-9 && sum < 1e-18, "{lambda} {cap} {sum}");
    }

    #[test]
    fn holding_a_parameter_never_fits_better() {
        let points = mine(1..=10);
        assert!(fit(&points, Some(3.0), None).2 > 0.1);
        assert!(fit(&points, None, Some(9.0)).2 > 0.1);
    }
}
