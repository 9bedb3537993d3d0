//! `report.html` of a grid: the maps, and a way to each row's own report.

use charts::{Figure, HeatMap, Page, Table, Unit, escape};

use super::{ended_early, made_by, many, prose, verdict};
use crate::format::{difference, fine_rate, percent};
use crate::grid::{Cell, Grid};
use crate::{file, files};

/// The report of a grid, as one HTML file; the rows' reports lie in folders beside it.
pub fn html(grid: &Grid) -> String {
    let title = format!("How the application scales with {} and replicas of {}", columns(grid), grid.service);
    let mut page = Page::new(title).head(head(grid));
    if grid.cells().next().is_some() {
        page = page
            .section("throughput", "Throughput", throughput(grid))
            .section("theory", "Against theory", theory(grid))
            .section("limits", "What limits it", limits(grid));
    }
    let made = grid.rows.first().map_or_else(String::new, |first| made_by(first, file::GRID, grid.took_s));
    page.section("rows", "The rows", rows(grid)).foot(made).html()
}

/// What the columns are.
fn columns(grid: &Grid) -> String {
    grid.rows.first().map_or_else(|| "workers".to_owned(), |row| many(&row.settings))
}

fn head(grid: &Grid) -> String {
    let mut html = verdict(&grid.sentence());
    if grid.interrupted {
        html.push_str(&ended_early(&format!(
            "{} of {} rows have a finished step",
            grid.rows.len(),
            grid.replicas.len()
        )));
    }
    html
}

/// A map of something that each cell has.
fn map(grid: &Grid, id: &str, title: String, unit: Unit, of: impl Fn(&Cell) -> Option<f64>) -> HeatMap {
    let places = grid.columns();
    let names = |counts: &[u32]| counts.iter().map(u32::to_string).collect();
    // Upwards, as on a chart.
    let mut counts: Vec<u32> = grid.rows.iter().map(|row| grid.count(row)).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let cells = counts
        .iter()
        .map(|row| places.iter().map(|column| grid.cell(*column, *row).as_ref().and_then(&of)).collect())
        .collect();
    let across = (columns(grid), names(&places));
    let up = (format!("replicas of {}", grid.service), names(&counts));
    HeatMap::new(id, title, across, up, cells, unit).describe(grid.sentence())
}

fn throughput(grid: &Grid) -> String {
    let title = format!("Hashes per second by {} and replicas of {}", columns(grid), grid.service);
    let map = map(grid, "grid-chart", title, Unit::Plain, |cell| Some(cell.rate));
    Figure::heat(&map)
        .explain(
            "The darker, the more. Along a row or a column that keeps its shade, more replicas of that service bring nothing: \
             something else is the limit there.",
        )
        .html()
}

fn theory(grid: &Grid) -> String {
    let mut table = table(grid, "Measured throughput and how far it is from theory");
    for row in &grid.rows {
        table = table.row(line(grid, grid.count(row), |cell| {
            let off = cell.deviation().map_or_else(String::new, |share| format!(" ({})", difference(share)));
            format!("{}{off}", fine_rate(cell.rate))
        }));
    }
    format!(
        "<p class=\"soft\">Hashes/s, and in brackets the difference from min(N/(D+Z), m/D) over all services.</p>{}",
        table.html()
    )
}

fn limits(grid: &Grid) -> String {
    let mut table = table(grid, "The busiest service of each combination");
    for row in &grid.rows {
        table = table.row(line(grid, grid.count(row), |cell| match (&cell.busiest, cell.seen_limit()) {
            (_, Some("worker")) => "the workers".to_owned(),
            (Some((service, share)), _) => format!("{service} {}", percent(*share)),
            (None, _) => "–".to_owned(),
        }));
    }
    format!(
        "<p class=\"soft\">The service that is busy for the largest share of the time. “The workers” stands where nobody waits \
         for anybody, so that only more workers bring more.</p>{}",
        table.of_words().html()
    )
}

/// A table with a column for each number of replicas.
fn table(grid: &Grid, title: &str) -> Table {
    let mut header = vec![format!("{} \\ {}", grid.service, columns(grid))];
    header.extend(grid.columns().iter().map(u32::to_string));
    Table::new(title, header)
}

fn line(grid: &Grid, row: u32, text: impl Fn(&Cell) -> String) -> Vec<String> {
    let cells = grid.columns().into_iter().map(|column| grid.cell(column, row));
    let texts = cells.map(|cell| cell.as_ref().map_or_else(|| "–".to_owned(), &text));
    std::iter::once(row.to_string()).chain(texts).collect()
}

/// Each row's verdict, and where its report lies.
fn rows(grid: &Grid) -> String {
    let items = grid.rows.iter().map(|row| {
        let folder = files::row_folder(grid, row);
        format!(
            "<li><a href=\"{}/report.html\">{}</a>: {}</li>",
            escape(&folder),
            escape(&crate::format::replicas(grid.count(row), &grid.service)),
            prose(&row.verdict.sentence)
        )
    });
    format!("<ul class=\"evidence\">{}</ul>", items.collect::<String>())
}
