//! In which intervals requests were due, for a thread that may be late.

use std::ops::Range;

/// Counts requests by the interval in which they were due. They come in order.
#[derive(Debug)]
pub struct DueCounts {
    measure_from: u64,
    interval: u64,
    /// The interval of the last one.
    current: Range<u64>,
    counts: Vec<(u64, u64)>,
}

impl DueCounts {
    /// Intervals of a length, from when the measuring begins.
    pub fn new(measure_from: u64, interval: u64) -> Self {
        DueCounts { measure_from, interval, current: 0..0, counts: Vec::new() }
    }

    /// Counts a measured request.
    #[inline]
    pub fn count(&mut self, due: u64) {
        if !self.current.contains(&due) {
            let index = due.saturating_sub(self.measure_from) / self.interval;
            let begin = self.measure_from + index * self.interval;
            self.current = begin..begin + self.interval;
            self.counts.push((index, 0));
        }
        if let Some((_, count)) = self.counts.last_mut() {
            *count += 1;
        }
    }

    /// Takes what was counted since the last time.
    pub fn take(&mut self) -> Vec<(u64, u64)> {
        self.current = 0..0;
        std::mem::take(&mut self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_requests_count_where_they_were_due() {
        let mut due = DueCounts::new(1000, 100);
        for at in [1000, 1099, 1100, 1350, 1351] {
            due.count(at);
        }
        assert_eq!(due.take(), [(0, 2), (1, 1), (3, 2)]);
        due.count(1399);
        assert_eq!(due.take(), [(3, 1)]);
        assert!(due.take().is_empty());
    }
}
