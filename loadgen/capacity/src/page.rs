//! `capacity.html`: the curve of latency against rate, in one file that needs nothing else.

use charts::{Axis, Chart, Look, Mark, Page, Point, Series, Table, Unit, escape, figure};

use crate::Objective;
use crate::result::{Capacity, Rate, per_second};

/// The report of a search.
pub fn html(capacity: &Capacity) -> String {
    Page::new(format!("The capacity of {}", capacity.target))
        .head(format!("<p><strong>{}.</strong></p>", escape(&capacity.sentence)))
        .section("latency", "Response time against rate", latency(capacity))
        .section("rates", "Every rate that was tried", rates(capacity))
        .foot(format!("<p>Made by {} from <code>capacity.json</code>.</p>", escape(&capacity.generator)))
        .html()
}

/// One of the percentiles.
type Of = fn(&Rate) -> Option<f64>;

fn latency(capacity: &Capacity) -> String {
    let mut chart = Chart::new(
        "latency-chart",
        "Response time against rate",
        Axis::new("requests offered a second").from(0.0),
        Axis::new("response time (logarithmic)").unit(Unit::Milliseconds).log(),
    )
    .describe(&capacity.sentence);
    let series: [(&str, Look, Of); 3] = [
        ("p50", Look::LineMarkers, |rate| rate.p50_ms),
        ("p90", Look::LineMarkers, |rate| rate.p90_ms),
        ("p99", Look::LineMarkers, |rate| rate.p99_ms),
    ];
    for (colour, (name, look, of)) in series.into_iter().enumerate() {
        let points = capacity.rates.iter().map(|rate| match of(rate).filter(|value| *value > 0.0) {
            Some(value) => Point::new(rate.offered_per_second, value),
            None => Point::gap(rate.offered_per_second),
        });
        chart = chart.with(Series::new(name, look, colour, points));
    }
    for objective in &capacity.objectives {
        let limit = objective.parse::<Objective>().ok().and_then(|objective| objective.seconds());
        if let Some(seconds) = limit {
            chart = chart.mark(Mark::y(seconds * 1e3, objective));
        }
    }
    if let Some(rate) = capacity.capacity_per_second {
        chart = chart.mark(Mark::x(rate, per_second(rate)));
    }
    figure(&chart)
        .explain(
            "Response times count from when a request was due. Above the capacity they depend on how long one looks: the \
             queue grows until the trial ends.",
        )
        .html()
}

fn rates(capacity: &Capacity) -> String {
    let mut table = Table::new(
        "Rates from the lowest",
        ["offered", "answered", "trials", "seconds", "p50", "p99", "holds", "closest objective"],
    );
    for rate in &capacity.rates {
        let time = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2} ms"));
        let holds = match (rate.holds, rate.sure) {
            (true, true) => "yes",
            (true, false) => "seems so",
            (false, true) => "no",
            (false, false) => "seems not",
        };
        table = table.row([
            per_second(rate.offered_per_second),
            per_second(rate.answered_per_second),
            rate.trials.to_string(),
            format!("{:.0}", rate.seconds),
            time(rate.p50_ms),
            time(rate.p99_ms),
            holds.to_owned(),
            rate.reason.clone(),
        ]);
    }
    table.html()
}
