//! How far loops have come that go round side by side, and their rate over windows in time.
//!
//! Counts of whole loops jump: at 3.33 loops a second, one loop is 5 % of a window of 6 s. So a loop counts as it goes on,
//! its part in a window being the part of its time. Loops that are longer than the window would count as if all of them
//! went at one speed, which they do not when many have just begun; there, the ends of loops are counted as they come from
//! all workers together.

use crate::estimate::Estimate;
use crate::ratio::{self, Ratio};

/// A window has to hold so many loops for parts of loops to be counted.
const LOOPS_IN_WINDOW: f64 = 3.0;

/// Where parts of loops are counted, pieces of a window are taken together until they hold so many: a loop counts evenly over
/// its time, so that shorter ones are more alike than chance makes them, and their spread is too small. With two loops in each,
/// the interval of a closed network held the truth in 93 %, not 95.
const LOOPS_TOGETHER: f64 = 3.0;

/// Where the ends of loops are counted, a window is cut into pieces of about so many.
const ENDS_IN_PIECE: f64 = 5.0;

/// Most pieces that a window is cut into.
const MOST_PIECES: f64 = 80.0;

/// When no loop of any worker has ended for this many of the usual pauses, all stand still: none goes on.
const STANDSTILL: f64 = 3.0;

/// The rule of three (Hanley and Lippman-Hand 1983), for 97.5 %: so many events may be expected where none was seen.
const NONE_SEEN: f64 = 3.69;

/// A moment at which a worker's count of loops is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// When the last of these loops ended, in seconds; for none, when the worker began.
    pub at_s: f64,
    /// Loops that it had done then.
    pub count: f64,
}

/// What one worker has done: its marks in order of time, each later and with more loops than the one before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Worker {
    /// Its marks.
    pub marks: Vec<Mark>,
    /// Whether it still runs: what it has begun goes on.
    pub runs: bool,
}

impl Worker {
    /// Adds what was seen of it; a count that did not grow tells nothing new.
    pub fn push(&mut self, mark: Mark) {
        match self.marks.last() {
            Some(last) if mark.count <= last.count || mark.at_s <= last.at_s => {}
            _ => self.marks.push(mark),
        }
    }

    /// Loops done by a moment, the part of the one under way among them.
    fn done(&self, at_s: f64, usual_s: f64, standstill_s: f64) -> f64 {
        let next = self.marks.partition_point(|mark| mark.at_s <= at_s);
        let Some(last) = next.checked_sub(1).map(|last| self.marks[last]) else {
            return self.marks.first().map_or(0.0, |first| first.count);
        };
        if let Some(next) = self.marks.get(next) {
            return last.count + (next.count - last.count) * (at_s - last.at_s) / (next.at_s - last.at_s);
        }
        if !self.runs {
            return last.count;
        }
        // How long the loop under way will take is not known: as long as the one before, or as usual.
        let (amount, time_s) = match next.checked_sub(2).map(|before| self.marks[before]) {
            Some(before) => (last.count - before.count, last.at_s - before.at_s),
            None => (1.0, usual_s),
        };
        let gone_s = (at_s.min(standstill_s) - last.at_s).max(0.0);
        last.count + if time_s > 0.0 { amount * (gone_s / time_s).min(1.0) } else { 0.0 }
    }
}

/// All workers of an application.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    workers: Vec<Worker>,
    /// The ends of all workers' loops in order of time, each with the sum until then.
    ends: Vec<Mark>,
}

/// How loops are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counting {
    /// As they go on.
    Parts,
    /// When they end.
    Ends,
}

impl Progress {
    /// Puts the workers together. Their times must be of one clock.
    pub fn new(workers: Vec<Worker>) -> Self {
        let steps = workers.iter().flat_map(|worker| {
            worker.marks.windows(2).map(|pair| Mark { at_s: pair[1].at_s, count: pair[1].count - pair[0].count })
        });
        let mut ends: Vec<Mark> = steps.collect();
        ends.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        let mut sum = 0.0;
        for end in &mut ends {
            sum += end.count;
            end.count = sum;
        }
        Self { workers, ends }
    }

    /// Loops a second between two moments.
    pub fn rate(&self, from_s: f64, to_s: f64) -> Option<f64> {
        (to_s > from_s).then(|| self.done(from_s, to_s, self.counting(from_s, to_s)) / (to_s - from_s))
    }

    /// Mean time from one mark of a worker to its next, between two moments: that of a loop, unless loops are so short that
    /// several are heard of at once. By Little's law it is known also where it is longer than the moments are apart. Infinite
    /// where no loop ended.
    pub fn period_s(&self, from_s: f64, to_s: f64) -> f64 {
        let ended = self.ended(from_s, to_s);
        let running = self.workers.iter().filter(|worker| worker.runs).count();
        if ended > 0 { running as f64 * (to_s - from_s) / ended as f64 } else { f64::INFINITY }
    }

    /// Loops a second between two moments with the interval of that, from the differences between pieces of the time. Nothing
    /// where the time is too short to be cut.
    pub fn estimate(&self, from_s: f64, to_s: f64) -> Option<Estimate> {
        let seconds = to_s - from_s;
        if seconds <= 0.0 {
            return None;
        }
        let ended = self.ended(from_s, to_s);
        if ended == 0 {
            return Some(Estimate { value: 0.0, low: 0.0, high: NONE_SEEN / seconds });
        }
        let counting = self.counting(from_s, to_s);
        // A piece holds a loop of each worker, and some of them are taken together, or it holds several ends: so that pieces
        // differ by chance and not by cutting.
        let least = crate::batch::LEAST_VALUES as f64;
        let (pieces, together) = match counting {
            Counting::Parts => {
                let loops = seconds / self.period_s(from_s, to_s);
                let pieces = loops.floor().clamp(least * LOOPS_TOGETHER, MOST_PIECES);
                (pieces, (LOOPS_TOGETHER * pieces / loops).round().clamp(1.0, LOOPS_TOGETHER))
            }
            Counting::Ends => ((ended as f64 / ENDS_IN_PIECE).floor().clamp(least, MOST_PIECES), 1.0),
        };
        let pieces = pieces as u32;
        let edge = |number: u32| from_s + seconds * f64::from(number) / f64::from(pieces);
        let windows: Vec<(f64, f64)> = (0..pieces)
            .map(|number| {
                let (from_s, to_s) = (edge(number), edge(number + 1));
                (self.done(from_s, to_s, counting), to_s - from_s)
            })
            .collect();
        Some(by_factors(ratio::in_batches(&windows, together as usize)?))
    }

    /// How to count in a window: by parts, where it holds several loops.
    fn counting(&self, from_s: f64, to_s: f64) -> Counting {
        let several = self.period_s(from_s, to_s) * LOOPS_IN_WINDOW <= to_s - from_s;
        if several { Counting::Parts } else { Counting::Ends }
    }

    fn done(&self, from_s: f64, to_s: f64, counting: Counting) -> f64 {
        match counting {
            Counting::Ends => self.ends_by(to_s) - self.ends_by(from_s),
            Counting::Parts => {
                let usual_s = self.period_s(from_s, to_s);
                let standstill_s = self.standstill();
                let by = |at_s: f64| -> f64 {
                    self.workers.iter().map(|worker| worker.done(at_s, usual_s, standstill_s)).sum()
                };
                by(to_s) - by(from_s)
            }
        }
    }

    /// How many ends were seen between two moments.
    fn ended(&self, from_s: f64, to_s: f64) -> usize {
        let by = |at_s: f64| self.ends.partition_point(|end| end.at_s <= at_s);
        by(to_s).saturating_sub(by(from_s))
    }

    /// Ends of loops by a moment; between two of them, the next counts as it comes nearer.
    fn ends_by(&self, at_s: f64) -> f64 {
        let next = self.ends.partition_point(|end| end.at_s <= at_s);
        let Some(last) = next.checked_sub(1).map(|last| self.ends[last]) else { return 0.0 };
        let (amount, time_s) = match self.ends.get(next) {
            Some(next) => (next.count - last.count, next.at_s - last.at_s),
            None => self.usual_pause(),
        };
        last.count + if time_s > 0.0 { amount * ((at_s - last.at_s) / time_s).min(1.0) } else { 0.0 }
    }

    /// How many loops end together as a rule, and how long it is until the next do.
    fn usual_pause(&self) -> (f64, f64) {
        match (self.ends.first(), self.ends.last()) {
            (Some(first), Some(last)) if self.ends.len() > 1 => {
                let pauses = (self.ends.len() - 1) as f64;
                ((last.count - first.count) / pauses, (last.at_s - first.at_s) / pauses)
            }
            _ => (0.0, 0.0),
        }
    }

    /// From when on everything stands still, if nothing has ended for so long.
    fn standstill(&self) -> f64 {
        self.ends.last().map_or(f64::INFINITY, |last| last.at_s + STANDSTILL * self.usual_pause().1)
    }
}

/// The interval of a rate of loops, by factors: it is the time of a loop that varies evenly about its mean. Where loops happened
/// to be long, the rate is low and seems surer than it is, and an even interval would lie too low.
fn by_factors(found: Ratio) -> Estimate {
    let value = found.value;
    if value <= 0.0 {
        return found.estimate();
    }
    let factor = (found.spread.half_width() / value).exp();
    Estimate { value, low: value / factor, high: value * factor }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `workers` that go round in `loop_s`, out of step with each other, until `until_s`.
    fn regular(workers: u32, loop_s: f64, until_s: f64) -> Progress {
        let worker = |number: u32| {
            let phase = loop_s * f64::from(number) / f64::from(workers);
            let ends = (0_u32..).map(|count| Mark { at_s: phase + f64::from(count) * loop_s, count: count.into() });
            Worker { marks: ends.take_while(|mark| mark.at_s <= until_s).collect(), runs: true }
        };
        Progress::new((0..workers).map(worker).collect())
    }

    #[test]
    fn the_rate_of_regular_loops_is_exact_however_the_window_falls() {
        for (workers, loop_s, from_s, to_s) in
            [(1, 0.3, 3.1, 8.2), (3, 0.3, 3.17, 5.0), (10, 1.0, 2.95, 7.01), (200, 20.0, 25.03, 28.11)]
        {
            let found = regular(workers, loop_s, 40.0).estimate(from_s, to_s).expect("enough");
            let truth = f64::from(workers) / loop_s;
            assert!((found.value / truth - 1.0).abs() < 0.001, "{workers}: {found:?} for {truth}");
            assert!(found.low <= truth * 1.001 && truth * 0.999 <= found.high);
        }
    }

    /// The end of the window is all that is known: the loops under way are taken at their usual length.
    #[test]
    fn the_loops_under_way_at_the_end_count_by_their_part() {
        let found = regular(1, 0.3, 8.1).rate(3.1, 8.25).expect("time");
        assert!((found * 0.3 - 1.0).abs() < 1e-9, "{found}");
    }

    /// The sweep once counted a worker without a hash in its window as nothing, and gave 0 for 200 of them.
    #[test]
    fn workers_whose_loops_are_longer_than_the_window_count_when_they_end() {
        // 200 workers just begun at a service that ends one loop every 0.1 s: the first loops take 0.3 to 20 s.
        let worker = |number: u32| Worker {
            marks: vec![Mark { at_s: 0.0, count: 0.0 }, Mark { at_s: 0.3 + 0.1 * f64::from(number), count: 1.0 }],
            runs: true,
        };
        let all = Progress::new((0..200).map(worker).collect());
        let found = all.estimate(2.03, 6.98).expect("enough");
        assert!((found.value - 10.0).abs() < 0.01 && found.contains(10.0), "{found:?}");
    }

    #[test]
    fn a_standstill_at_the_end_lowers_the_rate_and_widens_the_interval() {
        for (workers, loop_s) in [(1, 0.3), (10, 1.0), (100, 10.0)] {
            let truth = f64::from(workers) / loop_s;
            let until = |until_s: f64| regular(workers, loop_s, until_s).estimate(12.0, 22.0).expect("enough");
            let (whole, stalled) = (until(30.0), until(17.0));
            assert!((whole.value / truth - 1.0).abs() < 0.01, "{workers}: {whole:?}");
            // Half of the window is missing; no more than a few loops can be taken for under way.
            let most = 0.5 * truth + STANDSTILL / 10.0 * 1.01;
            assert!(stalled.value >= 0.49 * truth && stalled.value <= most, "{workers}: {stalled:?}");
            assert!(stalled.relative_half_width() > 0.3, "{workers}: {stalled:?}");
        }
    }

    #[test]
    fn workers_that_have_gone_do_not_go_on() {
        let marks = vec![Mark { at_s: 0.0, count: 0.0 }, Mark { at_s: 1.0, count: 10.0 }];
        let gone = Progress::new(vec![Worker { marks, runs: false }]);
        assert_eq!(gone.rate(1.5, 3.0), Some(0.0));
        let nothing = gone.estimate(2.0, 4.0).expect("time");
        assert!(nothing.value == 0.0 && nothing.high > 1.5, "none seen is not none at all: {nothing:?}");
    }
}
