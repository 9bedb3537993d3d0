//! What a chart shows.

use crate::palette::COLOURS;
use crate::scale::{Scale, Unit};

/// A chart with two axes.
#[derive(Debug, Clone)]
pub struct Chart {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    pub(crate) bands: Vec<Band>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) height: f64,
}

impl Chart {
    /// An empty chart. `id` is what links point to; it has to be different from all others on a page, of letters, digits
    /// and hyphens.
    pub fn new(id: impl Into<String>, title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            description: String::new(),
            x,
            y,
            series: Vec::new(),
            bands: Vec::new(),
            marks: Vec::new(),
            height: 300.0,
        }
    }

    /// What somebody who cannot see the chart should know.
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds a series. Those added later are drawn on top.
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Shades a stretch of the x axis.
    pub fn band(mut self, band: Band) -> Self {
        self.bands.push(band);
        self
    }

    /// Draws a line across the chart.
    pub fn mark(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// The height of the plotting area in pixels, 300 unless told otherwise.
    pub fn height(mut self, pixels: f64) -> Self {
        self.height = pixels;
        self
    }
}

/// One axis.
#[derive(Debug, Clone)]
pub struct Axis {
    pub(crate) label: String,
    pub(crate) scale: Scale,
    pub(crate) unit: Unit,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) whole: bool,
}

impl Axis {
    /// A linear axis that is as long as the data.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Linear, unit: Unit::Plain, low: None, high: None, whole: false }
    }

    /// With a logarithmic scale. Values of 0 and less are gaps.
    pub fn log(mut self) -> Self {
        self.scale = Scale::Log;
        self
    }

    /// With values in this unit.
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// Beginning here, whatever the data.
    pub fn from(mut self, low: f64) -> Self {
        self.low = Some(low);
        self
    }

    /// Ending here, whatever the data. What lies beyond is cut off.
    pub fn to(mut self, high: f64) -> Self {
        self.high = Some(high);
        self
    }

    /// With ticks at whole numbers only.
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A line.
    Line,
    /// A thin line without weight of its own, for references.
    Thin,
    /// A line of dashes.
    Dashed,
    /// A line of dots.
    Dotted,
    /// A mark at each point, with an error bar where the point has one.
    Markers,
    /// Marks joined by a line.
    LineMarkers,
    /// The area between the low and the high end of each point.
    Area,
}

/// Values that belong together.
#[derive(Debug, Clone)]
pub struct Series {
    pub(crate) name: String,
    pub(crate) look: Look,
    pub(crate) colour: usize,
    pub(crate) points: Vec<Point>,
    pub(crate) listed: bool,
}

impl Series {
    /// A series. Colours are numbered from 0 to 5, and then begin again; each also has a shape of mark, so that nothing hangs on colour alone.
    pub fn new(name: impl Into<String>, look: Look, colour: usize, points: impl IntoIterator<Item = Point>) -> Self {
        Self {
            name: name.into(),
            look,
            colour: colour % COLOURS,
            // A point without a place on the x axis is nowhere.
            points: points.into_iter().filter(|point| point.x.is_finite()).collect(),
            listed: true,
        }
    }

    /// Leaves the series out of the table of numbers, because a formula says it better.
    pub fn unlisted(mut self) -> Self {
        self.listed = false;
        self
    }
}

/// One point of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub(crate) x: f64,
    pub(crate) y: Option<f64>,
    pub(crate) ends: Option<(f64, f64)>,
}

impl Point {
    /// A value. One that is no finite number is a gap.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y: y.is_finite().then_some(y), ends: None }
    }

    /// A place where the value is missing: lines are broken here.
    pub fn gap(x: f64) -> Self {
        Self { x, y: None, ends: None }
    }

    /// With an interval: an error bar, or the edges of an area.
    pub fn between(mut self, low: f64, high: f64) -> Self {
        self.ends = (low.is_finite() && high.is_finite()).then_some((low, high));
        self
    }
}

/// A shaded stretch of the x axis.
#[derive(Debug, Clone)]
pub struct Band {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) label: String,
}

impl Band {
    /// A stretch, with a few letters at its top; they are left out where there is no room.
    pub fn new(from: f64, to: f64, label: impl Into<String>) -> Self {
        Self { from, to, label: label.into() }
    }
}

/// A line across the chart.
#[derive(Debug, Clone)]
pub struct Mark {
    pub(crate) at: f64,
    pub(crate) label: String,
    pub(crate) upright: bool,
}

impl Mark {
    /// A vertical line at a place on the x axis.
    pub fn x(at: f64, label: impl Into<String>) -> Self {
        Self { at, label: label.into(), upright: true }
    }

    /// A horizontal line at a value of the y axis.
    pub fn y(at: f64, label: impl Into<String>) -> Self {
        Self { at, label: label.into(), upright: false }
    }
}
