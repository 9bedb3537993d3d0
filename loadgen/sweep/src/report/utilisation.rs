//! How busy each service is, against replicas.

use charts::{Axis, Chart, Look, Point, Series, Unit, figure};

use super::{colour, many, ordered, services};
use crate::format::percent;
use crate::processors;
use crate::result::Sweep;
use crate::theory;

/// The chart of utilisation.
pub fn html(sweep: &Sweep) -> String {
    let steps = ordered(sweep);
    let busy = services(sweep, |step| step.utilisation.keys().collect());
    let x = |step: &crate::result::Step| f64::from(step.swept(&sweep.settings));
    let mut chart = Chart::new(
        "utilisation-chart",
        format!("Share of time that slots are busy, against {}", many(&sweep.settings)),
        Axis::new(many(&sweep.settings)).whole(),
        Axis::new("busy").unit(Unit::Share).from(0.0).to(1.0),
    )
    .height(240.0);
    let mut said = Vec::new();
    for service in &busy {
        let by_theory = steps.iter().filter_map(|step| {
            let expected = theory::expect(&sweep.settings, &step.replicas)?;
            let station = expected.constant.stations.into_iter().find(|station| station.name == **service)?;
            Some(Point::new(x(step), station.utilisation?))
        });
        let by_theory: Vec<Point> = by_theory.collect();
        if !by_theory.is_empty() {
            chart = chart.with(Series::new(format!("{service} by theory"), Look::Dashed, 2, by_theory));
        }
        let measured = steps.iter().map(|step| match step.utilisation.get(*service) {
            Some(share) => Point::new(x(step), *share),
            None => Point::gap(x(step)),
        });
        chart = chart.with(Series::new(*service, Look::LineMarkers, colour(service), measured));
        if let Some(share) = steps.last().and_then(|step| step.utilisation.get(*service)) {
            said.push(format!("{service} {}", percent(*share)));
        }
    }
    if steps.iter().any(|step| !step.cpu_cores.is_empty()) {
        let busy = steps.iter().map(|step| match processors::busiest(&sweep.machine, std::iter::once(*step)) {
            Some(busiest) => Point::new(x(step), busiest.share()),
            None => Point::gap(x(step)),
        });
        let busy: Vec<Point> = busy.collect();
        let whose = if sweep.machine.nodes.len() > 1 { "processors of the busiest node" } else { "processors" };
        chart = chart.with(Series::new(whose, Look::LineMarkers, 5, busy));
    }
    chart = chart.describe(format!("At the last step: {}. The numbers follow as a table.", said.join(", ")));
    figure(&chart)
        .explain(
            "A slot is a place where one request is served at a time. A service whose slots are busy all the time is the bottleneck: more load \
             only makes its queue longer. A service that answers any number at once has no slots and no line here.",
        )
        .html()
}
