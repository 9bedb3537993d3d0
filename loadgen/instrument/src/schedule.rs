//! When requests are due.
//!
//! The rate is a function of time made of straight pieces, the stages. Its integral, the number of requests due by a
//! time, is inverted: request `k` is due where the integral reaches `k` (constant arrivals) or where it reaches the sum
//! of `k` exponentially distributed gaps of mean one (Poisson arrivals). For one stage of a constant rate this is
//! `k / rate`, computed afresh for each `k`, so that no error adds up.

use crate::segment::Segment;

/// A piece of time in which the rate goes straight from one value to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Length in seconds; infinite for a stage that does not end.
    pub seconds: f64,
    /// Requests per second at its start.
    pub from: f64,
    /// Requests per second at its end.
    pub to: f64,
}

impl Stage {
    /// A stage whose rate stays the same.
    pub fn constant(rate: f64, seconds: f64) -> Self {
        Stage { seconds, from: rate, to: rate }
    }

    /// Number of requests due in it.
    pub fn requests(&self) -> f64 {
        let mean = (self.from + self.to) / 2.0;
        if mean == 0.0 { 0.0 } else { mean * self.seconds }
    }

    /// The time in it at which this many requests are due, of those that are.
    fn time_of(&self, count: f64) -> f64 {
        if count <= 0.0 {
            // The general formula is 0/0 where the rate begins at 0.
            return 0.0;
        }
        if self.from == self.to {
            return count / self.from;
        }
        // Solves from·t + slope/2·t² = count for t, in the form that loses no digits where the slope is small.
        let slope = (self.to - self.from) / self.seconds;
        let root = (self.from * self.from + 2.0 * slope * count).max(0.0).sqrt();
        2.0 * count / (self.from + root)
    }
}

/// How arrivals are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// At even distances.
    Constant,
    /// As a Poisson process, like many independent users.
    Poisson,
}

/// Uniform numbers from a seed (splitmix64, Steele, Lea and Flood 2014). Written out here so that a seed gives the
/// same arrivals in every version of the program.
#[derive(Debug, Clone)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An exponentially distributed number of mean one.
    fn exponential(&mut self) -> f64 {
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        -(1.0 - unit).ln()
    }
}

/// A request this near to the end of a stage, in requests, belongs to the next one: sums of fractions are not exact, and
/// where a pause follows, the error of the last digit would move the request by the whole pause.
const NEAR: f64 = 1e-9;

/// The due times of a segment of the plan, in order.
#[derive(Debug, Clone)]
pub struct Schedule {
    stages: Vec<Stage>,
    arrivals: Arrivals,
    random: SplitMix,
    segment: Segment,
    /// Arrivals of the whole plan after which it ends, whatever its stages say.
    limit: u64,
    /// Number of the next request, counted over the whole plan.
    index: u64,
    /// The integral of the rate at the next request.
    count: f64,
    /// The current stage, where it begins in time, and the integral of the rate there.
    stage: usize,
    stage_start: f64,
    stage_count: f64,
}

impl Schedule {
    /// The whole plan.
    pub fn new(stages: &[Stage], arrivals: Arrivals, seed: u64) -> Self {
        Schedule::segment(stages, arrivals, seed, Segment::WHOLE)
    }

    /// A segment of the plan. All segments together have exactly the due times of the whole.
    pub fn segment(stages: &[Stage], arrivals: Arrivals, seed: u64, segment: Segment) -> Self {
        let mut schedule = Schedule {
            stages: stages.to_vec(),
            arrivals,
            random: SplitMix(seed),
            segment,
            limit: u64::MAX,
            index: 0,
            count: 0.0,
            stage: 0,
            stage_start: 0.0,
            stage_count: 0.0,
        };
        if arrivals == Arrivals::Poisson {
            schedule.count = schedule.random.exponential();
        }
        schedule.advance(segment.first());
        schedule
    }

    /// Ends after so many requests of the whole plan.
    #[must_use]
    pub fn limited(mut self, requests: u64) -> Self {
        self.limit = requests;
        self
    }

    /// Goes on by so many requests of the whole plan.
    fn advance(&mut self, requests: u64) {
        self.index = self.index.saturating_add(requests);
        match self.arrivals {
            Arrivals::Constant => self.count = self.index as f64,
            // Each gap is drawn, whoever sends the request after it: all segments see one and the same process.
            Arrivals::Poisson => (0..requests).for_each(|_| self.count += self.random.exponential()),
        }
    }
}

impl Iterator for Schedule {
    type Item = u64;

    /// The next due time, in nanoseconds from the start.
    fn next(&mut self) -> Option<u64> {
        if self.index >= self.limit {
            return None;
        }
        let near = NEAR + 8.0 * f64::EPSILON * self.count;
        loop {
            let stage = self.stages.get(self.stage)?;
            let within = self.count - self.stage_count;
            let requests = stage.requests();
            if within < requests - near {
                let within = if within < near { 0.0 } else { within };
                let due = ((self.stage_start + stage.time_of(within)) * 1e9).round() as u64;
                let end = ((self.stage_start + stage.seconds) * 1e9).round() as u64;
                self.advance(self.segment.step());
                return Some(due.min(end.saturating_sub(1)));
            }
            self.stage_start += stage.seconds;
            self.stage_count += requests;
            self.stage += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    #[test]
    fn a_constant_rate_is_due_at_k_over_the_rate_and_no_error_adds_up() {
        let stages = [Stage::constant(30_000.0, 200.0)];
        let due: Vec<u64> = Schedule::new(&stages, Arrivals::Constant, 0).collect();
        assert_eq!(due.len(), 6_000_000);
        for k in (0..due.len()).step_by(99_991) {
            assert_eq!(due[k], (k as f64 / 30_000.0 * 1e9).round() as u64);
        }
    }

    #[test]
    fn a_ramp_is_due_where_its_integral_says() {
        // From 0 to 100 a second in 10 s: the integral is 5 t², so request k is due at sqrt(k / 5).
        let stages = [Stage { seconds: 10.0, from: 0.0, to: 100.0 }];
        let due: Vec<u64> = Schedule::new(&stages, Arrivals::Constant, 0).collect();
        assert_eq!(due.len(), 500);
        for (k, due) in due.iter().enumerate() {
            let expected = (k as f64 / 5.0).sqrt() * 1e9;
            assert!((*due as f64 - expected).abs() <= 1.0, "{k}: {due} is not {expected}");
        }
    }

    #[test]
    fn a_ramp_from_zero_begins_where_a_whole_number_of_requests_is_behind_it() {
        // 150 requests are due in each stage, so that request 300 is the first of the third ramp, due as it begins.
        let up = Stage { seconds: 3.0, from: 0.0, to: 100.0 };
        let stages = [up, Stage { from: 100.0, to: 0.0, ..up }, up];
        let due: Vec<u64> = Schedule::new(&stages, Arrivals::Constant, 0).collect();
        assert_eq!((due.len(), due[0], due[300]), (450, 0, 6_000_000_000));
        assert!(due.windows(2).all(|pair| pair[0] < pair[1]), "no request is due before its predecessor");
    }

    #[test]
    fn stages_follow_each_other_and_a_pause_has_no_requests() {
        let stages =
            [Stage::constant(10.0, 1.0), Stage::constant(0.0, 2.0), Stage { seconds: 1.0, from: 20.0, to: 0.0 }];
        let due: Vec<u64> = Schedule::new(&stages, Arrivals::Constant, 0).collect();
        assert_eq!(due.len(), 20);
        assert_eq!(due[9], 900_000_000);
        assert_eq!(due[10], 3_000_000_000);
        assert!(due[19] < 4_000_000_000);
    }

    #[test]
    fn poisson_gaps_are_exponential_and_their_number_has_the_right_spread() {
        let stages = [Stage::constant(1000.0, 200.0)];
        let due: Vec<u64> = Schedule::new(&stages, Arrivals::Poisson, 7).collect();
        let expected = 200_000.0_f64;
        assert!((due.len() as f64 - expected).abs() < 5.0 * expected.sqrt(), "{} arrivals", due.len());
        let mut gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        gaps.sort_by(f64::total_cmp);
        // Kolmogorov's distance to the exponential distribution of mean 1 ms; 1.95/sqrt(n) is passed once in a thousand.
        let n = gaps.len() as f64;
        let distance = gaps.iter().enumerate().map(|(k, gap)| ((k as f64 + 0.5) / n - (1.0 - (-gap).exp())).abs());
        let distance = distance.fold(0.0, f64::max);
        assert!(distance < 1.95 / n.sqrt(), "distance {distance}");
    }

    #[test]
    fn a_seed_gives_the_same_arrivals_each_time_and_another_seed_gives_others() {
        let stages = [Stage::constant(100.0, 5.0)];
        let a: Vec<u64> = Schedule::new(&stages, Arrivals::Poisson, 1).collect();
        let b: Vec<u64> = Schedule::new(&stages, Arrivals::Poisson, 1).collect();
        let c: Vec<u64> = Schedule::new(&stages, Arrivals::Poisson, 2).collect();
        assert_eq!(a, b);
        assert_ne!(a, c);
    }

    /// A stage in whole numbers: milliseconds, and requests a second.
    fn whole_stage() -> impl Strategy<Value = (u64, u64, u64)> {
        let rate = || prop_oneof![2 => Just(0_u64), 1 => Just(100), 3 => 0_u64..2000];
        (prop_oneof![Just(10_u64), Just(3000), 1_u64..2000], rate(), rate())
    }

    /// How the integral of the rates until a time compares with a number of requests: in whole numbers, so exactly.
    fn compare_integral(stages: &[(u64, u64, u64)], nanos: u64, requests: u64) -> Ordering {
        let (mut left, mut doubled) = (i128::from(nanos), 0);
        for &(ms, from, to) in stages {
            let (length, from, to) = (i128::from(ms) * 1_000_000, i128::from(from), i128::from(to));
            if left < length {
                // Here from·t + (to − from)·t²/(2·length), and (from + to)·ms/2000 in each stage before.
                let (above, below) = (2 * length * from * left + (to - from) * left * left, 2 * length * 1_000_000_000);
                return (2000 * above).cmp(&((2000 * i128::from(requests) - doubled) * below));
            }
            left -= length;
            doubled += (from + to) * i128::from(ms);
        }
        doubled.cmp(&(2000 * i128::from(requests)))
    }

    proptest! {
        #[test]
        fn any_mix_of_stages_is_due_where_its_exact_integral_says(
            whole in prop::collection::vec(whole_stage(), 1..6),
        ) {
            let stages: Vec<Stage> = whole
                .iter()
                .map(|&(ms, from, to)| Stage { seconds: ms as f64 / 1e3, from: from as f64, to: to as f64 })
                .collect();
            let due: Vec<u64> = Schedule::new(&stages, Arrivals::Constant, 0).collect();
            let doubled: u64 = whole.iter().map(|&(ms, from, to)| (from + to) * ms).sum();
            prop_assert_eq!(due.len() as u64, doubled.div_ceil(2000), "requests before the integral's end");
            for (k, &at) in due.iter().enumerate() {
                // The integral passes k here: not later, and not before a pause that ends here.
                let before = compare_integral(&whole, at.saturating_sub(3), k as u64);
                let after = compare_integral(&whole, at + 3, k as u64);
                prop_assert!(before != Ordering::Greater && after == Ordering::Greater, "{k} at {at}: {before:?} {after:?}");
            }
        }

        #[test]
        fn the_segments_make_up_the_whole(
            rate in 1.0..5000.0_f64, end in 0.0..5000.0_f64, seconds in 0.01..3.0_f64,
            machines in 1_u64..5, threads in 1_u64..4, limit in prop_oneof![Just(u64::MAX), 0_u64..500],
            poisson: bool, seed: u64,
        ) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let stages = [Stage::constant(rate, seconds), Stage { seconds, from: rate, to: end }];
            let whole: Vec<u64> = Schedule::new(&stages, arrivals, seed).limited(limit).collect();
            let segments = (0..machines).flat_map(|machine| {
                let machine = Segment::new(machine, machines).unwrap();
                (0..threads).map(move |thread| machine.part(thread, threads).unwrap())
            });
            let mut parts: Vec<u64> = segments
                .flat_map(|segment| Schedule::segment(&stages, arrivals, seed, segment).limited(limit))
                .collect();
            parts.sort_unstable();
            prop_assert_eq!(whole, parts);
        }

        #[test]
        fn due_times_never_go_back_and_stay_within_the_stages(
            rates in prop::collection::vec((0.0..2000.0_f64, 0.0..2000.0_f64, 0.001..1.0_f64), 1..5),
            poisson: bool, seed: u64,
        ) {
            let stages: Vec<Stage> =
                rates.iter().map(|&(from, to, seconds)| Stage { seconds, from, to }).collect();
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let due: Vec<u64> = Schedule::new(&stages, arrivals, seed).collect();
            let length = stages.iter().map(|stage| stage.seconds).sum::<f64>() * 1e9;
            prop_assert!(due.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!(due.last().is_none_or(|&last| last as f64 <= length + 1.0));
            if !poisson {
                let requests = stages.iter().map(Stage::requests).sum::<f64>();
                prop_assert!((due.len() as f64 - requests).abs() <= 1.0 + 1e-6 * requests);
            }
        }
    }
}
