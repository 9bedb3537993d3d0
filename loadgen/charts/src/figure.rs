//! A chart in a page: drawn for wide and narrow screens, explained, and with its numbers.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::chart::Chart;
use crate::draw::{Canvas, draw};
use crate::heat::HeatMap;
use crate::scale::value;
use crate::table::Table;
use crate::text::escape;

/// What a figure shows.
enum Picture<'a> {
    Chart(&'a Chart),
    Heat(&'a HeatMap),
}

/// A chart with what is written around it.
pub struct Figure<'a> {
    picture: Picture<'a>,
    explanation: Vec<String>,
    numbers: bool,
}

/// A figure of a chart.
pub fn figure(chart: &Chart) -> Figure<'_> {
    Figure { picture: Picture::Chart(chart), explanation: Vec::new(), numbers: true }
}

impl<'a> Figure<'a> {
    /// A figure of a heat map. Its numbers stand in its cells, so it has no table.
    pub fn heat(map: &'a HeatMap) -> Self {
        Self { picture: Picture::Heat(map), explanation: Vec::new(), numbers: false }
    }

    /// Adds a paragraph that says how to read the chart: the first stands above it, the others below. Text, not markup.
    pub fn explain(mut self, text: impl Into<String>) -> Self {
        self.explanation.push(text.into());
        self
    }

    /// Leaves out the table of numbers, where there are too many for anybody to read.
    pub fn without_numbers(mut self) -> Self {
        self.numbers = false;
        self
    }

    /// The figure as HTML.
    pub fn html(&self) -> String {
        let (id, title) = match &self.picture {
            Picture::Chart(chart) => (&chart.id, &chart.title),
            Picture::Heat(map) => (&map.id, &map.title),
        };
        let mut html = format!("<figure id=\"{}\"><figcaption><h3>{}</h3>", escape(id), escape(title));
        let mut paragraphs = self.explanation.iter().map(|text| format!("<p>{}</p>", escape(text)));
        html.extend(paragraphs.next());
        html.push_str("</figcaption>");
        for canvas in [Canvas::WIDE, Canvas::NARROW] {
            html.push_str(&match &self.picture {
                Picture::Chart(chart) => draw(chart, &canvas, false),
                Picture::Heat(map) => map.draw(&canvas, false),
            });
        }
        html.push_str("<div class=\"reading\">");
        html.extend(paragraphs);
        html.push_str("</div>");
        if let (true, Picture::Chart(chart)) = (self.numbers, &self.picture) {
            html.push_str("<details><summary>The numbers of this chart</summary>");
            html.push_str(&numbers(chart).html());
            html.push_str("</details>");
        }
        html.push_str("</figure>");
        html
    }
}

/// The values of all listed series, by x.
fn numbers(chart: &Chart) -> Table {
    let listed: Vec<_> = chart.series.iter().filter(|series| series.listed).collect();
    let mut header = vec![chart.x.label.clone()];
    header.extend(listed.iter().map(|series| series.name.clone()));
    // Keyed by text, which is what makes two x the same for a reader.
    let mut rows: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (column, series) in listed.iter().enumerate() {
        for point in &series.points {
            let row = rows.entry(order(point.x)).or_insert_with(|| {
                let mut row = vec![value(point.x, chart.x.unit)];
                row.resize(listed.len() + 1, "–".to_owned());
                row
            });
            if let Some(y) = point.y {
                row[column + 1] = value(y, chart.y.unit);
                if let Some((low, high)) = point.ends {
                    let (low, high) = (value(low, chart.y.unit), value(high, chart.y.unit));
                    write!(row[column + 1], " ({low} to {high})").expect("writing to a string does not fail");
                }
            }
        }
    }
    let mut table = Table::new(format!("{}, in {}", chart.title, chart.y.label), header);
    for row in rows.into_values() {
        table = table.row(row);
    }
    table
}

/// A key that puts numbers in their order: the bits of a float order like an integer once the sign is dealt with.
fn order(x: f64) -> u64 {
    let bits = x.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_as_numbers() {
        let mut xs = [10.0, -1.0, 2.0, 0.0, -3.5];
        xs.sort_by_key(|x| order(*x));
        assert_eq!(xs, [-3.5, -1.0, 0.0, 2.0, 10.0]);
    }
}
