//! Plots as SVG and the pages that hold them.
//!
//! A [`Chart`] is data: axes, series, bands, marks. [`Chart::svg`] draws it as a file of its own; [`figure`] draws it for
//! a page, once for wide and once for narrow screens, with a caption and the same numbers as a table. A [`Page`] is one
//! HTML file that asks nobody for anything: styles inside, no scripts, light and dark, fit for printing.
//!
//! ```
//! use charts::{Axis, Chart, Look, Point, Series};
//!
//! let measured = Series::new("measured", Look::Markers, 0, [Point::new(1.0, 3.3), Point::new(2.0, 6.7)]);
//! let chart = Chart::new("throughput", "Throughput", Axis::new("workers").whole(), Axis::new("hashes/s").from(0.0))
//!     .describe("Throughput grows with the workers.")
//!     .with(measured);
//! assert!(chart.svg().starts_with("<svg "));
//! ```

mod chart;
mod draw;
mod figure;
mod heat;
mod legend;
mod page;
mod palette;
mod scale;
mod table;
mod text;

pub use chart::{Axis, Band, Chart, Look, Mark, Point, Series};
pub use figure::{Figure, figure};
pub use heat::HeatMap;
pub use page::Page;
pub use scale::{Scale, Unit};
pub use table::Table;
pub use text::escape;
