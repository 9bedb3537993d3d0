//! The scalability laws, fitted to the steps of a sweep.

use std::collections::BTreeMap;

use model::law::{self, Point};

use crate::result::{Estimate, Fit, LeftOut, Settings, Step};

/// Fits every law to the measured throughput. Each repeat of a step is a point of its own.
pub fn fit(settings: &Settings, steps: &[Step]) -> (Vec<Fit>, Vec<LeftOut>) {
    let points = points(settings, steps);
    let mut places: Vec<u32> = steps.iter().map(|step| step.swept(settings)).collect();
    places.sort_unstable();
    places.dedup();

    let found = law::compare(&points);
    let fits = found
        .fits
        .iter()
        .map(|fit| Fit {
            law: fit.law.name().to_owned(),
            formula: fit.law.formula().to_owned(),
            parameters: fit
                .parameters
                .iter()
                .map(|parameter| {
                    let estimate = Estimate { value: parameter.value, low: parameter.low, high: parameter.high };
                    (parameter.name.to_owned(), estimate)
                })
                .collect::<BTreeMap<_, _>>(),
            r_squared: fit.r_squared,
            rmse: fit.rmse,
            aicc: fit.aicc,
            chosen: Some(fit.law) == found.chosen,
            predicted: places.iter().map(|&n| (n, fit.at(f64::from(n)))).collect(),
        })
        .collect();
    let left_out = found
        .left_out
        .into_iter()
        .map(|left| LeftOut { law: left.law.name().to_owned(), reason: left.reason })
        .collect();
    (fits, left_out)
}

/// The points that laws are fitted to.
pub fn points(settings: &Settings, steps: &[Step]) -> Vec<Point> {
    let point = |step: &Step| Point { n: f64::from(step.swept(settings)), x: step.throughput.value };
    steps.iter().map(point).collect()
}
