//! One figure of all results of a side.

use stats::Estimate;
use stats::difference::{Difference, LEAST_RUNS, between, welch};

/// A figure in each run of a side: its value, and its interval where the run gives one.
pub type Runs = Vec<(f64, Option<Estimate>)>;

/// What a probability rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Basis {
    /// How runs of the same side differ from each other.
    #[serde(rename = "between runs")]
    Between,
    /// How the pieces of one run differ from each other; two runs of the same thing differ by more.
    #[serde(rename = "within runs")]
    Within,
    /// Too little was measured.
    #[serde(rename = "nothing")]
    Nothing,
}

/// The two means, the probability that chance alone brings their difference, and what that rests on.
pub fn difference(before: &Runs, after: &Runs) -> (f64, f64, Option<f64>, Basis) {
    let values = |runs: &Runs| runs.iter().map(|run| run.0).collect::<Vec<_>>();
    let (a, b) = (values(before), values(after));
    let told = |found: Difference, basis| (found.before, found.after, Some(found.p), basis);
    if let Some(found) = welch(&a, &b).filter(|_| a.len() >= LEAST_RUNS && b.len() >= LEAST_RUNS) {
        return told(found, Basis::Between);
    }
    match (side(before), side(after)) {
        (Some(before), Some(after)) => told(between(before, after), Basis::Within),
        _ => (mean(&a), mean(&b), None, Basis::Nothing),
    }
}

/// All runs of a side as one: of a single run its own interval, of several that of their mean.
fn side(runs: &Runs) -> Option<Estimate> {
    match runs.as_slice() {
        [(value, found)] => found.map(|found| Estimate { value: *value, ..found }),
        several => Some(stats::runs::between(several)?.mean),
    }
}

/// Not a number where there are none: nothing is not zero.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(value: f64, half: f64) -> (f64, Option<Estimate>) {
        (value, Some(Estimate::around(value, half)))
    }

    #[test]
    fn several_runs_are_compared_by_how_they_differ_from_each_other() {
        // Within each run all is sure, yet runs differ by 10: the change of 3 is chance.
        let before = vec![run(100.0, 0.1), run(110.0, 0.1), run(105.0, 0.1)];
        let after = vec![run(98.0, 0.1), run(108.0, 0.1), run(100.0, 0.1)];
        let (a, b, p, basis) = difference(&before, &after);
        assert!(a == 105.0 && b == 102.0 && basis == Basis::Between && p.is_some_and(|p| p > 0.3), "{p:?}");
        let (_, _, p, basis) = difference(&before[..1].to_vec(), &after[..1].to_vec());
        assert!(basis == Basis::Within && p.is_some_and(|p| p < 0.01), "{p:?}");
    }

    #[test]
    fn one_run_against_several_takes_the_spread_of_the_several() {
        let (_, _, p, basis) = difference(&vec![run(100.0, 0.1)], &vec![run(90.0, 0.1), run(112.0, 0.1)]);
        assert!(basis == Basis::Within && p.is_some_and(|p| p > 0.5), "{p:?}");
    }

    /// It was once a median of 0 ms, as of a service that answers at once.
    #[test]
    fn a_side_without_values_has_no_mean() {
        let (before, after, p, basis) = difference(&vec![run(1.0, 0.1)], &Vec::new());
        assert!(before == 1.0 && after.is_nan() && p.is_none() && basis == Basis::Nothing, "{after} {p:?}");
    }

    #[test]
    fn a_run_without_an_interval_tells_nothing() {
        assert_eq!(difference(&vec![(1.0, None)], &vec![run(2.0, 0.1)]), (1.0, 2.0, None, Basis::Nothing));
    }
}
