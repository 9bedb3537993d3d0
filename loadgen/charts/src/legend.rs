//! The legend: rows above the plot, so that it can never cover a point.

use std::fmt::Write;

use crate::chart::{Look, Series};
use crate::draw::{Canvas, marker};
use crate::text::{escape, pixel, width};

const SAMPLE: f64 = 28.0;
const GAP: f64 = 18.0;

/// The place of each series in the legend, and the height of all rows.
pub fn lay_out(series: &[Series], canvas: &Canvas) -> (Vec<(f64, f64)>, f64) {
    let (mut x, mut y) = (0.0, 0.0);
    let row = canvas.font * 1.6;
    let places = series
        .iter()
        .map(|series| {
            let needed = SAMPLE + 6.0 + width(&series.name, canvas.font);
            if x > 0.0 && x + needed > canvas.width {
                x = 0.0;
                y += row;
            }
            let place = (x, y);
            x += needed + GAP;
            place
        })
        .collect();
    (places, if series.is_empty() { 0.0 } else { y + row })
}

/// Draws the legend with its top at `top`.
pub fn draw(svg: &mut String, series: &[Series], places: &[(f64, f64)], top: f64, canvas: &Canvas) {
    for (series, (x, y)) in series.iter().zip(places) {
        let middle = top + y + canvas.font * 0.6;
        let (from, to) = (pixel(*x), pixel(x + SAMPLE));
        let colour = series.colour;
        if series.look == Look::Area {
            let corner = pixel(middle - 6.0);
            write!(svg, "<rect class=\"area f{colour}\" x=\"{from}\" y=\"{corner}\" width=\"{SAMPLE}\" height=\"12\"/>")
        } else if let Some(class) = crate::draw::stroke(series.look) {
            let y = pixel(middle);
            write!(svg, "<path class=\"{class} s{colour}\" d=\"M{from} {y}H{to}\"/>")
        } else {
            Ok(())
        }
        .expect("writing to a string does not fail");
        if matches!(series.look, Look::Markers | Look::LineMarkers) {
            marker(svg, colour, x + SAMPLE / 2.0, middle, None);
        }
        let (left, base) = (pixel(x + SAMPLE + 6.0), pixel(middle + canvas.font * 0.36));
        write!(svg, "<text class=\"name\" x=\"{left}\" y=\"{base}\">{}</text>", escape(&series.name))
            .expect("writing to a string does not fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_touch_and_never_leave_the_picture() {
        let series: Vec<Series> =
            ["measured", "theory for constant delays", "a law with a rather long name", "ideal", "another", "the last"]
                .map(|name| Series::new(name, Look::Line, 0, []))
                .into();
        for canvas in [Canvas::WIDE, Canvas::NARROW] {
            let (places, height) = lay_out(&series, &canvas);
            let boxes: Vec<(f64, f64, f64)> = series
                .iter()
                .zip(&places)
                .map(|(series, (x, y))| (*x, x + SAMPLE + 6.0 + width(&series.name, canvas.font), *y))
                .collect();
            for (k, one) in boxes.iter().enumerate() {
                assert!(one.1 <= canvas.width, "{one:?} leaves a picture {} wide", canvas.width);
                assert!(one.2 < height);
                for other in &boxes[k + 1..] {
                    assert!(one.2 != other.2 || one.1 < other.0, "{one:?} touches {other:?}");
                }
            }
        }
    }
}
