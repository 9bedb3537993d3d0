//! Student's t distribution, as far as intervals and tests need it.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use crate::normal;

/// The quantile of Student's t distribution with `freedom` degrees of freedom: the t for which the probability of
/// less is `p`. For a two-sided 95 % interval, `p` is 0.975. With infinitely many, it is the normal distribution's.
///
/// # Panics
/// When `p` is not between 0 and 1 or there is no degree of freedom.
pub fn quantile(p: f64, freedom: f64) -> f64 {
    assert!(p > 0.0 && p < 1.0, "a quantile of {p} does not exist");
    assert!(freedom > 0.0, "there has to be a degree of freedom");
    if freedom.is_infinite() {
        return normal::quantile(p);
    }
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |distribution| distribution.inverse_cdf(p))
}

/// The probability of a t at least this far from zero, on both sides.
pub fn two_sided(t: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(1.0, |distribution| (2.0 * distribution.sf(t.abs())).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The printed tables, for 0.975.
    #[test]
    fn agrees_with_the_printed_table() {
        let table = [
            (1, 12.706),
            (2, 4.303),
            (3, 3.182),
            (4, 2.776),
            (5, 2.571),
            (7, 2.365),
            (10, 2.228),
            (30, 2.042),
            (120, 1.980),
            (1000, 1.962),
        ];
        for (freedom, expected) in table {
            let found = quantile(0.975, f64::from(freedom));
            assert!((found - expected).abs() < 6e-4, "{freedom}: {found}");
            assert!((two_sided(expected, f64::from(freedom)) - 0.05).abs() < 2e-4);
        }
        assert_eq!(quantile(0.975, f64::INFINITY), normal::quantile(0.975));
        assert!((quantile(0.95, 8.0) - 1.860).abs() < 6e-4);
        assert!((quantile(0.025, 8.0) + quantile(0.975, 8.0)).abs() < 1e-9);
        assert!((two_sided(3.169, 10.0) - 0.01).abs() < 2e-4);
    }
}
