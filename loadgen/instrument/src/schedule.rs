//! When requests are due.
//!
//! The rate is a function of time made of straight pieces, the stages. Its integral, the number of requests due by a
//! time, is inverted: request `k` is due where the integral reaches `k` (constant arrivals) or where it reaches the sum
//! of `k` exponentially distributed gaps of mean one (Poisson arrivals). For one stage of a constant rate this is
//! `k / rate`, computed afresh for each `k`, so that no error adds up.

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

    /// The time in it at which this many requests are due.
    fn time_of(&self, count: f64) -> f64 {
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

/// The due times of one thread, in order.
#[derive(Debug, Clone)]
pub struct Schedule {
    stages: Vec<Stage>,
    arrivals: Arrivals,
    random: SplitMix,
    /// Which of the threads this is, and how many there are.
    thread: u64,
    threads: u64,
    /// Requests of this schedule so far.
    index: u64,
    /// The integral of the rate at the next request.
    count: f64,
    /// The current stage, where it begins in time, and the integral of the rate there.
    stage: usize,
    stage_start: f64,
    stage_count: f64,
}

impl Schedule {
    /// The whole schedule, for a single thread.
    pub fn new(stages: &[Stage], arrivals: Arrivals, seed: u64) -> Self {
        Schedule::share(stages, arrivals, seed, 0, 1)
    }

    /// The share of one of several threads. The shares of constant arrivals interleave; those of Poisson arrivals are
    /// independent Poisson processes of a part of the rate, whose sum is the whole.
    pub fn share(stages: &[Stage], arrivals: Arrivals, seed: u64, thread: u64, threads: u64) -> Self {
        let mut random = SplitMix(seed);
        for _ in 0..thread {
            random = SplitMix(random.next());
        }
        let mut schedule = Schedule {
            stages: stages.to_vec(),
            arrivals,
            random,
            thread,
            threads,
            index: 0,
            count: 0.0,
            stage: 0,
            stage_start: 0.0,
            stage_count: 0.0,
        };
        schedule.count = schedule.first();
        schedule
    }

    fn first(&mut self) -> f64 {
        match self.arrivals {
            Arrivals::Constant => self.thread as f64,
            Arrivals::Poisson => self.random.exponential() * self.threads as f64,
        }
    }

    fn advance(&mut self) {
        self.index += 1;
        self.count = match self.arrivals {
            Arrivals::Constant => (self.index * self.threads + self.thread) as f64,
            Arrivals::Poisson => self.count + self.random.exponential() * self.threads as f64,
        };
    }
}

impl Iterator for Schedule {
    type Item = u64;

    /// The next due time, in nanoseconds from the start.
    fn next(&mut self) -> Option<u64> {
        loop {
            let stage = self.stages.get(self.stage)?;
            let within = self.count - self.stage_count;
            let requests = stage.requests();
            if within < requests {
                let due = self.stage_start + stage.time_of(within);
                self.advance();
                return Some((due * 1e9).round() as u64);
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

    proptest! {
        #[test]
        fn the_shares_of_threads_make_up_the_whole(
            rate in 1.0..5000.0_f64, end in 0.0..5000.0_f64, seconds in 0.01..3.0_f64, threads in 1_u64..6,
        ) {
            let stages = [Stage::constant(rate, seconds), Stage { seconds, from: rate, to: end }];
            let whole: Vec<u64> = Schedule::new(&stages, Arrivals::Constant, 0).collect();
            let shares = (0..threads).flat_map(|n| Schedule::share(&stages, Arrivals::Constant, 0, n, threads));
            let mut parts: Vec<u64> = shares.collect();
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
