//! A value and how sure it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::normal;

/// The confidence of all intervals.
pub const CONFIDENCE: f64 = 0.95;

/// A value with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The best estimate.
    pub value: f64,
    /// Lower end of the 95 % confidence interval.
    pub low: f64,
    /// Upper end of the 95 % confidence interval.
    pub high: f64,
}

impl Estimate {
    /// A value with the same distance to both ends. An amount is never less than nothing, so neither is its lower end.
    pub fn around(value: f64, half: f64) -> Self {
        Self { value, low: (value - half).max(0.0), high: value + half }
    }

    /// Whether the interval holds a value.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The larger of the two distances to the ends, as a share of the value; infinite where the value is nothing.
    pub fn relative_half_width(&self) -> f64 {
        let half = (self.high - self.value).max(self.value - self.low);
        if self.value > 0.0 { half / self.value } else { f64::INFINITY }
    }

    /// The standard error on the side that looks to another value: an interval need not lie evenly about its value.
    pub fn error_towards(&self, other: f64) -> f64 {
        let half = if other > self.value { self.high - self.value } else { self.value - self.low };
        half.max(0.0) / normal::quantile(0.5 + CONFIDENCE / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_say_how_sure_a_value_is() {
        let estimate = Estimate { value: 10.0, low: 9.0, high: 12.0 };
        assert!(estimate.contains(9.0) && estimate.contains(12.0) && !estimate.contains(12.1));
        assert!((estimate.relative_half_width() - 0.2).abs() < 1e-12);
        assert!((estimate.error_towards(11.0) - 2.0 / 1.96).abs() < 1e-3);
        assert!((estimate.error_towards(8.0) - 1.0 / 1.96).abs() < 1e-3);
        assert_eq!(Estimate::around(1.0, 3.0).low, 0.0);
        assert_eq!(Estimate::around(0.0, 0.0).relative_half_width(), f64::INFINITY);
    }
}
