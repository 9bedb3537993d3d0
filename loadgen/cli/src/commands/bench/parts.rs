//! The agents' parts of a run, beside the whole.

use std::fmt::Write;

use agents::Part;
use instrument::result::Bench;
use serde::Serialize;
use sweep::columns::{Cell, columns};

use super::summary::{number, rate, time};

/// The result of a run with the parts of its agents: `bench.json` with one field more.
#[derive(Debug, Serialize)]
pub struct Whole<'a> {
    /// The whole.
    #[serde(flatten)]
    pub bench: &'a Bench,
    /// Agent by agent; absent where this process sent.
    #[serde(skip_serializing_if = "<[Part]>::is_empty")]
    pub agents: &'a [Part],
}

/// The table of the agents.
pub fn write(out: &mut String, parts: &[Part]) -> std::fmt::Result {
    let head = ["agent", "node", "due", "answered", "rate", "slip p99", "max", "busy", "clock"];
    let mut rows = vec![head.map(Cell::head).to_vec()];
    let millis = |value: Option<f64>| value.map_or("–".to_owned(), |value| time((value * 1e6).round() as u64));
    for part in parts {
        let rate = format!("{}/s", rate(part.answered_per_second));
        let busy = part.busy.map_or("–".to_owned(), |busy| format!("{:.0}%", 100.0 * busy));
        let clock = format!("{:+.2} ±{:.2} ms", part.clock_offset_ms, part.clock_error_ms);
        let lost = if part.lost.is_some() { " LOST" } else { "" };
        rows.push(
            [
                format!("{}{lost}", part.agent),
                part.node.clone(),
                number(part.due),
                number(part.done),
                rate,
                millis(part.slip_p99_ms),
                millis(part.slip_max_ms),
                busy,
                clock,
            ]
            .map(Cell::plain)
            .to_vec(),
        );
    }
    writeln!(out)?;
    write!(out, "{}", columns(&rows))
}
