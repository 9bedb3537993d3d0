//! When a figure is right, and when a run is not to be judged.

use crate::tools::Percentiles;

/// Share of the truth that a figure may miss it by.
const SHARE: f64 = 0.01;

/// Standard deviations of the floor that it may miss it by.
const DEVIATIONS: f64 = 3.0;

/// A median has to be known to within this, in milliseconds, or to within 1 % of it where that is more: otherwise one of 79 µs
/// passes for one of 60.
const SHARP_MS: f64 = 0.015;

/// What is right, and what may be missed, in milliseconds.
pub struct Judge {
    /// The right percentiles.
    pub truth: Percentiles,
    /// What each may miss them by.
    pub within: Percentiles,
    /// The response times just below and above each, by rank: where four requests lie above it, as with p99.9 of 4000, one
    /// that is read late moves the figure by a rank, and by whatever time lies between the two.
    pub neighbours: [(f64, f64); 4],
    /// The longest response time that is right.
    pub max: f64,
    /// Requests that came before they were due: then the tool's word of when it began is false.
    pub early: usize,
}

impl Judge {
    /// Whether the bare client's runs are alike enough to find an error in the median.
    pub fn is_sharp(&self) -> bool {
        self.within[0] <= SHARP_MS.max(SHARE * self.truth[0])
    }

    /// How many of a tool's figures are wrong. One that it does not tell is one of them.
    pub fn misses(&self, values: Percentiles) -> usize {
        self.wrong(values).count()
    }

    /// How many of the wrong ones are right for the next request, one rank below or above.
    pub fn by_rank(&self, values: Percentiles) -> usize {
        let is_of_rank = |at: &usize| {
            let ((below, above), within) = (self.neighbours[*at], self.within[*at]);
            (below - within..=above + within).contains(&values[*at])
        };
        self.wrong(values).filter(is_of_rank).count()
    }

    fn wrong(&self, values: Percentiles) -> impl Iterator<Item = usize> {
        let right = move |at: usize| (values[at] - self.truth[at]).abs() <= self.within[at];
        (0..values.len()).filter(move |at| !right(*at))
    }
}

/// What a figure may miss the truth by: 1 % of it, or three times the spread that the bare client's runs give it where that
/// is more. Nobody can tell a tool's error from the machine's within that spread.
pub fn tolerance(truth: f64, by_part: &[f64]) -> f64 {
    let n = by_part.len() as f64;
    let mean = by_part.iter().sum::<f64>() / n;
    let variance = by_part.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (SHARE * truth).max(DEVIATIONS * variance.sqrt())
}

/// Whether a tool had so much less of the processor than the bare client that its run says nothing: shares of the time in
/// which each could have run and did not. A machine that takes the same from both is in the truth already.
pub fn is_disturbed(tool: f64, floor: f64) -> bool {
    tool > 2.0 * floor + 0.001
}

/// Time that the host took from all processors of this machine, in seconds (`steal` in `/proc/stat`, in hundredths).
pub fn stolen() -> f64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = text.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse::<f64>().ok());
    ticks.unwrap_or(0.0) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_not_right_and_a_blunt_floor_is_no_judge() {
        let judge = |within| Judge {
            truth: [0.06, 0.1, 0.2, 0.3],
            within: [within, 0.1, 0.1, 0.01],
            neighbours: [(0.06, 0.06), (0.1, 0.1), (0.19, 0.2), (0.2, 0.5)],
            max: 1.0,
            early: 0,
        };
        assert_eq!(judge(0.01).misses([0.065, 0.1, 0.2, 0.3]), 0);
        assert_eq!(judge(0.01).misses([0.079, 0.1, 0.2, f64::NAN]), 2);
        let by_rank = |p999| {
            let values = [0.06, 0.1, 0.2, p999];
            (judge(0.01).misses(values), judge(0.01).by_rank(values))
        };
        assert_eq!(by_rank(0.505), (1, 1), "wrong, and the next request");
        assert_eq!(by_rank(0.52), (1, 0), "farther than the next request");
        assert!(judge(0.015).is_sharp() && !judge(0.02).is_sharp());
    }

    #[test]
    fn a_wrong_median_of_79_microseconds_does_not_pass() {
        // Four runs of a bare client whose medians lie within 6 µs.
        let tolerance = tolerance(0.070, &[0.068, 0.070, 0.069, 0.074]);
        assert!((0.007..0.009).contains(&tolerance), "{tolerance}");
        assert!((0.079_f64 - 0.070).abs() > tolerance);
        assert!((0.0_f64 - 0.070).abs() > tolerance, "nor does a median of nothing");
    }

    #[test]
    fn large_times_have_a_hundredth() {
        assert!((tolerance(1900.0, &[1900.0, 1900.1, 1900.0, 1900.1]) - 19.0).abs() < 1e-9);
    }

    #[test]
    fn a_run_is_disturbed_where_more_was_taken_from_it_than_from_the_floor() {
        assert!(is_disturbed(0.02, 0.001));
        assert!(!is_disturbed(0.0008, 0.0), "a little is always taken");
        assert!(!is_disturbed(0.02, 0.015), "the floor has met the same");
    }
}
