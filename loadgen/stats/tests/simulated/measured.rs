//! What an instrument makes of the answers: windows in time, and the figures from them.

use stats::{Estimate, quantile, ratio};

use super::queue::Answer;

/// Windows that a run is cut into, as the load generator does.
const WINDOWS: usize = 60;

/// A run as its windows.
pub struct Measured {
    seconds: f64,
    windows: Vec<Vec<f64>>,
    sorted: Vec<f64>,
}

impl Measured {
    pub fn of(answers: &[Answer], seconds: f64) -> Self {
        let mut windows = vec![Vec::new(); WINDOWS];
        for answer in answers {
            windows[((answer.at_s / seconds * WINDOWS as f64) as usize).min(WINDOWS - 1)].push(answer.took_s);
        }
        let mut sorted: Vec<f64> = answers.iter().map(|answer| answer.took_s).collect();
        sorted.sort_by(f64::total_cmp);
        Self { seconds, windows, sorted }
    }

    pub fn rate(&self) -> Option<Estimate> {
        let length = self.seconds / WINDOWS as f64;
        let windows: Vec<_> = self.windows.iter().map(|window| (window.len() as f64, length)).collect();
        Some(ratio::of(&windows)?.estimate())
    }

    pub fn mean(&self) -> Option<Estimate> {
        let windows: Vec<_> = self.windows.iter().map(|window| (window.iter().sum(), window.len() as f64)).collect();
        Some(ratio::of(&windows)?.estimate())
    }

    pub fn quantile(&self, share: f64) -> Option<Estimate> {
        let value = self.at(share);
        let worth = quantile::worth(&self.up_to(self.at(0.5)))?;
        quantile::interval(share, value, &self.up_to(value), worth, |share| self.at(share))
    }

    /// How many answers took at most so long, and how many there were, by window.
    fn up_to(&self, value: f64) -> Vec<(f64, f64)> {
        let up_to = |window: &Vec<f64>| window.iter().filter(|took| **took <= value).count() as f64;
        self.windows.iter().map(|window| (up_to(window), window.len() as f64)).collect()
    }

    /// The value that a share of the answers stayed within.
    pub fn at(&self, share: f64) -> f64 {
        let rank = (share * self.sorted.len() as f64).ceil() as usize;
        self.sorted[rank.clamp(1, self.sorted.len()) - 1]
    }
}
