//! The share of some among independent others, where windows in time do not tell it.

use crate::estimate::{CONFIDENCE, Estimate};
use crate::normal;

/// The share with its interval, for independent ones: the score interval of Wilson (1927), which says something of none and of
/// all, too. Nothing where there is nothing to share.
pub fn wilson(found: u64, of: u64) -> Option<Estimate> {
    if of == 0 || found > of {
        return None;
    }
    let (value, count) = (found as f64 / of as f64, of as f64);
    let squared = normal::quantile(0.5 + CONFIDENCE / 2.0).powi(2) / count;
    let middle = (value + squared / 2.0) / (1.0 + squared);
    let half = (squared * (value * (1.0 - value) + squared / 4.0)).sqrt() / (1.0 + squared);
    // At the ends rounding must not leave the value outside.
    let (low, high) = ((middle - half).clamp(0.0, value), (middle + half).clamp(value, 1.0));
    Some(Estimate { value, low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20 and 29 of 29.
    #[test]
    fn intervals_are_those_that_are_published() {
        for (found, of, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)]
        {
            let told = wilson(found, of).expect("there are some");
            assert!((told.low - low).abs() < 1e-4 && (told.high - high).abs() < 1e-4, "{found} of {of}: {told:?}");
        }
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(2, 1), None);
    }
}
