//! Confidence intervals by profile likelihood.
//!
//! A value belongs to the interval of a parameter when, with it held there and the others fitted again, the sum of
//! squares stays below S · (1 + t² / (n − p)), where S is the smallest sum, t the two-sided 95 % quantile of Student's
//! distribution for n − p degrees of freedom, n the number of points and p the number of parameters (Bates and Watts,
//! *Nonlinear Regression Analysis and Its Applications*, 1988, section 6.1). For a straight line this is the textbook
//! interval. Unlike value ± t · standard error it needs no symmetry and never leaves the range of the parameter.

/// How many times a step outward is doubled before the interval counts as open.
const DOUBLINGS: usize = 60;

/// Halvings of the last step: enough for seven digits.
const HALVINGS: usize = 40;

/// The end of the interval on one side of `value`: outward from it, until `sum_at` exceeds `limit` or the bound is met.
/// `None` where the data put no end to it.
pub fn end(value: f64, bound: f64, limit: f64, mut sum_at: impl FnMut(f64) -> f64) -> Option<f64> {
    let direction = if bound > value { 1.0 } else { -1.0 };
    let clip = |x: f64| if direction > 0.0 { x.min(bound) } else { x.max(bound) };
    let mut inside = value;
    let mut step = 1e-6 * value.abs().max(1e-6);
    let mut outside = None;
    for _ in 0..DOUBLINGS {
        let tried = clip(value + direction * step);
        if sum_at(tried) > limit {
            outside = Some(tried);
            break;
        }
        if tried == bound {
            return Some(bound);
        }
        inside = tried;
        step *= 2.0;
    }
    let mut outside = outside?;
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(inside, outside);
        if sum_at(middle) > limit { outside = middle } else { inside = middle }
    }
    Some(f64::midpoint(inside, outside))
}
