//! What a probe waits, against replicas.

use charts::{Axis, Chart, Look, Point, Series, Unit, figure};

use super::{colour, many, ordered, services};
use crate::format::time;
use crate::result::{Latency, Sweep};
use crate::theory;

/// The chart of percentiles.
pub fn html(sweep: &Sweep) -> String {
    let probed = services(sweep, |step| step.probes.keys().collect());
    if probed.is_empty() {
        return "<p>Nothing was probed in this run.</p>".to_owned();
    }
    let steps = ordered(sweep);
    let mut chart = Chart::new(
        "waiting-chart",
        format!("What a request for GET / waits, against {}", many(&sweep.settings)),
        Axis::new(many(&sweep.settings)).whole(),
        Axis::new("time (logarithmic)").unit(Unit::Milliseconds).log(),
    );
    let mut said = Vec::new();
    for service in &probed {
        let percentile = |of: fn(&Latency) -> Option<f64>| {
            let points = steps.iter().map(move |step| {
                let x = f64::from(step.swept(&sweep.settings));
                match step.probes.get(*service).and_then(of) {
                    Some(time) => Point::new(x, time),
                    None => Point::gap(x),
                }
            });
            points.collect::<Vec<_>>()
        };
        let colour = colour(service);
        chart = chart
            .with(Series::new(format!("{service} p50"), Look::LineMarkers, colour, percentile(|probe| probe.p50_ms)))
            .with(Series::new(format!("{service} p90"), Look::Dashed, colour, percentile(|probe| probe.p90_ms)));
        // Steps are short and probes few: most sweeps cannot tell this one.
        if steps.iter().any(|step| step.probes.get(*service).is_some_and(|probe| probe.p99_ms.is_some())) {
            let p99 = percentile(|probe| probe.p99_ms);
            chart = chart.with(Series::new(format!("{service} p99"), Look::Dotted, colour, p99));
        }
        if let Some(median) = steps.last().and_then(|step| step.probes.get(*service)?.p50_ms) {
            said.push(format!("{service} {}", time(median)));
        }
    }
    let turns = turns(sweep, "rng");
    let theory = !turns.is_empty();
    if theory {
        chart = chart.with(Series::new("rng, mean by theory", Look::Thin, 2, turns));
    }
    chart =
        chart.describe(format!("Median waits at the last step: {}. The numbers follow as a table.", said.join(", ")));

    let mut shown = figure(&chart).explain(
        "Beside the workers a probe asks each service for its plain GET /, which costs nothing but has to wait its turn like every \
         request. So it shows the queue. Half of the probes are faster than p50, 90 % faster than p90. The axis is \
         logarithmic: each line up is a multiple.",
    );
    if theory {
        shown = shown.explain(
            "By theory a probe of a saturated rng waits for all that stand in line before it and on average for half of the one being \
             served: with N workers and one rng, (N·D − Z − D/2) on average, where Z counts all time that a worker spends elsewhere.",
        );
    }
    shown.html()
}

/// The mean wait for a turn at a service by theory, in milliseconds.
fn turns(sweep: &Sweep, service: &str) -> Vec<Point> {
    let steps = ordered(sweep);
    let turns = steps.iter().filter_map(|step| {
        let expected = theory::expect(&sweep.settings, &step.replicas)?;
        let turn = expected.constant.stations.iter().find(|station| station.name == service)?.turn_s?;
        (turn > 0.0).then(|| Point::new(f64::from(step.swept(&sweep.settings)), turn * 1000.0))
    });
    turns.collect()
}
