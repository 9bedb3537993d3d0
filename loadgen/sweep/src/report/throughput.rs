//! Throughput against replicas: measured, by theory, and by the law that fits.

use charts::{Axis, Chart, Look, Mark, Point, Series, figure};
use model::law::Law;

use super::{many, ordered};
use crate::format::times;
use crate::result::{Step, Sweep};
use crate::theory;

/// How far above what is measured the picture reaches: room for the ideal line to show where it goes.
const HEADROOM: f64 = 1.4;

/// Points of a smooth curve.
const SMOOTH: u32 = 120;

/// The chart of throughput.
pub fn html(sweep: &Sweep) -> String {
    let steps = ordered(sweep);
    let swept = |step: &Step| step.swept(&sweep.settings);
    let (first, last) = (swept(steps[0]), swept(steps[steps.len() - 1]));
    let measured = steps.iter().map(|step| {
        let rate = step.throughput;
        Point::new(f64::from(swept(step)), rate.value).between(rate.low, rate.high)
    });

    let (constant, random) = theory_curves(sweep, first, last);
    let highest = steps.iter().map(|step| step.throughput.high.max(step.theory.unwrap_or(0.0))).fold(0.0, f64::max);
    // The ideal: each replica brings as much as the first ones did by theory, or as measured where there is no theory.
    let per_replica = steps[0].theory.unwrap_or(steps[0].throughput.value) / f64::from(first.max(1));
    let leaves = per_replica * f64::from(last) > HEADROOM * highest;

    let mut axis = Axis::new(sweep.settings.unit.as_str()).from(0.0);
    if leaves {
        axis = axis.to(HEADROOM * highest);
    }
    let mut chart = Chart::new(
        "throughput-chart",
        format!("Throughput against {}", many(&sweep.settings)),
        Axis::new(many(&sweep.settings)).whole(),
        axis,
    )
    .describe(format!(
        "{} Measured, theory and fitted law in one picture; the numbers follow as a table.",
        sweep.verdict.sentence
    ))
    .height(340.0);
    let ideal = |n: u32| Point::new(f64::from(n), per_replica * f64::from(n));
    if first < last {
        chart = chart.with(Series::new("ideal", Look::Thin, 5, [ideal(first), ideal(last)]).unlisted());
    }
    if !constant.is_empty() {
        chart = chart.with(Series::new("theory, constant delays", Look::Line, 2, constant));
        chart = chart.with(Series::new("theory, random delays (MVA)", Look::Dotted, 3, random));
    }
    if let Some((name, points)) = fitted(sweep, first, last) {
        chart = chart.with(Series::new(name, Look::Dashed, 1, points).unlisted());
    }
    chart = chart.with(Series::new("measured, with 95 % interval", Look::Markers, 0, measured));
    if let Some(knee) = knee(sweep, &steps)
        && (f64::from(first)..=f64::from(last)).contains(&knee)
    {
        chart = chart.mark(Mark::x(knee, format!("N* = {}", times(knee))));
    }

    let mut shown = figure(&chart).explain(format!(
        "Each blue point is one measured step; the bar through it is its 95 % confidence interval, often smaller than the point. \
         The grey line is the ideal: every one of the {} brings as much as the first{}.",
        many(&sweep.settings),
        if leaves { " (it leaves the picture at the top)" } else { "" }
    ));
    if sweep.steps.iter().any(|step| step.theory.is_some()) {
        shown = shown.explain(
            "The green line is the theory: N workers can do no more than N / (D + Z), because each needs D + Z seconds for a round, and no more \
             than the slowest service serves. The delays here are constant, so a run without other losses lies on this line. The \
             dotted line shows what delays of the same mean but random length would give: jobs then meet by chance and wait for one another even \
             below the limit.",
        );
    }
    if let Some(law) = sweep.fits.iter().find(|fit| fit.chosen) {
        let parameters: Vec<String> = Law::named(&law.law)
            .into_iter()
            .flat_map(Law::parameters)
            .filter_map(|name| Some((name, law.parameters.get(*name)?)))
            .map(|(name, value)| format!("{} = {}", crate::verdict::symbol(name), crate::verdict::number(value.value)))
            .collect();
        shown = shown.explain(format!(
            "The dashed line knows nothing of the services: it is the scalability law that fits the points best, {}, with {}.",
            law.formula,
            parameters.join(" and ")
        ));
    }
    shown.html()
}

/// The theory between the first and the last step, for constant and for random delays.
fn theory_curves(sweep: &Sweep, first: u32, last: u32) -> (Vec<Point>, Vec<Point>) {
    let Some(step) = sweep.steps.last() else {
        return Default::default();
    };
    // Each number where there are few of them: the curve has corners. Of thousands a picture shows no more than so many.
    let stride = ((last - first) / SMOOTH).max(1) as usize;
    let places = (first..last).step_by(stride).chain([last]);
    let expected = places.filter_map(|n| {
        let mut replicas = step.replicas.clone();
        replicas.insert(sweep.settings.scaled.clone(), n);
        let expected = theory::expect(&sweep.settings, &replicas)?;
        let at = |rate| Point::new(f64::from(n), rate);
        Some((at(expected.constant.throughput), at(expected.random.throughput)))
    });
    expected.unzip()
}

/// Where the theory bends: the number of workers from which a service is always busy.
fn knee(sweep: &Sweep, steps: &[&Step]) -> Option<f64> {
    if sweep.settings.scaled != "worker" {
        return None;
    }
    let network = theory::network(&sweep.settings, &steps.last()?.replicas)?;
    let knee = network.knee() / f64::from(sweep.settings.loops());
    knee.is_finite().then_some(knee)
}

/// The chosen law as a smooth curve.
fn fitted(sweep: &Sweep, first: u32, last: u32) -> Option<(String, Vec<Point>)> {
    let fit = sweep.fits.iter().find(|fit| fit.chosen)?;
    let law = Law::named(&fit.law)?;
    let values: Option<Vec<f64>> =
        law.parameters().iter().map(|name| fit.parameters.get(*name).map(|parameter| parameter.value)).collect();
    let values = values?;
    let (from, to) = (f64::from(first), f64::from(last));
    let points = (0..=SMOOTH).map(|k| {
        let n = from + (to - from) * f64::from(k) / f64::from(SMOOTH);
        Point::new(n, law.at(&values, n))
    });
    Some((format!("fitted: {}", law.title()), points.collect()))
}
