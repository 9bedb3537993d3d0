//! Drawing a chart.

use std::fmt::Write;

use crate::chart::{Axis, Chart, Look, Point, Series};
use crate::legend;
use crate::palette::{CHART, variables};
use crate::scale::{Span, labels, value};
use crate::text::{escape, pixel, width};

/// How much room there is.
#[derive(Debug, Clone, Copy)]
pub struct Canvas {
    pub width: f64,
    pub font: f64,
    /// What tells the drawings of one chart apart.
    pub name: &'static str,
}

impl Canvas {
    /// A desk, and A4.
    pub const WIDE: Self = Self { width: 760.0, font: 13.0, name: "wide" };
    /// A phone.
    pub const NARROW: Self = Self { width: 360.0, font: 12.0, name: "narrow" };
}

impl Chart {
    /// The chart as an SVG file of its own, with its colours inside.
    pub fn svg(&self) -> String {
        draw(self, &Canvas::WIDE, true)
    }
}

/// The rectangle in which values are drawn, and the two axes.
struct Plot<'a> {
    chart: &'a Chart,
    canvas: &'a Canvas,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    x: Span,
    y: Span,
    x_ticks: Vec<f64>,
    y_ticks: Vec<f64>,
}

/// Draws for one canvas.
pub fn draw(chart: &Chart, canvas: &Canvas, alone: bool) -> String {
    let (places, legend_height) = legend::lay_out(&chart.series, canvas);
    let plot = Plot::new(chart, canvas, legend_height);
    let bottom = plot.top + plot.height + canvas.font * 3.4;
    let mut svg = frame(&chart.id, &chart.title, &chart.description, canvas, bottom, alone);
    legend::draw(&mut svg, &chart.series, &places, 2.0, canvas);
    plot.draw(&mut svg).expect("writing to a string does not fail");
    svg.push_str("</svg>");
    svg
}

/// The opening of a drawing.
pub fn frame(id: &str, title: &str, description: &str, canvas: &Canvas, height: f64, alone: bool) -> String {
    let (name, id, width, height) = (canvas.name, escape(id), canvas.width, pixel(height));
    let style = if alone { format!("<style>{}{CHART}</style>", variables()) } else { String::new() };
    let space = if alone { " xmlns=\"http://www.w3.org/2000/svg\"" } else { "" };
    let ground = if alone { "<rect width=\"100%\" height=\"100%\" fill=\"var(--page)\"/>" } else { "" };
    format!(
        "<svg class=\"chart {name}\"{space} viewBox=\"0 0 {width} {height}\" font-size=\"{}\" role=\"img\" \
         aria-labelledby=\"{id}-{name}-title {id}-{name}-desc\"><title id=\"{id}-{name}-title\">{}</title>\
         <desc id=\"{id}-{name}-desc\">{}</desc>{style}{ground}",
        canvas.font,
        escape(title),
        escape(description)
    )
}

/// The class of a look's line, if it has one.
pub fn stroke(look: Look) -> Option<&'static str> {
    match look {
        Look::Line | Look::LineMarkers => Some("line"),
        Look::Thin => Some("line thin"),
        Look::Dashed => Some("line dash"),
        Look::Dotted => Some("line dots"),
        Look::Markers | Look::Area => None,
    }
}

/// A mark in the shape of its colour, with a hint where the pointer rests on it.
pub fn marker(svg: &mut String, colour: usize, x: f64, y: f64, hint: Option<&str>) {
    let (cx, cy) = (pixel(x), pixel(y));
    let class = format!("class=\"dot f{}\"", colour);
    let shape = match colour {
        0 => format!("<circle {class} cx=\"{cx}\" cy=\"{cy}\" r=\"4.5\""),
        1 => format!("<path {class} d=\"M{cx} {cy}m-4 -4h8v8h-8z\""),
        2 => format!("<path {class} d=\"M{cx} {cy}m0 -5.2l5 8.8h-10z\""),
        3 => format!("<path {class} d=\"M{cx} {cy}m0 -5.6l5.6 5.6l-5.6 5.6l-5.6 -5.6z\""),
        4 => format!("<path {class} d=\"M{cx} {cy}m0 5.2l5 -8.8h-10z\""),
        _ => format!("<circle {class} cx=\"{cx}\" cy=\"{cy}\" r=\"3.2\""),
    };
    svg.push_str(&shape);
    match hint {
        Some(hint) => {
            let tag = if shape.starts_with("<circle") { "circle" } else { "path" };
            write!(svg, "><title>{}</title></{tag}>", escape(hint)).expect("writing to a string does not fail");
        }
        None => svg.push_str("/>"),
    }
}

impl<'a> Plot<'a> {
    fn new(chart: &'a Chart, canvas: &'a Canvas, legend: f64) -> Self {
        let points = || chart.series.iter().flat_map(|series| &series.points);
        let marks = |upright| chart.marks.iter().filter(move |mark| mark.upright == upright).map(|mark| mark.at);
        let xs = points()
            .map(|point| point.x)
            .chain(chart.bands.iter().flat_map(|band| [band.from, band.to]))
            .chain(marks(true));
        let ys = points()
            .flat_map(|point| [point.y, point.ends.map(|ends| ends.0), point.ends.map(|ends| ends.1)])
            .flatten()
            .chain(marks(false));
        let Axis { scale, low, high, .. } = chart.x;
        let x = Span::around(scale, xs, low, high, false);
        let Axis { scale, low, high, .. } = chart.y;
        let y = Span::around(scale, ys, low, high, true);

        let y_ticks = y.ticks((chart.height / 55.0).max(2.0), chart.y.whole);
        let widest = labels(&y_ticks, chart.y.unit).iter().map(|text| width(text, canvas.font)).fold(0.0, f64::max);
        let left = (widest + 10.0).max(24.0);
        let right = 14.0;
        let plot_width = canvas.width - left - right;
        // As many ticks as there is room for their texts.
        let mut x_ticks = Vec::new();
        for count in [12.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0] {
            x_ticks = x.ticks(count, chart.x.whole);
            let texts = labels(&x_ticks, chart.x.unit);
            let needed: f64 = texts.iter().map(|text| width(text, canvas.font) + 12.0).sum();
            if needed <= plot_width {
                break;
            }
        }
        // Room for the legend, under it for the name of the upright axis, and for the names of bands.
        let named = chart.bands.iter().any(|band| !band.label.is_empty());
        let top = legend + canvas.font * if named { 3.4 } else { 2.4 };
        Self { chart, canvas, left, top, width: plot_width, height: chart.height, x, y, x_ticks, y_ticks }
    }

    fn at_x(&self, value: f64) -> Option<f64> {
        // A little room at both ends, so that the first and the last mark are whole.
        let inset = if self.chart.bands.is_empty() { 10.0 } else { 0.0 };
        Some(inset + self.x.place(value)? * (self.width - 2.0 * inset))
    }

    fn at_y(&self, value: f64) -> Option<f64> {
        Some((1.0 - self.y.place(value)?) * self.height)
    }

    fn draw(&self, svg: &mut String) -> std::fmt::Result {
        let (left, top) = (pixel(self.left), pixel(self.top));
        let (wide, high) = (pixel(self.width), pixel(self.height));
        self.axes(svg)?;
        // A drawing within the drawing cuts off what lies beyond the axes. Marks on the edge may stand over it.
        write!(svg, "<svg x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{high}\" overflow=\"hidden\">")?;
        self.bands(svg)?;
        for series in &self.chart.series {
            if series.look == Look::Area {
                self.area(svg, series)?;
            } else if let Some(class) = stroke(series.look) {
                self.line(svg, series, class)?;
            }
        }
        svg.push_str("</svg>");
        write!(svg, "<g transform=\"translate({left} {top})\">")?;
        self.marks(svg)?;
        for series in &self.chart.series {
            if matches!(series.look, Look::Markers | Look::LineMarkers) {
                self.markers(svg, series)?;
            }
        }
        svg.push_str("</g>");
        Ok(())
    }

    fn axes(&self, svg: &mut String) -> std::fmt::Result {
        let (chart, font) = (self.chart, self.canvas.font);
        let (left, right, bottom) = (self.left, self.left + self.width, self.top + self.height);
        for (tick, text) in self.y_ticks.iter().zip(labels(&self.y_ticks, chart.y.unit)) {
            let Some(y) = self.at_y(*tick) else { continue };
            let (line, base) = (pixel(self.top + y), pixel(self.top + y + font * 0.35));
            write!(svg, "<path class=\"grid\" d=\"M{} {line}H{}\"/>", pixel(left), pixel(right))?;
            write!(svg, "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text>", pixel(left - 7.0), escape(&text))?;
        }
        write!(svg, "<path class=\"edge\" d=\"M{} {}H{}\"/>", pixel(left), pixel(bottom), pixel(right))?;
        for (tick, text) in self.x_ticks.iter().zip(labels(&self.x_ticks, chart.x.unit)) {
            let Some(x) = self.at_x(*tick) else { continue };
            let x = pixel(left + x);
            write!(svg, "<path class=\"edge\" d=\"M{x} {}v5\"/>", pixel(bottom))?;
            write!(
                svg,
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                pixel(bottom + 6.0 + font),
                escape(&text)
            )?;
        }
        let named = chart.bands.iter().any(|band| !band.label.is_empty());
        let name = pixel(self.top - font * if named { 2.1 } else { 1.1 });
        write!(svg, "<text class=\"axis\" x=\"0\" y=\"{name}\">{}</text>", escape(&chart.y.label))?;
        let name = pixel(bottom + font * 2.9);
        write!(
            svg,
            "<text class=\"axis\" x=\"{}\" y=\"{name}\" text-anchor=\"end\">{}</text>",
            pixel(right),
            escape(&chart.x.label)
        )
    }

    fn bands(&self, svg: &mut String) -> std::fmt::Result {
        for band in &self.chart.bands {
            let (Some(from), Some(to)) = (self.at_x(band.from), self.at_x(band.to)) else {
                continue;
            };
            let (x, wide, high) = (pixel(from), pixel(to - from), pixel(self.height));
            write!(svg, "<rect class=\"band\" x=\"{x}\" y=\"0\" width=\"{wide}\" height=\"{high}\"/>")?;
        }
        Ok(())
    }

    /// The names of bands and the marks, which may stand beyond the axes.
    fn marks(&self, svg: &mut String) -> std::fmt::Result {
        let font = self.canvas.font;
        for band in &self.chart.bands {
            let (Some(from), Some(to)) = (self.at_x(band.from), self.at_x(band.to)) else {
                continue;
            };
            if !band.label.is_empty() && width(&band.label, font) <= to - from {
                let (middle, base) = (pixel(f64::midpoint(from, to)), pixel(-font * 0.45));
                let name = escape(&band.label);
                write!(svg, "<text x=\"{middle}\" y=\"{base}\" text-anchor=\"middle\">{name}</text>")?;
            }
        }
        for mark in &self.chart.marks {
            if mark.upright {
                let Some(x) = self.at_x(mark.at) else { continue };
                write!(svg, "<path class=\"mark\" d=\"M{} 0v{}\"/>", pixel(x), pixel(self.height))?;
                // Beside the line, on the side with more room.
                let (anchor, side) = if x > self.width / 2.0 { ("end", -5.0) } else { ("start", 5.0) };
                let (x, base) = (pixel(x + side), pixel(self.height - font * 0.6));
                write!(
                    svg,
                    "<text class=\"halo\" x=\"{x}\" y=\"{base}\" text-anchor=\"{anchor}\">{}</text>",
                    escape(&mark.label)
                )?;
            } else {
                let Some(y) = self.at_y(mark.at) else { continue };
                write!(svg, "<path class=\"mark\" d=\"M0 {}h{}\"/>", pixel(y), pixel(self.width))?;
                let base = pixel(if y > font * 1.6 { y - 5.0 } else { y + font + 2.0 });
                write!(
                    svg,
                    "<text class=\"halo\" x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text>",
                    pixel(self.width - 2.0),
                    escape(&mark.label)
                )?;
            }
        }
        Ok(())
    }

    fn line(&self, svg: &mut String, series: &Series, class: &str) -> std::fmt::Result {
        let mut path = String::new();
        let mut pen_down = false;
        for point in &series.points {
            let place = point.y.and_then(|y| Some((self.at_x(point.x)?, self.at_y(y)?)));
            match place {
                Some((x, y)) => {
                    write!(path, "{}{} {}", if pen_down { "L" } else { "M" }, pixel(x), pixel(y))?;
                    pen_down = true;
                }
                None => pen_down = false,
            }
        }
        if !path.is_empty() {
            write!(svg, "<path class=\"{class} s{}\" d=\"{path}\"/>", series.colour)?;
        }
        Ok(())
    }

    fn area(&self, svg: &mut String, series: &Series) -> std::fmt::Result {
        let edges = |point: &Point| {
            let (low, high) = point.ends?;
            // On a logarithmic axis an interval that reaches 0 goes down to the edge.
            Some((self.at_x(point.x)?, self.at_y(low).unwrap_or(self.height), self.at_y(high)?))
        };
        // Each stretch without a gap is an area of its own.
        for stretch in series.points.split(|point| edges(point).is_none()) {
            let corners: Vec<_> = stretch.iter().filter_map(edges).collect();
            if corners.len() < 2 {
                continue;
            }
            let upper = corners.iter().map(|(x, _, high)| format!("{} {}", pixel(*x), pixel(*high)));
            let lower = corners.iter().rev().map(|(x, low, _)| format!("{} {}", pixel(*x), pixel(*low)));
            let outline: Vec<String> = upper.chain(lower).collect();
            write!(svg, "<path class=\"area f{}\" d=\"M{}Z\"/>", series.colour, outline.join("L"))?;
        }
        Ok(())
    }

    fn markers(&self, svg: &mut String, series: &Series) -> std::fmt::Result {
        for point in &series.points {
            let Some((x, y, amount)) = point.y.and_then(|y| Some((self.at_x(point.x)?, self.at_y(y)?, y))) else {
                continue;
            };
            if !(-0.5..=self.width + 0.5).contains(&x) || !(-0.5..=self.height + 0.5).contains(&y) {
                continue;
            }
            let mut hint = format!(
                "{}: {} at {} {}",
                series.name,
                value(amount, self.chart.y.unit),
                value(point.x, self.chart.x.unit),
                self.chart.x.label
            );
            if let Some((low, high)) = point.ends {
                let (from, to) = (self.at_y(high).unwrap_or(y), self.at_y(low).unwrap_or(self.height));
                let (from, to) = (from.clamp(0.0, self.height), to.clamp(0.0, self.height));
                let (x, from, to) = (pixel(x), pixel(from), pixel(to));
                write!(
                    svg,
                    "<path class=\"bar s{}\" d=\"M{x} {from}V{to}M{x} {from}m-4 0h8M{x} {to}m-4 0h8\"/>",
                    series.colour
                )?;
                write!(hint, " (95 %: {} to {})", value(low, self.chart.y.unit), value(high, self.chart.y.unit))?;
            }
            marker(svg, series.colour, x, y, Some(&hint));
        }
        Ok(())
    }
}
