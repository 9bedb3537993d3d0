//! A histogram as rows of bars.

use hdrhistogram::Histogram;

use super::spark;

/// Most rows of a histogram, however high the terminal is.
const MOST_ROWS: usize = 16;

/// The times of a histogram in nanoseconds, as up to `rows` rows of at most `width` characters; none where it is empty.
pub fn histogram(times: &Histogram<u64>, width: usize, rows: usize) -> Vec<String> {
    if times.is_empty() || rows == 0 {
        return Vec::new();
    }
    let (low, high) = (times.min() as f64 / 1e6, times.max() as f64 / 1e6);
    let classes = spark::classes(low, high, rows.min(MOST_ROWS));
    let mut counts = vec![0u64; classes.len()];
    for step in times.iter_recorded() {
        // A value on a border belongs to the class above it, and the extremes to the outermost ones.
        let ms = times.median_equivalent(step.value_iterated_to()) as f64 / 1e6;
        let class = classes.iter().rposition(|class| class.0 <= ms).unwrap_or(0);
        counts[class] += step.count_at_value();
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let digits = most.to_string().len();
    let left = 24 + digits;
    let bars = width.saturating_sub(left).max(1);
    let row = |((low, high), count): (&(f64, f64), &u64)| {
        let share = *count as f64 / most as f64;
        format!("{:>8} - {:>7} ms {count:>digits$} {}", border(*low), border(*high), spark::bar(share, bars))
    };
    classes.iter().zip(&counts).map(row).collect()
}

/// A border has at most four digits that matter.
fn border(value: f64) -> String {
    let decimals = (3.0 - value.max(1e-6).log10().floor()).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_counted_once() {
        let mut times = instrument::tally::histogram();
        for us in [900, 1000, 1100, 5000, 5100, 738_000] {
            times.record(us * 1000).unwrap();
        }
        for rows in [1, 3, 12] {
            let counted: u64 = histogram(&times, 80, rows)
                .iter()
                .map(|line| {
                    line.split("ms ").nth(1).unwrap().split_whitespace().next().unwrap().parse::<u64>().unwrap()
                })
                .sum();
            assert_eq!(counted, 6, "in {rows} rows");
        }
        assert!(histogram(&instrument::tally::histogram(), 80, 4).is_empty());
    }

    #[test]
    fn borders_are_short() {
        assert_eq!([0.05, 0.5, 1.5, 20.0, 500.0, 1000.0].map(border), ["0.05", "0.5", "1.5", "20", "500", "1000"]);
    }
}
