//! The values of this command's options.

use std::time::Duration;

use kit::settings;
use sweep::counts;

use crate::commands::percent::percent;

/// Numbers of replicas, in the order in which they are measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replicas(pub Vec<u32>);

/// Reads `1..10` (both ends included), `1,2,5,10`, or both mixed.
pub fn replicas(text: &str) -> Result<Replicas, String> {
    counts::counts(text).map(Replicas)
}

/// Reads a duration that is long enough to measure something.
pub fn span(text: &str) -> Result<Duration, String> {
    let span = settings::duration(text)?;
    if span < Duration::from_millis(500) { Err("it must be at least 500ms".to_owned()) } else { Ok(span) }
}

/// Reads how sure a throughput is to be.
pub fn precision(text: &str) -> Result<f64, String> {
    match percent(text)? {
        share if share > 0.0 && share <= 0.5 => Ok(share),
        _ => Err(format!("`{text}` is not above 0 and up to 50%")),
    }
}

/// Reads a throughput that is asked for, as `5000/s`.
pub fn need(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches("/s").trim().parse().ok();
    number
        .filter(|rate: &f64| *rate > 0.0 && rate.is_finite())
        .ok_or_else(|| format!("`{text}` is no throughput: write it as 5000/s"))
}

/// Reads a number of probes a second.
pub fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate: &f64| *rate > 0.0 && *rate <= 1000.0)
        .ok_or_else(|| format!("`{text}` is no rate: write a number above 0 and up to 1000"))
}
