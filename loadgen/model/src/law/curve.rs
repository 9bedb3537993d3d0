//! Amdahl's law and the Universal Scalability Law, fitted by the method of Levenberg and Marquardt within bounds.
//!
//! Marquardt, *An Algorithm for Least-Squares Estimation of Nonlinear Parameters*, SIAM Journal 11(2), 1963. A parameter
//! on its bound is left alone while the sum of squares would fall outward only.

use super::{Point, squares};

/// λ, σ and κ. Amdahl's law is the case in which κ is held at 0.
pub type Values = [f64; 3];

/// How far each of them may go: throughput is positive, contention a share of the work, crosstalk not negative.
const LOW: Values = [0.0, 0.0, 0.0];
const HIGH: Values = [f64::INFINITY, 1.0, f64::INFINITY];

/// Rounds after which a search ends; it takes about ten, and the damping makes every round an improvement or a retreat.
const ROUNDS: usize = 500;

/// The curve's value for `n` workers.
pub fn at(values: &Values, n: f64) -> f64 {
    let [lambda, sigma, kappa] = values;
    lambda * n / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0))
}

/// The best values from several starts, and their sum of squares. Those not `free` stay at what `start` gives.
pub fn fit(points: &[Point], start: Values, free: [bool; 3]) -> (Values, f64) {
    let steepest = points.iter().map(|point| point.x / point.n).fold(0.0, f64::max);
    let mut best = search(points, start, free);
    for sigma in [0.0, 0.05, 0.5, 1.0] {
        for kappa in [0.0, 0.001, 0.05] {
            let guess = [steepest, sigma, kappa];
            let mut from = start;
            for k in 0..3 {
                if free[k] {
                    from[k] = guess[k];
                }
            }
            let found = search(points, from, free);
            if found.1 < best.1 {
                best = found;
            }
        }
    }
    best
}

/// One search from one start.
fn search(points: &[Point], start: Values, free: [bool; 3]) -> (Values, f64) {
    let mut values = start;
    let mut sum = squares(points, |n| at(&values, n));
    let mut damping = 1e-3;
    for _ in 0..ROUNDS {
        let (normal, slope) = equations(points, &values);
        let open: Vec<usize> = (0..3)
            .filter(|&k| free[k])
            .filter(|&k| !(values[k] <= LOW[k] && slope[k] < 0.0 || values[k] >= HIGH[k] && slope[k] > 0.0))
            .collect();
        let Some(step) = solve(&normal, &slope, &open, damping) else {
            break;
        };
        let mut next = values;
        for (&k, step) in open.iter().zip(&step) {
            next[k] = (values[k] + step).clamp(LOW[k], HIGH[k]);
        }
        let reached = squares(points, |n| at(&next, n));
        if reached < sum {
            let settled = sum - reached <= 1e-15 * sum;
            values = next;
            sum = reached;
            damping = f64::max(damping * 0.2, 1e-12);
            if settled {
                break;
            }
        } else {
            damping *= 5.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    (values, sum)
}

/// JᵀJ and Jᵀr.
fn equations(points: &[Point], values: &Values) -> ([Values; 3], Values) {
    let [lambda, sigma, kappa] = *values;
    let mut normal = [[0.0; 3]; 3];
    let mut slope = [0.0; 3];
    for point in points {
        let (n, others) = (point.n, point.n - 1.0);
        let below = 1.0 + sigma * others + kappa * n * others;
        let per_lambda = n / below;
        let per_sigma = -lambda * n * others / (below * below);
        let row = [per_lambda, per_sigma, per_sigma * n];
        let residual = point.x - lambda * per_lambda;
        for i in 0..3 {
            slope[i] += row[i] * residual;
            for j in 0..3 {
                normal[i][j] += row[i] * row[j];
            }
        }
    }
    (normal, slope)
}

/// The damped step for the open parameters, by elimination with the largest pivot.
fn solve(normal: &[Values; 3], slope: &Values, open: &[usize], damping: f64) -> Option<Vec<f64>> {
    let size = open.len();
    if size == 0 {
        return None;
    }
    let mut rows: Vec<Vec<f64>> = open
        .iter()
        .map(|&i| {
            let mut row: Vec<f64> =
                open.iter().map(|&j| normal[i][j] * if i == j { 1.0 + damping } else { 1.0 }).collect();
            row.push(slope[i]);
            row
        })
        .collect();
    for column in 0..size {
        let pivot = (column..size).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        rows.swap(column, pivot);
        if rows[column][column].abs() < f64::MIN_POSITIVE {
            return None;
        }
        let (above, below) = rows.split_at_mut(column + 1);
        let pivot = &above[column];
        for row in below {
            let factor = row[column] / pivot[column];
            for (value, pivot) in row.iter_mut().zip(pivot).skip(column) {
                *value -= factor * pivot;
            }
        }
    }
    let mut step = vec![0.0; size];
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|k| rows[row][k] * step[k]).sum();
        step[row] = (rows[row][size] - known) / rows[row][row];
    }
    step.iter().all(|value| value.is_finite()).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(values: Values) -> Vec<Point> {
        [1.0, 2.0, 4.0, 8.0, 16.0, 32.0].map(|n| Point { n, x: at(&values, n) }).to_vec()
    }

    #[test]
    fn finds_the_parameters_that_made_the_points() {
        for made_of in [[20.0, 0.05, 0.002], [1000.0, 0.3, 0.0], [0.01, 0.0, 0.01], [5.0, 1.0, 0.0]] {
            let (found, sum) = fit(&made(made_of), [1.0, 0.0, 0.0], [true; 3]);
            assert!(sum < 1e-12 * made_of[0].powi(2), "{made_of:?}: {found:?} leaves {sum}");
            for (found, made_of) in found.iter().zip(made_of) {
                assert!((found - made_of).abs() <= 1e-5 * made_of.max(1e-2), "{found} instead of {made_of}");
            }
        }
    }

    #[test]
    fn what_is_held_stays() {
        let (found, _) = fit(&made([20.0, 0.05, 0.002]), [1.0, 0.0, 0.0], [true, true, false]);
        assert_eq!(found[2], 0.0);
        assert!(found[1] > 0.05, "contention takes over what crosstalk did: {found:?}");
    }

    #[test]
    fn faster_than_linear_stops_at_the_bound() {
        let points: Vec<Point> = (1..=8).map(f64::from).map(|n| Point { n, x: n * n }).collect();
        let (found, _) = fit(&points, [1.0, 0.0, 0.0], [true; 3]);
        assert_eq!((found[1], found[2]), (0.0, 0.0));
    }
}
