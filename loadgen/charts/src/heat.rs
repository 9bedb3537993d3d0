//! A value for each pair: throughput by workers and replicas.

use std::fmt::Write;

use crate::draw::{Canvas, frame};
use crate::scale::{Unit, value};
use crate::text::{escape, pixel, width};

/// The darkest cell still lets the number in it be read.
const DARKEST: f64 = 0.5;

/// A table whose cells are shaded by their value.
#[derive(Debug, Clone)]
pub struct HeatMap {
    pub(crate) id: String,
    pub(crate) title: String,
    description: String,
    columns: (String, Vec<String>),
    rows: (String, Vec<String>),
    cells: Vec<Vec<Option<f64>>>,
    unit: Unit,
}

impl HeatMap {
    /// A heat map: what the columns are and their names, what the rows are and their names, and a value for each row's
    /// columns, where there is one. `id` as for a chart.
    pub fn new(
        id: impl Into<String>,
        title: impl Into<String>,
        columns: (String, Vec<String>),
        rows: (String, Vec<String>),
        cells: Vec<Vec<Option<f64>>>,
        unit: Unit,
    ) -> Self {
        let title = title.into();
        Self { id: id.into(), description: title.clone(), title, columns, rows, cells, unit }
    }

    /// What somebody who cannot see the map should know.
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// The map as an SVG file of its own, with its colours inside.
    pub fn svg(&self) -> String {
        self.draw(&Canvas::WIDE, true)
    }

    pub(crate) fn draw(&self, canvas: &Canvas, alone: bool) -> String {
        let font = canvas.font;
        let side = self.rows.1.iter().map(|name| width(name, font)).fold(0.0, f64::max) + 14.0;
        let wide = (canvas.width - side - 2.0) / self.columns.1.len().max(1) as f64;
        let high = (font * 2.6).min(wide.max(font * 1.8));
        let top = font * 2.0;
        let bottom = top + high * self.rows.1.len() as f64;
        let mut svg = frame(&self.id, &self.title, &self.description, canvas, bottom + font * 3.4, alone);
        self.cells(&mut svg, canvas, (side, top), (wide, high)).expect("writing to a string does not fail");
        let right = canvas.width - 2.0;
        write!(
            svg,
            "<text class=\"axis\" x=\"0\" y=\"{}\">{}</text><text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text></svg>",
            pixel(top - font * 0.7),
            escape(&self.rows.0),
            pixel(right),
            pixel(bottom + font * 2.9),
            escape(&self.columns.0)
        )
        .expect("writing to a string does not fail");
        svg
    }

    fn cells(
        &self,
        svg: &mut String,
        canvas: &Canvas,
        (left, top): (f64, f64),
        (wide, high): (f64, f64),
    ) -> std::fmt::Result {
        let font = canvas.font;
        let all = self.cells.iter().flatten().flatten().copied();
        let (least, most) =
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), v| (least.min(v), most.max(v)));
        for (row, name) in self.rows.1.iter().enumerate() {
            let y = top + high * row as f64;
            let base = y + high / 2.0 + font * 0.35;
            write!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                pixel(left - 8.0),
                pixel(base),
                escape(name)
            )?;
            for column in 0..self.columns.1.len() {
                let x = left + wide * column as f64;
                let amount = self.cells.get(row).and_then(|cells| cells.get(column)).copied().flatten();
                let share = amount.map_or(0.0, |v| if most > least { (v - least) / (most - least) } else { 0.5 });
                let opacity = if amount.is_some() { 0.05 + share * (DARKEST - 0.05) } else { 0.0 };
                let text = amount.map_or_else(|| "–".to_owned(), |amount| value(amount, self.unit));
                let (x, y, w, h) = (pixel(x + 1.0), pixel(y + 1.0), pixel(wide - 2.0), pixel(high - 2.0));
                write!(
                    svg,
                    "<rect class=\"f0\" fill-opacity=\"{opacity:.2}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"3\"/>"
                )?;
                let (middle, base) = (pixel(left + wide * (column as f64 + 0.5)), pixel(base));
                // On a phone a number may be wider than its cell.
                let size =
                    if width(&text, font) > wide - 4.0 { font * (wide - 4.0) / width(&text, font) } else { font };
                write!(
                    svg,
                    "<text class=\"name\" x=\"{middle}\" y=\"{base}\" font-size=\"{}\" text-anchor=\"middle\">{}</text>",
                    pixel(size),
                    escape(&text)
                )?;
            }
        }
        let bottom = top + high * self.rows.1.len() as f64;
        for (column, name) in self.columns.1.iter().enumerate() {
            let middle = pixel(left + wide * (column as f64 + 0.5));
            write!(
                svg,
                "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                pixel(bottom + 6.0 + font),
                escape(name)
            )?;
        }
        Ok(())
    }
}
