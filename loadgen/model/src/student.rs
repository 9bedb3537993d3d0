//! Student's t distribution, as far as confidence intervals need it.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// The quantile of Student's t distribution with `degrees` degrees of freedom: the t for which the probability of
/// less is `p`. For a two-sided 95 % interval, `p` is 0.975.
///
/// # Panics
/// When `p` is not between 0 and 1 or there is no degree of freedom.
pub fn quantile(p: f64, degrees: u32) -> f64 {
    assert!(p > 0.0 && p < 1.0, "a quantile of {p} does not exist");
    assert!(degrees > 0, "there has to be at least one degree of freedom");
    let Ok(distribution) = StudentsT::new(0.0, 1.0, f64::from(degrees)) else { return f64::NAN };
    distribution.inverse_cdf(p)
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
        for (degrees, expected) in table {
            let found = quantile(0.975, degrees);
            assert!((found - expected).abs() < 6e-4, "{degrees}: {found}");
        }
        assert!((quantile(0.95, 8) - 1.860).abs() < 6e-4);
        assert!((quantile(0.025, 8) + quantile(0.975, 8)).abs() < 1e-9);
    }
}
