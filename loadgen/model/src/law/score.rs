//! Fitting every law, and choosing one.

use super::{Fit, Law, Parameter, Point, cap, curve, profile, squares};
use stats::student;

/// How close to the smallest criterion a law has to be for the data not to tell them apart.
const INDISTINGUISHABLE: f64 = 2.0;

/// Residuals below this share of the largest throughput are rounding, not information: without a floor the criterion of
/// a perfect fit would be minus infinity, and differences of rounding errors would choose the law.
const RESOLUTION: f64 = 1e-6;

/// A law that could not be fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// The law.
    pub law: Law,
    /// Why, in a few words.
    pub reason: String,
}

/// Every law's fit, and the choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The fits, best first: the chosen one, then by the criterion.
    pub fits: Vec<Fit>,
    /// The law that holds; `None` where the points are too few to tell.
    pub chosen: Option<Law>,
    /// The laws that could not be fitted.
    pub left_out: Vec<LeftOut>,
}

/// Fits all laws to the points and chooses one. Points that are no positive finite numbers are passed over.
pub fn compare(points: &[Point]) -> Comparison {
    let sound = |value: f64| value.is_finite() && value > 0.0;
    let mut points: Vec<Point> = points.iter().copied().filter(|point| sound(point.n) && sound(point.x)).collect();
    points.sort_by(|a, b| a.n.total_cmp(&b.n));

    let mut fits = Vec::new();
    let mut left_out = Vec::new();
    for law in Law::ALL {
        match fit(law, &points) {
            Ok(fit) => fits.push(fit),
            Err(reason) => left_out.push(LeftOut { law, reason }),
        }
    }
    fits.sort_by(|a, b| a.aicc.total_cmp(&b.aicc));
    let mut chosen = None;
    if fits.iter().any(|fit| fit.law != Law::Linear) {
        let smallest = fits[0].aicc;
        let place = fits
            .iter()
            .enumerate()
            .filter(|(_, fit)| fit.aicc - smallest <= INDISTINGUISHABLE)
            .min_by_key(|(place, fit)| (fit.parameters.len(), *place))
            .map_or(0, |(place, _)| place);
        let best = fits.remove(place);
        chosen = Some(best.law);
        fits.insert(0, best);
    }
    Comparison { fits, chosen, left_out }
}

/// Fits one law, or says why it cannot be.
fn fit(law: Law, points: &[Point]) -> Result<Fit, String> {
    let free = law.parameters().len();
    // AICc divides by n − k − 1, where k counts the parameters and the variance.
    let needed = free + 3;
    if points.len() < needed {
        return Err(format!(
            "{free} parameter{} need at least {needed} points to be judged, and there are {}: measure more steps or repeats",
            if free == 1 { "" } else { "s" },
            points.len()
        ));
    }
    let mut places: Vec<f64> = points.iter().map(|point| point.n).collect();
    places.dedup();
    if places.len() <= free {
        return Err(format!(
            "{free} parameter{} need at least {} different numbers of replicas, and there are {}",
            if free == 1 { "" } else { "s" },
            free + 1,
            places.len()
        ));
    }

    let (values, sum) = best(law, points)?;
    let n = points.len() as f64;
    let largest = points.iter().map(|point| point.x).fold(0.0, f64::max);
    let floor = n * (RESOLUTION * largest).powi(2);
    let degrees = points.len() - free;
    let t = student::quantile(0.975, degrees as f64);
    let limit = sum.max(floor) * (1.0 + t * t / degrees as f64);
    let parameters = law
        .parameters()
        .iter()
        .enumerate()
        .map(|(k, &name)| {
            let sum_at = |held: f64| held_sum(law, points, &values, k, held);
            let highest = if name == "sigma" { 1.0 } else { f64::INFINITY };
            let low = profile::end(values[k], 0.0, limit, sum_at);
            let high = profile::end(values[k], highest, limit, sum_at);
            match (low, high) {
                (Some(low), Some(high)) => Ok(Parameter { name, value: values[k], low, high }),
                _ => Err(format!("the points put no limit to its parameter {name}")),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;

    let mean = points.iter().map(|point| point.x).sum::<f64>() / n;
    let about_mean = squares(points, |_| mean);
    let r_squared = if about_mean > floor {
        1.0 - sum / about_mean
    } else if sum <= floor {
        1.0
    } else {
        0.0
    };
    let k = free as f64 + 1.0;
    let aicc = n * (sum.max(floor) / n).ln() + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0);
    Ok(Fit { law, parameters, r_squared, rmse: (sum / n).sqrt(), aicc })
}

/// The parameters that fit best, and their sum of squares.
fn best(law: Law, points: &[Point]) -> Result<(Vec<f64>, f64), String> {
    match law {
        Law::Linear => {
            let lambda = cap::slope(points);
            Ok((vec![lambda], squares(points, |n| lambda * n)))
        }
        Law::Cap => {
            let (lambda, cap, sum) = cap::fit(points, None, None);
            // A knee at or above the last point or below the first leaves one of the parameters to chance.
            let mut capped: Vec<f64> =
                points.iter().filter(|point| lambda * point.n >= cap * (1.0 - 1e-9)).map(|point| point.n).collect();
            let rising = points.len() - capped.len();
            capped.dedup();
            if capped.len() < 2 {
                return Err("the throughput rises up to the last step, so that no cap can be seen".to_owned());
            }
            if rising == 0 {
                return Err("the throughput is flat from the first step, so that no slope can be seen".to_owned());
            }
            Ok((vec![lambda, cap], sum))
        }
        Law::Amdahl | Law::Usl => {
            let (values, sum) = curve::fit(points, [cap::slope(points), 0.0, 0.0], [true, true, law == Law::Usl]);
            Ok((values[..law.parameters().len()].to_vec(), sum))
        }
    }
}

/// The smallest sum of squares with the parameter `k` held.
fn held_sum(law: Law, points: &[Point], values: &[f64], k: usize, held: f64) -> f64 {
    match law {
        Law::Linear => squares(points, |n| held * n),
        Law::Cap if k == 0 => cap::fit(points, Some(held), None).2,
        Law::Cap => cap::fit(points, None, Some(held)).2,
        Law::Amdahl | Law::Usl => {
            let mut start = [values[0], values[1], values.get(2).copied().unwrap_or(0.0)];
            start[k] = held;
            let mut free = [true, true, law == Law::Usl];
            free[k] = false;
            curve::fit(points, start, free).1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points with a small error that is the same in each run and has no trend.
    fn noisy(workers: impl IntoIterator<Item = u32>, at: impl Fn(f64) -> f64) -> Vec<Point> {
        let errors = [0.004, -0.006, 0.001, 0.005, -0.003, -0.004, 0.006, -0.001, 0.002, -0.005];
        workers
            .into_iter()
            .map(f64::from)
            .enumerate()
            .map(|(k, n)| Point { n, x: at(n) * (1.0 + errors[k % errors.len()]) })
            .collect()
    }

    #[test]
    fn the_mine_has_a_hard_cap() {
        let found = compare(&noisy(1..=10, |n| (n / 0.3).min(10.0)));
        assert_eq!(found.chosen, Some(Law::Cap));
        let [lambda, cap] = found.fits[0].parameters[..] else { panic!("two parameters") };
        assert!((lambda.value - 3.333).abs() < 0.02 && (cap.value - 10.0).abs() < 0.05);
        for parameter in [lambda, cap] {
            assert!(parameter.low < parameter.value && parameter.value < parameter.high, "{parameter:?}");
            assert!(parameter.high - parameter.low < 0.03 * parameter.value, "{parameter:?}");
        }
        assert!(lambda.low < 1.0 / 0.3 && 1.0 / 0.3 < lambda.high);
        assert!(cap.low < 10.0 && 10.0 < cap.high);
    }

    #[test]
    fn each_law_is_recognised_by_its_own_points() {
        for (law, parameters) in [
            (Law::Linear, vec![3.3]),
            (Law::Amdahl, vec![3.3, 0.1]),
            (Law::Usl, vec![3.3, 0.05, 0.01]),
            (Law::Cap, vec![3.3, 14.0]),
        ] {
            let found = compare(&noisy(1..=10, |n| law.at(&parameters, n)));
            assert_eq!(found.chosen, Some(law), "{found:#?}");
        }
    }

    #[test]
    fn a_straight_line_wins_ties_without_noise() {
        let points: Vec<Point> = (1..=8).map(f64::from).map(|n| Point { n, x: 2.0 * n }).collect();
        let found = compare(&points);
        assert_eq!(found.chosen, Some(Law::Linear));
        assert_eq!(found.left_out.len(), 1, "no cap can be seen: {:?}", found.left_out);
        assert!(found.fits.iter().all(|fit| fit.aicc.is_finite() && fit.r_squared > 0.999_999));
    }

    #[test]
    fn the_interval_of_a_line_is_the_textbook_one() {
        let points = noisy(1..=6, |n| 2.0 * n);
        let line = compare(&points).fits.into_iter().find(|fit| fit.law == Law::Linear).expect("fitted");
        let across: f64 = points.iter().map(|point| point.n * point.n).sum();
        let error = (line.rmse.powi(2) * 6.0 / 5.0 / across).sqrt();
        let half = 2.570_58 * error;
        let [lambda] = line.parameters[..] else { panic!("one parameter") };
        assert!((lambda.high - lambda.value - half).abs() < 1e-4 * half, "{lambda:?} instead of ± {half}");
        assert!((lambda.value - lambda.low - half).abs() < 1e-4 * half, "{lambda:?} instead of ± {half}");
    }

    #[test]
    fn too_little_chooses_nothing_and_says_why() {
        for points in [vec![], noisy([3], |n| n), noisy([1, 2, 5, 10], |n| n), noisy([4; 9], |n| n)] {
            let found = compare(&points);
            assert_eq!(found.chosen, None, "{points:?}");
            assert!(found.left_out.iter().any(|left| left.law == Law::Usl && left.reason.contains("need at least")));
        }
        let wrong = [Point { n: 1.0, x: f64::NAN }, Point { n: 2.0, x: 0.0 }, Point { n: f64::INFINITY, x: 1.0 }];
        assert!(compare(&wrong).fits.is_empty());
    }

    #[test]
    fn a_flat_line_has_no_slope() {
        let found = compare(&noisy(5..=12, |_| 10.0));
        assert!(found.left_out.iter().any(|left| left.law == Law::Cap && left.reason.contains("flat")), "{found:#?}");
    }
}
