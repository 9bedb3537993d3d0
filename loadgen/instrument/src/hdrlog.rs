//! A log of histograms over time, in the format that HdrHistogram's own tools read (interval log, version 1.3).
//!
//! Four tags in one file: `response`, `service`, `slip` and, for answers whose status is no success, `error`; in nanoseconds. The tools divide by a million by default and
//! so show milliseconds.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, Tag};

use crate::tally::Tally;

/// Intervals that wait for a slow thread before they are written.
const HELD: usize = 3;

/// Collects what the threads hand over and writes each interval once.
#[derive(Debug, Default)]
pub struct HdrLog {
    held: BTreeMap<u64, Tally>,
    started: Option<SystemTime>,
    interval: Duration,
    /// What is not yet written to the file.
    text: Vec<u8>,
    header: bool,
}

impl HdrLog {
    /// A log with intervals of a length.
    pub fn new(interval: Duration) -> Self {
        HdrLog { interval, ..HdrLog::default() }
    }

    /// The measuring begins.
    pub fn start(&mut self, at: SystemTime) {
        self.started = Some(at);
    }

    /// Adds what one thread counted in an interval.
    pub fn add(&mut self, interval: u64, tally: &Tally) {
        self.held.entry(interval).or_default().add(tally);
    }

    /// Writes the intervals to which nothing will be added any more.
    pub fn write(&mut self, out: &mut dyn Write) -> io::Result<()> {
        while self.held.len() > HELD {
            self.write_first(out)?;
        }
        Ok(())
    }

    /// Writes the rest.
    pub fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        while !self.held.is_empty() {
            self.write_first(out)?;
        }
        out.flush()
    }

    fn write_first(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let Some((index, tally)) = self.held.pop_first() else {
            return Ok(());
        };
        let mut serializer = V2DeflateSerializer::new();
        let started = self.started.unwrap_or(SystemTime::UNIX_EPOCH);
        let mut builder = IntervalLogWriterBuilder::new();
        builder.with_base_time(started).with_start_time(started).with_max_value_divisor(1e6);
        if !self.header {
            builder
                .add_comment("Times in nanoseconds, by tag: response, service, slip, error. Written by loadgen bench.");
        }
        self.text.clear();
        let mut writer = builder.begin_log_with(&mut self.text, &mut serializer)?;
        let at = self.interval * index as u32;
        for (tag, histogram) in [("response", &tally.response), ("service", &tally.service), ("slip", &tally.slip)] {
            write_one(&mut writer, tag, histogram, at, self.interval)?;
        }
        if !tally.error_response.is_empty() {
            write_one(&mut writer, "error", &tally.error_response, at, self.interval)?;
        }
        // Every writer begins with a header; only the first one's belongs into the file.
        let lines = self.text.split_inclusive(|&byte| byte == b'\n');
        for line in lines.filter(|line| !self.header || !line.starts_with(b"#") && !line.starts_with(b"\"StartT")) {
            out.write_all(line)?;
        }
        self.header = true;
        Ok(())
    }
}

fn write_one<W: Write>(
    writer: &mut IntervalLogWriter<'_, '_, W, V2DeflateSerializer>,
    tag: &str,
    histogram: &Histogram<u64>,
    at: Duration,
    length: Duration,
) -> io::Result<()> {
    let tag = Tag::new(tag);
    writer.write_histogram(histogram, at, length, tag).map_err(|error| io::Error::other(format!("{error:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn the_log_is_read_back_interval_by_interval() {
        let mut log = HdrLog::new(Duration::from_secs(1));
        log.start(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let mut file = Vec::new();
        for interval in 0..10 {
            let mut tally = Tally::default();
            tally.response.record(1_000_000 * (interval + 1)).unwrap();
            log.add(interval, &tally);
            log.add(interval, &tally);
            log.write(&mut file).unwrap();
        }
        log.finish(&mut file).unwrap();
        let text = String::from_utf8(file.clone()).unwrap();
        assert_eq!(text.matches("StartTime").count(), 1, "{text}");
        let mut responses = 0;
        for entry in IntervalLogIterator::new(&file) {
            let LogEntry::Interval(interval) = entry.unwrap() else {
                continue;
            };
            if interval.tag().unwrap().as_str() != "response" {
                continue;
            }
            let bytes = base64::engine::general_purpose::STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            assert_eq!(histogram.len(), 2);
            assert_eq!(interval.start_timestamp(), Duration::from_secs(responses));
            responses += 1;
        }
        assert_eq!(responses, 10);
    }
}
