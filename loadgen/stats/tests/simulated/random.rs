//! Random times from a seed.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// A source of random times.
pub struct Random(SmallRng);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// Evenly between 0 and 1, without 0.
    pub fn share(&mut self) -> f64 {
        1.0 - self.0.random::<f64>()
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.share().ln()
    }
}
