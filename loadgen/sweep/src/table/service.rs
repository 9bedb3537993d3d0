//! The table of a service that is not dockercoins: what each further replica brings, and how long answers take.

use anstyle::Style;

use super::{BAD, FAIR, GOOD, narrow};
use crate::columns::{Cell, columns};
use crate::format::{fine_rate, margin, percent, time};
use crate::result::{Step, Sweep};
use crate::scaling;

/// A further replica that brings this share of one of the first is worth its place; below the second share it is not.
const WORTH: (f64, f64) = (0.9, 0.5);

/// Services beside the swept one of which there is a column: the busiest.
const BESIDE: usize = 1;

/// The steps as a table.
pub fn table(sweep: &Sweep) -> String {
    let settings = &sweep.settings;
    let busy = busy(sweep);
    let header = [("", settings.scaled.as_str()), ("", settings.unit.as_str()), ("95 %", "±"), ("each", "further")];
    let answers = [("answer", "p50"), ("answer", "p99"), ("", "errors")];
    let answers = answers.into_iter().filter(|_| sweep.sends());
    let header: Vec<(&str, &str)> =
        header.into_iter().chain(answers).chain(busy.iter().map(|service| (service.as_str(), "busy"))).collect();
    let mut rows: Vec<Vec<Cell>> = vec![
        header.iter().map(|(above, _)| Cell::head(*above)).collect(),
        header.iter().map(|(_, what)| Cell::head(*what)).collect(),
    ];
    rows.extend(sweep.steps.iter().map(|step| row(sweep, step, &busy)));
    columns(&rows)
}

/// The swept service, and the busiest of the others.
fn busy(sweep: &Sweep) -> Vec<String> {
    let Some(last) = sweep.steps.last() else { return Vec::new() };
    let scaled = &sweep.settings.scaled;
    let mut others: Vec<(&String, &f64)> = last.utilisation.iter().filter(|(name, _)| *name != scaled).collect();
    others.sort_by(|a, b| b.1.total_cmp(a.1));
    let own = last.utilisation.contains_key(scaled).then(|| scaled.clone());
    own.into_iter().chain(others.into_iter().take(BESIDE).map(|(name, _)| name.clone())).collect()
}

fn row(sweep: &Sweep, step: &Step, busy: &[String]) -> Vec<Cell> {
    let swept = step.swept(&sweep.settings);
    let none = || Cell::plain("–");
    let places = scaling::places(&sweep.settings, &sweep.steps);
    let further = places.iter().find(|place| place.replicas == swept).and_then(|place| place.further);
    let further = further.map_or_else(none, |share| Cell {
        text: narrow(percent(share)),
        style: match share {
            share if share >= WORTH.0 => GOOD,
            share if share >= WORTH.1 => FAIR,
            _ => BAD,
        },
    });
    let mut cells = vec![
        Cell::plain(format!("{}{swept}", if step.steady { "" } else { "~" })),
        Cell { text: fine_rate(step.throughput.value), style: Style::new().bold() },
        Cell::plain(margin(step.throughput)),
        further,
    ];
    if sweep.sends() {
        let times = &step.loop_time;
        let failed = times.failed_share().unwrap_or_default();
        cells.extend([
            times.p50_ms.map_or_else(none, |ms| Cell::plain(time(ms))),
            times.p99_ms.map_or_else(none, |ms| Cell::plain(time(ms))),
            Cell { text: narrow(percent(failed)), style: if failed > 0.001 { BAD } else { Style::new() } },
        ]);
    }
    cells.extend(busy.iter().map(|service| match step.utilisation.get(service) {
        Some(share) => {
            Cell { text: narrow(percent(*share)), style: if *share >= WORTH.0 { FAIR } else { Style::new() } }
        }
        None => none(),
    }));
    cells
}
