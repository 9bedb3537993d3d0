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

/// Collects what the threads hand over and writes each interval once, in order. A thread or an agent that is later than the
/// intervals that are held is counted in the first of those that are not written yet: readers of such a log stop where its
/// times go back.
#[derive(Debug, Default)]
pub struct HdrLog {
    held: BTreeMap<u64, Tally>,
    /// The first interval that is not written yet.
    next: u64,
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
        self.held.entry(interval.max(self.next)).or_default().add(tally);
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
        self.next = index + 1;
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

    fn log() -> HdrLog {
        let mut log = HdrLog::new(Duration::from_secs(1));
        log.start(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        log
    }

    /// When each interval of the response times began, in seconds, and how many it has.
    fn responses(file: &[u8]) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        for entry in IntervalLogIterator::new(file) {
            let LogEntry::Interval(interval) = entry.unwrap() else {
                continue;
            };
            if interval.tag().unwrap().as_str() != "response" {
                continue;
            }
            let bytes = base64::engine::general_purpose::STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            found.push((interval.start_timestamp().as_secs(), histogram.len()));
        }
        found
    }

    /// It once had two lines for the interval of whoever was late, the second of them after those of later intervals.
    #[test]
    fn who_is_very_late_costs_the_log_neither_its_order_nor_a_request() {
        let (mut log, mut file, mut tally) = (log(), Vec::new(), Tally::default());
        tally.response.record(1_000_000).unwrap();
        for interval in (0..8_u64).flat_map(|interval| [Some(interval), interval.checked_sub(5)]).flatten() {
            log.add(interval, &tally);
            log.write(&mut file).unwrap();
        }
        log.finish(&mut file).unwrap();
        let found = responses(&file);
        assert_eq!(found.iter().map(|line| line.0).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>(), "{found:?}");
        assert_eq!(found.iter().map(|line| line.1).sum::<u64>(), 8 + 3, "{found:?}");
    }

    #[test]
    fn the_log_is_read_back_interval_by_interval() {
        let (mut log, mut file) = (log(), Vec::new());
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
        assert_eq!(responses(&file), (0..10).map(|second| (second, 2)).collect::<Vec<_>>());
    }
}
