//! The whole run, moment by moment.

use charts::{Axis, Band, Chart, Look, Point, Series, Unit, figure};

use super::{colour, many, services};
use crate::result::Sweep;

/// A silence of this many usual intervals is a gap in the line.
const SILENCE: f64 = 2.5;

/// The charts of the rate and of the probes over time.
pub fn html(sweep: &Sweep) -> String {
    let rate = Series::new(sweep.settings.unit.as_str(), Look::Line, 0, line(sweep, |sample| sample.throughput));
    let mut theory = Vec::new();
    for step in &sweep.steps {
        if let Some(rate) = step.theory {
            theory.extend([Point::new(step.from_s, rate), Point::new(step.to_s, rate), Point::gap(step.to_s)]);
        }
    }
    let axis = || Axis::new("seconds since the start").from(0.0);
    let mut chart =
        Chart::new("rate-chart", "Throughput over time", axis(), Axis::new(sweep.settings.unit.as_str()).from(0.0))
            .height(240.0);
    if !theory.is_empty() {
        chart = chart.with(Series::new("theory of the step", Look::Line, 2, theory));
    }
    chart = banded(chart.with(rate), sweep).describe(format!(
        "The rate of the whole run of {}, {} steps. The steps and their figures follow as a table below.",
        super::duration(sweep.took_s),
        sweep.steps.len()
    ));
    let mut html = figure(&chart)
        .explain(format!(
            "The shaded stretches are the measured ones; the number at their top is the number of {}. Between them the system settles after the \
             change. Where nothing could be read the line has a gap.",
            many(&sweep.settings)
        ))
        .without_numbers()
        .html();

    let probed = services(sweep, |step| step.probes.keys().collect());
    if sweep.timeline.iter().any(|sample| !sample.probe_ms.is_empty()) {
        let mut chart = Chart::new(
            "probe-chart",
            "Waiting over time",
            axis(),
            Axis::new("probe of GET / (logarithmic)").unit(Unit::Milliseconds).log(),
        )
        .height(240.0);
        for service in probed {
            let points = line(sweep, |sample| sample.probe_ms.get(service).copied());
            chart = chart.with(Series::new(service, Look::Line, colour(service), points));
        }
        chart = banded(chart, sweep).describe("What a probe of each service waited over the whole run.");
        html.push_str(
            &figure(&chart)
                .explain("The probes of the same run: the queue builds up in front of the bottleneck and nowhere else.")
                .without_numbers()
                .html(),
        );
    }
    html
}

fn banded(mut chart: Chart, sweep: &Sweep) -> Chart {
    for step in &sweep.steps {
        chart = chart.band(Band::new(step.from_s, step.to_s, step.swept(&sweep.settings).to_string()));
    }
    chart
}

/// A value over time, with a gap where it is missing or where no sample was taken for long.
fn line(sweep: &Sweep, of: impl Fn(&crate::result::Sample) -> Option<f64>) -> Vec<Point> {
    let samples = &sweep.timeline;
    let mut intervals: Vec<f64> = samples.windows(2).map(|pair| pair[1].at_s - pair[0].at_s).collect();
    intervals.sort_by(f64::total_cmp);
    let usual = intervals.get(intervals.len() / 2).copied().unwrap_or(f64::INFINITY);
    let mut points = Vec::new();
    let mut before: Option<f64> = None;
    for sample in samples {
        if before.is_some_and(|before| sample.at_s - before > SILENCE * usual) {
            points.push(Point::gap(sample.at_s));
        }
        before = Some(sample.at_s);
        points.push(match of(sample) {
            Some(value) => Point::new(sample.at_s, value),
            None => Point::gap(sample.at_s),
        });
    }
    points
}
