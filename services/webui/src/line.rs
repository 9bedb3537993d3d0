//! A count that grows over time, and how fast: the one way in which webui measures a speed.

use std::collections::VecDeque;

/// A time, and the count then.
pub type Point = (f64, f64);

/// What a count was, and when; oldest first.
#[derive(Debug, Default)]
pub struct Line {
    points: VecDeque<Point>,
}

impl Line {
    /// Adds a point; one that is no later than the last tells nothing.
    pub fn push(&mut self, time: f64, count: f64) {
        if self.last().is_none_or(|(last, _)| time > last) {
            self.points.push_back((time, count));
        }
    }

    /// Forgets what is older than a time, but for the last two.
    pub fn forget_before(&mut self, time: f64) {
        while self.points.len() > 2 && self.points[1].0 < time {
            self.points.pop_front();
        }
    }

    pub fn first(&self) -> Option<Point> {
        self.points.front().copied()
    }

    pub fn last(&self) -> Option<Point> {
        self.points.back().copied()
    }

    /// The count at a time, with the fraction of the next one: a straight line between two points. After the last one it goes on
    /// as before, but for no longer than twice the time between the last two.
    pub fn at(&self, time: f64) -> f64 {
        let Some(last) = self.points.len().checked_sub(1).filter(|last| *last > 0) else {
            return self.last().map_or(0.0, |(_, count)| count);
        };
        let next = self.points.partition_point(|point| point.0 <= time).clamp(1, last);
        let ((from, count), (to, grown)) = (self.points[next - 1], self.points[next]);
        count + (grown - count) * ((time - from) / (to - from)).clamp(0.0, 3.0)
    }

    /// What the count grows by a second: the slope of the straight line through the points of the last `span` seconds, and
    /// through at least `fewest` where they are older, with the least squared error (Legendre, 1805).
    pub fn slope(&self, span: f64, fewest: usize) -> Option<f64> {
        let (end, base) = self.last()?;
        let recent = self.points.partition_point(|point| point.0 < end - span);
        let points = self.points.range(recent.min(self.points.len().checked_sub(fewest)?)..);
        let n = points.len() as f64;
        // Counted from the last point, so that nothing is lost to rounding.
        let sum = |term: fn(f64, f64) -> f64| points.clone().map(|(t, c)| term(t - end, c - base)).sum::<f64>();
        let (time, count) = (sum(|t, _| t), sum(|_, c| c));
        let spread = sum(|t, _| t * t) - time * time / n;
        (spread > 0.0).then(|| (sum(|t, c| t * c) - time * count / n) / spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_last_seconds_and_of_enough_points() {
        let mut line = Line::default();
        assert_eq!(line.slope(3.0, 2), None);
        line.push(1e9, 5.0);
        assert_eq!(line.slope(3.0, 2), None);
        line.push(1e9 + 10.0, 7.0);
        assert_eq!((line.slope(3.0, 2), line.slope(3.0, 3)), (Some(0.2), None));
        for second in 11..20 {
            line.push(1e9 + f64::from(second), 7.0 + f64::from(second - 10) * 4.0);
        }
        assert!((line.slope(3.0, 2).unwrap() - 4.0).abs() < 1e-9);
        line.forget_before(1e9 + 18.0);
        assert_eq!((line.first(), line.last()), (Some((1e9 + 17.0, 35.0)), Some((1e9 + 19.0, 43.0))));
    }

    #[test]
    fn between_points_the_count_grows_evenly_and_after_the_last_for_twice_as_long_as_before() {
        let mut line = Line::default();
        assert_eq!(line.at(1.0), 0.0);
        line.push(0.0, 0.0);
        line.push(2.0, 4.0);
        line.push(2.0, 9.0);
        line.push(6.0, 6.0);
        for (time, count) in
            [(-1.0, 0.0), (0.0, 0.0), (1.0, 2.0), (2.0, 4.0), (4.0, 5.0), (6.0, 6.0), (8.0, 7.0), (99.0, 10.0)]
        {
            assert_eq!(line.at(time), count, "at {time}");
        }
    }
}
