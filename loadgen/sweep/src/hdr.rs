//! HDR interval logs (`.hlog`) of the probes, for the tools around HdrHistogram.

use std::io;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use crate::format::replicas;
use crate::result::Sweep;

/// Values are recorded in microseconds and the log's column of maxima is read in milliseconds.
const MICROSECONDS_IN_A_MILLISECOND: f64 = 1000.0;

/// Why a log could not be written.
#[derive(Debug, thiserror::Error)]
pub enum HdrError {
    /// The text of a histogram is not one.
    #[error("the histogram of {service} at {replicas} cannot be read: {cause}")]
    Broken {
        /// The service probed.
        service: String,
        /// The step.
        replicas: String,
        /// What the decoder said.
        cause: String,
    },
    /// The file could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The services of which there are histograms.
pub fn services(sweep: &Sweep) -> Vec<String> {
    let all = sweep.steps.iter().flat_map(|step| step.probe_histograms.keys().cloned());
    all.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

/// A histogram as it stands in `sweep.json`: V2 deflate, base64.
pub fn decode(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())
}

/// Writes one interval for each step that probed `service`, tagged with the replicas, as in `worker=3`.
pub fn write(sweep: &Sweep, service: &str, to: &mut impl io::Write) -> Result<(), HdrError> {
    let mut serializer = V2DeflateSerializer::new();
    let base = start(&sweep.started).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("[{}: probes of {service}, in microseconds; maxima in milliseconds]", sweep.generator))
        .with_start_time(base)
        .with_base_time(base)
        .with_max_value_divisor(MICROSECONDS_IN_A_MILLISECOND);
    let mut log = builder.begin_log_with(to, &mut serializer)?;
    for step in &sweep.steps {
        let Some(text) = step.probe_histograms.get(service) else {
            continue;
        };
        let replicas = replicas(step.swept(&sweep.settings), &sweep.settings.scaled);
        let broken =
            |cause: String| HdrError::Broken { service: service.to_owned(), replicas: replicas.clone(), cause };
        let histogram = decode(text).map_err(broken)?;
        let tag = format!("{}={}", sweep.settings.scaled, step.swept(&sweep.settings));
        let from = Duration::from_secs_f64(step.from_s.max(0.0));
        let took = Duration::from_secs_f64((step.to_s - step.from_s).max(0.0));
        // A tag may hold no comma or space; a service that has one in its name goes without.
        log.write_histogram(&histogram, from, took, Tag::new(&tag)).map_err(|error| match error {
            IntervalLogWriterError::IoError(error) => HdrError::Io(error),
            IntervalLogWriterError::SerializeError(error) => broken(error.to_string()),
        })?;
    }
    Ok(())
}

/// The moment that an RFC 3339 time in UTC names, to the second.
fn start(text: &str) -> Option<SystemTime> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    // Days of the Gregorian calendar, with the year begun in March so that the leap day is its last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = u64::try_from(days * 86_400 + hour * 3_600 + minute * 60 + second).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        let seconds =
            |text| start(text).and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok()).map(|d| d.as_secs());
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2000-02-29T12:00:00.5Z"), Some(951_825_600));
        assert_eq!(seconds("2026-11-21T01:06:38Z"), Some(1_795_223_198));
        assert_eq!(seconds("yesterday"), None);
    }
}
