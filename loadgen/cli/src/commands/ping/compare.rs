//! Which of several URLs is slower.

use ping::Summary;

use super::format::{count, ms, words};
use super::tally::Tally;

/// A table with a row for each URL, and one sentence.
pub fn table(tallies: &[Tally]) -> String {
    let wide = tallies.iter().map(|tally| tally.label.len()).max().unwrap_or(0);
    let mut text =
        format!("{:wide$} {:>7} {:>7} {:>9} {:>9} {:>9} {:>9}\n", "", "ok", "failed", "min", "p50", "p90", "max");
    for tally in tallies {
        text += &format!("{:wide$} {:>7} {:>7}", tally.label, tally.ok, tally.failed());
        let times = &tally.times;
        for value in [times.min_ms(), times.median_ms(), times.quantile_ms(0.9), times.max_ms()] {
            text += &if tally.ok > 0 { format!(" {:>9}", ms(value)) } else { format!(" {:>9}", "-") };
        }
        text += " ms\n";
    }
    for line in sentences(tallies) {
        text += &line;
        text.push('\n');
    }
    text
}

/// What the table shows, in words.
pub fn sentences(tallies: &[Tally]) -> Vec<String> {
    let silent = tallies.iter().filter(|tally| tally.ok == 0);
    let mut lines: Vec<_> = silent.map(|tally| format!("{} gave no answer", tally.label)).collect();
    let answered = tallies.iter().filter(|tally| tally.ok > 0);
    let by_median = |a: &&Tally, b: &&Tally| a.times.median_ms().total_cmp(&b.times.median_ms());
    if let (Some(fast), Some(slow)) = (answered.clone().min_by(by_median), answered.clone().max_by(by_median))
        && answered.count() > 1
    {
        lines.push(sentence(slow, fast));
    }
    lines
}

fn sentence(slow: &Tally, fast: &Tally) -> String {
    let (long, short) = (slow.times.median_ms(), fast.times.median_ms());
    let medians = format!("({} against {} at p50)", words(long), words(short));
    let fewest = slow.ok.min(fast.ok);
    let pings = count(fewest, "ping");
    if fewest >= FEW && !differ(&slow.times, &fast.times) {
        return format!("{pings} show no clear difference between {} and {} {medians}", slow.label, fast.label);
    }
    let ratio = long / short;
    let slower = if ratio >= 100.0 {
        format!("{:.0} times", (ratio / 10.0).round() * 10.0)
    } else if ratio >= 10.0 {
        format!("{ratio:.0} times")
    } else if ratio >= 1.995 {
        format!("{ratio:.1} times")
    } else {
        format!("{:.0} %", (ratio - 1.0) * 100.0)
    };
    if fewest < FEW {
        return format!("{} looks {slower} slower than {} {medians}; {pings} cannot prove it", slow.label, fast.label);
    }
    format!("{} is {slower} slower than {} {medians}", slow.label, fast.label)
}

/// With three times against three no order of them is rare enough to prove anything at the 5 % level.
const FEW: u64 = 4;

/// Whether the two samples differ, by the Mann-Whitney test with the normal approximation and its correction for
/// ties, at the 5 % level (Mann and Whitney 1947).
fn differ(a: &Summary, b: &Summary) -> bool {
    let (n, m) = (a.count() as f64, b.count() as f64);
    let mut groups = std::collections::BTreeMap::<u64, (f64, f64)>::new();
    for step in a.histogram().iter_recorded() {
        groups.entry(step.value_iterated_to()).or_default().0 += step.count_at_value() as f64;
    }
    for step in b.histogram().iter_recorded() {
        groups.entry(step.value_iterated_to()).or_default().1 += step.count_at_value() as f64;
    }
    // U counts the pairs in which a is larger, a tie as half of one.
    let (mut u, mut below, mut ties) = (0.0, 0.0, 0.0);
    for (in_a, in_b) in groups.into_values() {
        u += in_a * (below + in_b / 2.0);
        below += in_b;
        let tied: f64 = in_a + in_b;
        ties += tied.powi(3) - tied;
    }
    let all = n + m;
    let variance = n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
    let distance = ((u - n * m / 2.0).abs() - 0.5).max(0.0);
    variance > 0.0 && distance / variance.sqrt() > 1.96
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use ping::{Failure, Kind, Timing};

    use super::super::tally::Ping;
    use super::*;

    fn tally(url: &str, times_us: &[u64]) -> Tally {
        let mut tally = Tally::new(&url.parse().unwrap());
        for (seq, &us) in times_us.iter().enumerate() {
            let total = Duration::from_micros(us);
            let outcome = match us {
                0 => Err(Failure { kind: Kind::Refused, message: "refused".into(), after: total }),
                _ => Ok(Timing { total, status: 200, ..Timing::default() }),
            };
            tally.add(&Ping { seq: seq as u64, at: SystemTime::UNIX_EPOCH, outcome });
        }
        tally
    }

    #[test]
    fn the_lesson_is_one_sentence() {
        let rng = tally("localhost:8001", &[700_000, 738_000, 738_000, 738_100, 760_000]);
        let hasher = tally("localhost:8002", &[1200, 1300, 1300, 1310, 1500]);
        let said = sentences(&[rng, hasher]);
        assert_eq!(said, ["localhost:8001 is 570 times slower than localhost:8002 (738 ms against 1.3 ms at p50)"]);
    }

    #[test]
    fn noise_is_not_called_a_difference() {
        let one = tally("a:1", &[1000, 1100, 1200, 1300, 1400, 1250]);
        let two = tally("b:1", &[1010, 1110, 1190, 1310, 1390, 1260]);
        let said = sentences(&[one, two]);
        assert!(said[0].starts_with("6 pings show no clear difference between"), "{said:?}");
        let few = sentences(&[tally("a:1", &[9000]), tally("b:1", &[1000])]);
        assert_eq!(few, ["a:1 looks 9.0 times slower than b:1 (9.0 ms against 1.0 ms at p50); 1 ping cannot prove it"]);
        let same: Vec<u64> = vec![1000; 50];
        assert!(!differ(&tally("a:1", &same).times, &tally("b:1", &same).times));
    }

    #[test]
    fn ratios_are_said_with_the_digits_they_deserve() {
        let of = |us: u64| sentences(&[tally("a:1", &[us; 20]), tally("b:1", &[1000; 20])])[0].clone();
        assert!(of(1200).starts_with("a:1 is 20 % slower than b:1"), "{}", of(1200));
        assert!(of(3400).starts_with("a:1 is 3.4 times slower"), "{}", of(3400));
        assert!(of(45_600).starts_with("a:1 is 46 times slower"), "{}", of(45_600));
        assert!(of(900).starts_with("b:1 is 11 % slower than a:1"), "{}", of(900));
    }

    #[test]
    fn a_url_without_answers_is_named() {
        let shown = table(&[tally("a:1", &[0, 0]), tally("b:1", &[1000, 0])]);
        assert!(shown.contains("a:1       0       2         -"), "{shown}");
        assert!(shown.contains("b:1       1       1      1.00"), "{shown}");
        assert!(shown.ends_with("a:1 gave no answer\n"), "{shown}");
    }
}
