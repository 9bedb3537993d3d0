//! A run over time, in a bounded number of points.

use hdrhistogram::Histogram;

use crate::tally::Tally;

/// Most points that are kept. One more, and each two become one.
const MOST: usize = 400;

/// The number of what comes after so many intervals. A point begins with it, however many intervals a point covers by
/// then, so that it is never joined with any of them.
pub fn beyond(intervals: u64) -> u64 {
    let width = intervals.div_ceil(MOST as u64).next_power_of_two();
    intervals.next_multiple_of(width)
}

/// A piece of time.
#[derive(Debug, Clone)]
pub struct Point {
    /// Number of the first interval that it covers.
    pub first: u64,
    /// How many intervals it covers.
    pub intervals: u64,
    /// Requests that became due, by the schedule where there is one, whenever they were sent.
    pub due: u64,
    /// Requests that were answered, whatever the status.
    pub done: u64,
    /// Those whose status counts as success.
    pub ok: u64,
    /// Requests that failed or were answered with a status that is no success.
    pub failed: u64,
    /// Response times, as pairs of value and count in order: a histogram of the few values that one interval has.
    response: Vec<(u64, u32)>,
    /// The largest slip.
    pub slip_max: u64,
}

impl Point {
    fn empty(first: u64, intervals: u64) -> Self {
        Point { first, intervals, due: 0, done: 0, ok: 0, failed: 0, response: Vec::new(), slip_max: 0 }
    }

    fn of(first: u64, intervals: u64, tally: &Tally) -> Self {
        let mut response: Vec<(u64, u32)> = Vec::new();
        for step in tally.response.iter_recorded() {
            let value = coarse(step.value_iterated_to());
            let count = u32::try_from(step.count_at_value()).unwrap_or(u32::MAX);
            push(&mut response, value, count);
        }
        Point {
            done: tally.counts.done,
            ok: tally.counts.ok,
            failed: tally.counts.errors(),
            response,
            slip_max: tally.slip.max(),
            ..Point::empty(first, intervals)
        }
    }

    fn merge(&mut self, other: &Point) {
        let last = (other.first + other.intervals).max(self.first + self.intervals);
        self.first = self.first.min(other.first);
        self.intervals = last - self.first;
        self.due += other.due;
        self.done += other.done;
        self.ok += other.ok;
        self.failed += other.failed;
        self.slip_max = self.slip_max.max(other.slip_max);
        if other.response.is_empty() {
            return;
        }
        let mut all = std::mem::take(&mut self.response);
        all.extend_from_slice(&other.response);
        all.sort_unstable();
        for (value, count) in all {
            push(&mut self.response, value, count);
        }
    }

    /// How many response times were at most this, and how many there were.
    pub fn up_to(&self, value: u64) -> (f64, f64) {
        let count = |values: &[(u64, u32)]| values.iter().map(|(_, count)| f64::from(*count)).sum();
        let end = self.response.partition_point(|(known, _)| *known <= coarse(value));
        (count(&self.response[..end]), count(&self.response))
    }

    /// The response time that a share of the requests stayed within; nothing where there were too few to tell.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let total: u64 = self.response.iter().map(|(_, count)| u64::from(*count)).sum();
        if !stats::quantile::is_told(quantile, total) {
            return None;
        }
        let wanted = ((quantile * total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        self.response.iter().find_map(|(value, count)| {
            seen += u64::from(*count);
            (seen >= wanted).then_some(*value)
        })
    }
}

/// Two significant digits are enough for a plot, and keep a point small.
fn coarse(value: u64) -> u64 {
    let bits = u64::BITS - value.leading_zeros();
    let drop = bits.saturating_sub(7);
    value >> drop << drop
}

fn push(values: &mut Vec<(u64, u32)>, value: u64, count: u32) {
    match values.last_mut() {
        Some((last, sum)) if *last == value => *sum = sum.saturating_add(count),
        _ => values.push((value, count)),
    }
}

/// The points of a run, in order.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    points: Vec<Point>,
    /// How many intervals each point covers.
    width: u64,
}

impl Timeline {
    /// An empty timeline.
    pub fn new() -> Self {
        Timeline { points: Vec::new(), width: 1 }
    }

    /// Adds what one thread counted in an interval. `due` says in which intervals the requests were due that it counted:
    /// those of a thread that was late were due before.
    pub fn add(&mut self, interval: u64, tally: &Tally, due: &[(u64, u64)]) {
        self.insert(Point::of(interval / self.width * self.width, self.width, tally));
        for &(interval, due) in due {
            self.insert(Point { due, ..Point::empty(interval / self.width * self.width, self.width) });
        }
        while self.points.len() > MOST {
            self.width *= 2;
            for mut point in std::mem::take(&mut self.points) {
                point.first = point.first / self.width * self.width;
                point.intervals = self.width;
                self.insert(point);
            }
        }
    }

    fn insert(&mut self, point: Point) {
        match self.points.binary_search_by_key(&point.first, |point| point.first) {
            Ok(at) => self.points[at].merge(&point),
            Err(at) => self.points.insert(at, point),
        }
    }

    /// The points, in order.
    pub fn points(&self) -> &[Point] {
        &self.points
    }
}

/// The quantile of a histogram, or nothing where it is empty.
pub fn quantile(histogram: &Histogram<u64>, quantile: f64) -> Option<u64> {
    (!histogram.is_empty()).then(|| histogram.value_at_quantile(quantile).min(histogram.max()))
}

/// The same, where the histogram holds enough to tell it.
pub fn told(histogram: &Histogram<u64>, share: f64) -> Option<u64> {
    stats::quantile::told(share, histogram.len(), || quantile(histogram, share)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(values: &[u64]) -> Tally {
        let mut tally = Tally::default();
        for value in values {
            tally.response.record(*value).unwrap();
            tally.counts.done += 1;
        }
        tally
    }

    #[test]
    fn what_several_threads_counted_in_an_interval_is_one_point() {
        let mut timeline = Timeline::new();
        timeline.add(1, &tally(&[300]), &[(0, 2), (1, 3)]);
        timeline.add(0, &tally(&[100, 200]), &[(0, 4)]);
        timeline.add(0, &tally(&[150]), &[]);
        assert_eq!(timeline.points().iter().map(|point| point.due).collect::<Vec<_>>(), [6, 3]);
        assert_eq!(timeline.points()[0].done, 3);
        assert_eq!(timeline.points()[0].quantile(0.5), None, "three values tell no median");
        timeline.add(0, &tally(&[150, 150, 150]), &[]);
        assert_eq!(timeline.points()[0].quantile(0.5), Some(coarse(150)));
        assert_eq!(timeline.points()[0].quantile(1.0), Some(coarse(200)));
    }

    #[test]
    fn a_long_run_keeps_few_points_and_loses_no_request() {
        let mut timeline = Timeline::new();
        for interval in 0..10_000 {
            timeline.add(interval, &tally(&[1000 + interval]), &[(interval / 2, 1)]);
        }
        assert!(timeline.points().len() <= MOST);
        assert_eq!(timeline.points().iter().map(|point| point.done).sum::<u64>(), 10_000);
        assert_eq!(timeline.points().iter().map(|point| point.due).sum::<u64>(), 10_000);
        assert!(timeline.points().windows(2).all(|pair| pair[0].first + pair[0].intervals == pair[1].first));
    }

    #[test]
    fn what_comes_after_the_last_interval_is_a_point_of_its_own() {
        let each = tally(&[1000]);
        for intervals in [1, 400, 401, 801] {
            let mut timeline = Timeline::new();
            for interval in 0..intervals {
                timeline.add(interval, &each, &[]);
            }
            timeline.add(beyond(intervals), &tally(&[1000; 3]), &[]);
            let last = timeline.points().last().unwrap();
            assert!(last.first >= intervals && last.done == 3, "{intervals}: {last:?}");
        }
    }
}
