//! Mean and variance of some values.

/// Mean and variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// How many values.
    pub count: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Variance of what the values were drawn from: the sum of squares is divided by one less than their number.
    pub variance: f64,
}

impl Moments {
    /// Of two values or more; fewer say nothing about their spread.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Some(Self { count, mean, variance: squares / (count - 1) as f64 })
    }

    /// Square of the standard error of the mean, for values that do not depend on each other.
    pub fn squared_error(&self) -> f64 {
        self.variance / self.count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_variance_are_those_of_the_textbook() {
        let moments = Moments::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).expect("there are eight");
        assert!((moments.mean - 5.0).abs() < 1e-12 && (moments.variance - 32.0 / 7.0).abs() < 1e-12);
        assert_eq!(Moments::of(&[1.0]), None);
    }
}
