//! Whether the backlog grows.
//!
//! A queue below its capacity wanders about a mean; above it, it grows for as long as one looks. What it gains in each
//! slice of time tells both apart: its mean is the growth, and its spread says how sure that is.

use stats::student;

use crate::driver::Slice;

/// A growth of less than this share of the offered rate is none: it cannot be told from the beginning of a trial, when
/// the requests that a server always has under way have yet to gather.
const LEAST: f64 = 0.005;

/// One-sided level at which growth is believed: chance alone shows it once in two hundred trials.
const LEVEL: f64 = 0.995;

/// How fast a backlog grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Requests a second.
    pub per_second: f64,
    /// Whether it is more than chance.
    pub sure: bool,
}

/// The growth that the slices of all trials of a rate show. Those before the first answer of a trial are left out, and the
/// one that it came in: the requests that a slow server has under way are no backlog.
pub fn growth<'a>(trials: impl Iterator<Item = &'a [Slice]>, rate: f64) -> Growth {
    let gains: Vec<f64> = trials
        .flat_map(|slices| slices.iter().skip_while(|slice| slice.ended == 0).skip(1))
        .filter(|slice| slice.seconds > 0.0)
        .map(|slice| (slice.due as f64 - slice.ended as f64) / slice.seconds)
        .collect();
    let count = gains.len() as f64;
    if gains.len() < 3 {
        return Growth { per_second: 0.0, sure: false };
    }
    let mean = gains.iter().sum::<f64>() / count;
    let variance = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let error = (variance / count).sqrt();
    let sure = mean > LEAST * rate && mean > student::quantile(LEVEL, (gains.len() - 1) as f64) * error;
    Growth { per_second: mean, sure }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slices(gains: &[i64]) -> Vec<Slice> {
        let slice = |gain: &i64| Slice { seconds: 1.0, due: 1000, ended: (1000 - gain) as u64, ..Slice::default() };
        gains.iter().map(slice).collect()
    }

    #[test]
    fn a_steady_gain_is_growth_and_a_wandering_backlog_is_not() {
        let overloaded = slices(&[500, 30, 28, 33, 29, 31]);
        let found = growth([&overloaded[..]].into_iter(), 1000.0);
        assert!(found.sure && (found.per_second - 30.2).abs() < 1e-9, "{found:?}");
        let wandering = slices(&[500, 90, -70, 40, -60, 50, -20]);
        assert!(!growth([&wandering[..]].into_iter(), 1000.0).sure);
        let filling = slices(&[500, 4, 3, 4, 3, 4]);
        assert!(!growth([&filling[..]].into_iter(), 1000.0).sure, "0.4 % of the rate is no growth");
        let slow = slices(&[1000, 1000, 1000, 1000, 1000, 400, 1, -1, 0, 2, -2, 1]);
        assert!(!growth([&slow[..]].into_iter(), 1000.0).sure, "what takes five slices is not answered before");
    }
}
