//! The last minutes, one sample a second.

use serde::Serialize;

/// How many seconds are kept.
pub const KEPT: u64 = 600;

/// Number, time, hashes a second, workers, milliseconds of rng, milliseconds of hasher: a row without names, as six
/// hundred of them are sent to each page that is opened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample(pub u64, pub f64, pub Option<f64>, pub Option<usize>, pub Option<f64>, pub Option<f64>);

/// Samples, the oldest first.
#[derive(Debug, Default)]
pub struct History {
    samples: Vec<Sample>,
    last: u64,
}

impl History {
    /// Adds a sample; its number is set here.
    pub fn push(&mut self, mut sample: Sample) {
        self.last += 1;
        sample.0 = self.last;
        self.samples.push(sample);
        self.samples.retain(|kept| kept.1 >= sample.1 - KEPT as f64);
    }

    /// The samples after a number, oldest first. A number that was never given out (by an earlier run of the program)
    /// gets all of them.
    pub fn after(&self, number: u64) -> Vec<Sample> {
        let number = if number > self.last { 0 } else { number };
        let new = self.samples.partition_point(|sample| sample.0 <= number);
        self.samples[new..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: f64) -> Sample {
        Sample(0, time, Some(10.0), Some(3), None, None)
    }

    #[test]
    fn it_keeps_ten_minutes_and_numbers_them() {
        let mut history = History::default();
        for second in 0..2_000 {
            history.push(at(f64::from(second)));
        }
        let all = history.after(0);
        assert_eq!((all.len(), all[0].1, all[600].1), (601, 1399.0, 1999.0));
        assert_eq!(all[600].0, 2_000);
    }

    #[test]
    fn a_page_gets_what_it_lacks() {
        let mut history = History::default();
        for second in 0..10 {
            history.push(at(f64::from(second)));
        }
        let numbers = |after| history.after(after).iter().map(|sample| sample.0).collect::<Vec<_>>();
        assert_eq!(numbers(8), [9, 10]);
        assert_eq!(numbers(10), [0u64; 0]);
        // The program was started again while a page stayed open.
        assert_eq!(numbers(5_000).len(), 10);
    }
}
