//! What each further replica brought.

use std::collections::BTreeMap;

use crate::result::{Settings, Step};

/// All repeats of one number of replicas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// How many replicas.
    pub replicas: u32,
    /// Mean throughput.
    pub rate: f64,
    /// Its share of what so many replicas would do if each did as much as one of the fewest.
    pub efficiency: f64,
    /// What each replica since the place before brought, as a share of one of the fewest; absent at the first place.
    pub further: Option<f64>,
}

/// The places of a sweep, in the order of their replicas.
pub fn places(settings: &Settings, steps: &[Step]) -> Vec<Place> {
    let mut rates: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for step in steps {
        rates.entry(step.swept(settings)).or_default().push(step.throughput.value);
    }
    let means = rates.into_iter().map(|(replicas, of)| (replicas, of.iter().sum::<f64>() / of.len() as f64));
    let means: Vec<(u32, f64)> = means.collect();
    let Some(&(fewest, least)) = means.first() else { return Vec::new() };
    let one = least / f64::from(fewest.max(1));
    let before = std::iter::once(None).chain(means.iter().map(|place| Some(*place)));
    let place = |(&(replicas, rate), before): (&(u32, f64), Option<(u32, f64)>)| Place {
        replicas,
        rate,
        efficiency: if one > 0.0 { rate / (f64::from(replicas) * one) } else { 0.0 },
        // Of nothing there is no share.
        further: before
            .map(|(fewer, less)| (rate - less) / (f64::from(replicas - fewer) * one))
            .filter(|share| share.is_finite()),
    };
    means.iter().zip(before).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Estimate;

    #[test]
    fn each_further_replica_is_measured_by_the_first() {
        let settings = Settings { scaled: "web".to_owned(), ..Settings::default() };
        let step = |count: u32, rate: f64| Step {
            replicas: [("web".to_owned(), count)].into(),
            throughput: Estimate::around(rate, 1.0),
            ..Step::default()
        };
        let steps = [step(4, 250.0), step(1, 90.0), step(1, 110.0), step(2, 180.0)];
        let found = places(&settings, &steps);
        assert_eq!(found.iter().map(|place| place.replicas).collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!(found[0], Place { replicas: 1, rate: 100.0, efficiency: 1.0, further: None });
        assert!((found[1].further.unwrap_or(0.0) - 0.8).abs() < 1e-12 && (found[2].efficiency - 0.625).abs() < 1e-12);
        assert!((found[2].further.unwrap_or(0.0) - 0.35).abs() < 1e-12);
        let none = places(&settings, &[step(1, 0.0), step(2, 0.0)]);
        assert_eq!(none[1], Place { replicas: 2, rate: 0.0, efficiency: 0.0, further: None });
    }
}
