//! The table for the terminal.

mod service;

use anstyle::{AnsiColor, Style};

use crate::columns::{Cell, columns};
use crate::format::{difference, fine_rate, margin, percent, time};
use crate::grid::Grid;
use crate::processors;
use crate::result::{Step, Sweep};

/// A terminal this wide shows every column.
pub const WIDTH: usize = 80;

const HEAD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const FAIR: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// The services whose probes have a column: the two of which there is room for.
const PROBED: usize = 2;

/// The steps as a table, with escape codes for colours: print it through `anstream`, which takes them out where they
/// are not wanted.
pub fn table(sweep: &Sweep) -> String {
    if sweep.settings.dockercoins.is_none() {
        return service::table(sweep);
    }
    let probed = probed(sweep);
    let busy = busiest(sweep);
    let scaled = &sweep.settings.scaled;
    let mut header = vec![
        ("", if scaled == "worker" { "workers" } else { scaled }),
        ("", &sweep.settings.unit),
        ("95 %", "±"),
        ("", "theory"),
        ("", "off"),
    ];
    for service in &probed {
        header.extend([(service.as_str(), "p50"), (service, "p90")]);
    }
    header.extend(busy.iter().map(|service| (service.as_str(), "busy")));
    let title = |text: &str| Cell { text: text.to_owned(), style: HEAD };
    let mut rows: Vec<Vec<Cell>> = vec![
        header.iter().map(|(service, _)| title(service)).collect(),
        header.iter().map(|(_, what)| title(what)).collect(),
    ];
    rows.extend(sweep.steps.iter().map(|step| row(sweep, step, &probed, busy.as_deref())));
    let mut table = columns(&rows);
    if sweep.steps.iter().any(|step| processors::limit(&sweep.machine, step)) {
        table.push_str("! The machine’s processors were the limit.\n");
    }
    table
}

/// The throughput of a grid: a row for each number of replicas of the second service.
pub fn grid(grid: &Grid) -> String {
    let counts = grid.columns();
    let scaled = if grid.scaled() == "worker" { "workers" } else { grid.scaled() };
    let mut header = vec![Cell::head(format!("{} \\ {scaled}", grid.service))];
    header.extend(counts.iter().map(|count| Cell::head(count.to_string())));
    let mut rows = vec![header];
    for row in &grid.rows {
        let count = grid.count(row);
        let mut cells = vec![Cell::head(count.to_string())];
        cells.extend(counts.iter().map(|column| match grid.cell(*column, count) {
            Some(cell) => Cell { text: fine_rate(cell.rate), style: closeness(cell.deviation()) },
            None => Cell::plain("–"),
        }));
        rows.push(cells);
    }
    columns(&rows)
}

/// The colour of a value by how far it is from the theory.
fn closeness(deviation: Option<f64>) -> Style {
    match deviation.map(f64::abs) {
        None => Style::new(),
        Some(off) if off <= 0.02 => GOOD,
        Some(off) if off <= 0.05 => FAIR,
        Some(_) => BAD,
    }
}

/// Without the space before the sign, for which there is no room.
fn narrow(percent: String) -> String {
    percent.replace(" %", "%")
}

/// The services with probes, the slowest first, as many as there is room for.
fn probed(sweep: &Sweep) -> Vec<String> {
    let Some(last) = sweep.steps.last() else {
        return Vec::new();
    };
    let mut services: Vec<_> = last.probes.iter().collect();
    services.sort_by(|a, b| b.1.mean_ms.total_cmp(&a.1.mean_ms));
    services.into_iter().take(PROBED).map(|(service, _)| service.clone()).collect()
}

/// The service that is busy most of the time over the whole run.
fn busiest(sweep: &Sweep) -> Option<String> {
    let steps = sweep.steps.iter();
    let shares = steps.flat_map(|step| step.utilisation.iter().map(|(service, share)| (service, *share)));
    shares.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(service, _)| service.clone())
}

fn row(sweep: &Sweep, step: &Step, probed: &[String], busy: Option<&str>) -> Vec<Cell> {
    let rate = step.throughput;
    let mut count = step.swept(&sweep.settings).to_string();
    if !step.steady {
        count.insert(0, '~');
    }
    if processors::limit(&sweep.machine, step) {
        count.insert(0, '!');
    }
    let off = match step.deviation() {
        Some(share) => Cell { text: narrow(difference(share)), style: closeness(Some(share)) },
        None => Cell::plain("–".to_owned()),
    };
    let mut cells = vec![
        Cell::plain(count),
        Cell { text: fine_rate(rate.value), style: HEAD },
        Cell::plain(margin(rate)),
        Cell::plain(step.theory.map_or_else(|| "–".to_owned(), fine_rate)),
        off,
    ];
    for service in probed {
        let probe = step.probes.get(service);
        let cell = |ms: Option<f64>| Cell::plain(ms.map_or_else(|| "–".to_owned(), time));
        cells.push(cell(probe.and_then(|probe| probe.p50_ms)));
        cells.push(cell(probe.and_then(|probe| probe.p90_ms)));
    }
    if let Some(service) = busy {
        let share = step.utilisation.get(service);
        cells.push(Cell {
            text: share.map_or_else(|| "–".to_owned(), |share| narrow(percent(*share))),
            style: if share.is_some_and(|share| *share >= 0.95) { FAIR } else { Style::new() },
        });
    }
    cells
}
