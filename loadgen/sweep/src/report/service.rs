//! The parts of the report that are about a service that is not dockercoins: what each further replica brings, how long
//! answers take, and what was busy.

use charts::{Axis, Chart, Look, Point, Series, Table, Unit, figure};

use super::steps::notes;
use super::{many, ordered, services};
use crate::format::{fine_rate, margin, percent, time};
use crate::result::{Latency, Step, Sweep};
use crate::scaling;

/// What each further replica brings.
pub fn efficiency(sweep: &Sweep) -> String {
    let places = scaling::places(&sweep.settings, &sweep.steps);
    let point = |replicas: u32, share: f64| Point::new(f64::from(replicas), share);
    let further = places.iter().filter_map(|place| Some(point(place.replicas, place.further?)));
    let all = places.iter().map(|place| point(place.replicas, place.efficiency));
    let chart = Chart::new(
        "efficiency-chart",
        "What each further replica brings, of what one of the first does",
        Axis::new(many(&sweep.settings)).whole(),
        Axis::new("share").unit(Unit::Share).from(0.0),
    )
    .height(240.0)
    .with(Series::new("each further replica", Look::LineMarkers, 0, further))
    .with(Series::new("all of them on average", Look::Dashed, 2, all))
    .describe("The gain of each step, and the efficiency of all replicas. The numbers follow as a table.");
    figure(&chart)
        .explain(
            "A replica that brings 100 % does as much as the first one did; at 0 % it brings nothing, and below that it takes \
             something away from the others.",
        )
        .html()
}

/// How long answers take.
pub fn latency(sweep: &Sweep) -> String {
    let steps = ordered(sweep);
    let mut chart = Chart::new(
        "waiting-chart",
        format!("How long an answer takes, against {}", many(&sweep.settings)),
        Axis::new(many(&sweep.settings)).whole(),
        Axis::new("time (logarithmic)").unit(Unit::Milliseconds).log(),
    );
    let percentile: [fn(&Latency) -> Option<f64>; 3] =
        [|times| times.p50_ms, |times| times.p90_ms, |times| times.p99_ms];
    let lines = [("p50", Look::LineMarkers), ("p90", Look::Dashed), ("p99", Look::Dotted)];
    for ((name, look), of) in lines.into_iter().zip(percentile) {
        let points = steps.iter().map(|step| {
            let x = f64::from(step.swept(&sweep.settings));
            of(&step.loop_time).map_or_else(|| Point::gap(x), |ms| Point::new(x, ms))
        });
        chart = chart.with(Series::new(name, look, 0, points.collect::<Vec<_>>()));
    }
    let load = sweep.settings.load.as_deref().unwrap_or_default();
    chart = chart.describe("Percentiles of the time to an answer. The numbers follow as a table.");
    figure(&chart)
        .explain(format!(
            "From when a request was due until its answer was whole, at the load of {load}. Half of the answers are faster than \
             p50, 90 % faster than p90, 99 % faster than p99. The axis is logarithmic: each line up is a multiple."
        ))
        .html()
}

/// What was busy.
pub fn busy(sweep: &Sweep) -> String {
    let steps = ordered(sweep);
    let mut chart = Chart::new(
        "utilisation-chart",
        format!("Share of its processors that is busy, against {}", many(&sweep.settings)),
        Axis::new(many(&sweep.settings)).whole(),
        Axis::new("busy").unit(Unit::Share).from(0.0).to(1.0),
    )
    .height(240.0);
    let mut add = |names: Vec<&String>, of: fn(&Step, &str) -> Option<f64>, look: Look| {
        for (place, name) in names.into_iter().enumerate() {
            let points = steps.iter().map(|step| {
                let x = f64::from(step.swept(&sweep.settings));
                of(step, name).map_or_else(|| Point::gap(x), |share| Point::new(x, share))
            });
            let points: Vec<Point> = points.collect();
            chart = chart.clone().with(Series::new(name, look, place % 6, points));
        }
    };
    add(
        services(sweep, |step| step.utilisation.keys().collect()),
        |step, name| step.utilisation.get(name).copied(),
        Look::LineMarkers,
    );
    add(
        services(sweep, |step| step.node_busy.keys().collect()),
        |step, name| step.node_busy.get(name).copied(),
        Look::Dashed,
    );
    chart = chart.describe("Busy shares of services and nodes. The numbers follow as a table.");
    figure(&chart)
        .explain(
            "A service's line is the share that it used of the processors it may use: of its limit where it has one, of one \
             processor for the busiest of its threads where that is more. A dashed line is a node, whatever ran there.",
        )
        .html()
}

/// The table of all steps.
pub fn steps(sweep: &Sweep) -> String {
    let busy = services(sweep, |step| step.utilisation.keys().collect());
    let mut header: Vec<String> = [
        many(&sweep.settings).as_str(),
        &sweep.settings.unit,
        "±\u{a0}95\u{a0}%",
        "each further",
        "p50",
        "p90",
        "p99",
        "failed",
    ]
    .map(str::to_owned)
    .into();
    header.extend(busy.iter().map(|service| format!("{service} busy")));
    header.push("CPU cores".to_owned());
    let places = scaling::places(&sweep.settings, &sweep.steps);
    let none = || "–".to_owned();
    let mut table = Table::new("All steps", header);
    for step in &sweep.steps {
        let swept = step.swept(&sweep.settings);
        let further = places.iter().find(|place| place.replicas == swept).and_then(|place| place.further);
        let times = &step.loop_time;
        let mut fields = vec![
            format!("{swept}{}", if step.steady { "" } else { " *" }),
            fine_rate(step.throughput.value),
            margin(step.throughput),
            further.map_or_else(none, percent),
            times.p50_ms.map_or_else(none, time),
            times.p90_ms.map_or_else(none, time),
            times.p99_ms.map_or_else(none, time),
            if sweep.sends() { times.failed.to_string() } else { none() },
        ];
        fields.extend(
            busy.iter().map(|service| step.utilisation.get(*service).map_or_else(none, |share| percent(*share))),
        );
        fields.push(format!("{:.2}", step.cores()));
        table = table.row(fields);
    }
    let mut html = table.html();
    if sweep.steps.iter().any(|step| !step.steady) {
        html.push_str("<p class=\"soft\">* The rate was not yet steady when the measuring began.</p>");
    }
    html.push_str(&notes(sweep));
    html
}
