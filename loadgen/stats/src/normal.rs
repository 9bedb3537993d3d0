//! The standard normal distribution, as far as intervals and tests need it.

use statrs::distribution::{ContinuousCDF as _, Normal};

/// The number of standard deviations below which a share `p` lies. For a two-sided 95 % interval, `p` is 0.975.
///
/// # Panics
/// When `p` is not between 0 and 1.
pub fn quantile(p: f64) -> f64 {
    assert!(p > 0.0 && p < 1.0, "a quantile of {p} does not exist");
    Normal::standard().inverse_cdf(p)
}

/// The probability that a normally distributed number is at least this far from its mean, in standard deviations.
pub fn two_sided(z: f64) -> f64 {
    (2.0 * Normal::standard().sf(z.abs())).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_printed_table() {
        assert!((quantile(0.975) - 1.95996).abs() < 1e-4);
        assert!((two_sided(1.95996) - 0.05).abs() < 1e-5);
        assert_eq!(two_sided(0.0), 1.0);
    }
}
