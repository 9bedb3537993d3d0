//! Which of several URLs is slower.

use ping::Summary;
use stats::estimate::CONFIDENCE;
use stats::normal;
use stats::quantile::told;

use super::format::{count, ms, words};
use super::tally::Tally;
use crate::commands::prose::prose;

/// A table with a row for each URL, and one sentence.
pub fn table(tallies: &[Tally]) -> String {
    let wide = tallies.iter().map(|tally| tally.label.len()).max().unwrap_or(0);
    let mut text =
        format!("{:wide$} {:>7} {:>7} {:>9} {:>9} {:>9} {:>9}\n", "", "ok", "failed", "min", "p50", "p90", "max");
    for tally in tallies {
        text += &format!("{:wide$} {:>7} {:>7}", tally.label, tally.ok, tally.failed());
        let times = &tally.times;
        let any = |value: f64| (tally.ok > 0).then_some(value);
        let p90 = told(0.9, tally.ok, || times.quantile_ms(0.9));
        for value in [any(times.min_ms()), any(times.median_ms()), p90, any(times.max_ms())] {
            text += &format!(" {:>9}", value.map_or_else(|| "-".to_owned(), ms));
        }
        text += " ms\n";
    }
    for line in sentences(tallies) {
        text += &prose(&line);
        text.push('\n');
    }
    text
}

/// What the table shows, in words.
pub fn sentences(tallies: &[Tally]) -> Vec<String> {
    let silent = tallies.iter().filter(|tally| tally.ok == 0);
    let mut lines: Vec<_> = silent.map(|tally| format!("{} gave no answer", tally.label)).collect();
    let mut answered: Vec<(f64, &Tally)> =
        tallies.iter().filter(|tally| tally.ok > 0).map(|tally| (tally.times.median_ms(), tally)).collect();
    answered.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let [(_, fast), .., (_, slow)] = &answered[..] {
        lines.push(sentence(slow, fast, strict(answered.len())));
    }
    lines
}

/// How many standard deviations away chance does not bring the slowest and the fastest of so many URLs. They are chosen for
/// being far apart, out of k (k − 1) / 2 pairs: with the level divided by that number, a difference between any two of URLs
/// that are all alike is claimed in no more than 5 % of the runs (Bonferroni).
fn strict(urls: usize) -> f64 {
    let pairs = (urls * (urls - 1) / 2).max(1);
    normal::quantile(1.0 - (1.0 - CONFIDENCE) / 2.0 / pairs as f64)
}

fn sentence(slow: &Tally, fast: &Tally, strict: f64) -> String {
    let (long, short) = (slow.times.median_ms(), fast.times.median_ms());
    let medians = format!("({} against {} at p50)", words(long), words(short));
    let fewest = slow.ok.min(fast.ok);
    let pings = count(fewest, "ping");
    let enough = can_differ(fewest, strict);
    if enough && !differ(&slow.times, &fast.times, strict) {
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
    if !enough {
        return format!("{} looks {slower} slower than {} {medians}; {pings} cannot prove it", slow.label, fast.label);
    }
    format!("{} is {slower} slower than {} {medians}", slow.label, fast.label)
}

/// Whether so many times of each can prove anything, where all of one are above all of the other: of two URLs three times
/// against three have no order that is rare enough.
fn can_differ(each: u64, strict: f64) -> bool {
    let n = each as f64;
    distance(n * n, n, n, 0.0) > strict
}

/// Whether the two samples differ by more than so many standard deviations, by the Mann-Whitney test with the normal
/// approximation and its correction for ties (Mann and Whitney 1947).
fn differ(a: &Summary, b: &Summary, strict: f64) -> bool {
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
    distance(u, n, m, ties) > strict
}

/// How far U is from what chance makes it, in standard deviations, half a pair being allowed for its being a whole number.
fn distance(u: f64, n: f64, m: f64, ties: f64) -> f64 {
    let all = n + m;
    let variance = n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
    let away = ((u - n * m / 2.0).abs() - 0.5).max(0.0);
    if variance > 0.0 { away / variance.sqrt() } else { 0.0 }
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
        assert!(!differ(&tally("a:1", &same).times, &tally("b:1", &same).times, strict(2)));
    }

    #[test]
    fn ratios_are_said_with_the_digits_they_deserve() {
        let of = |us: u64| sentences(&[tally("a:1", &[us; 20]), tally("b:1", &[1000; 20])])[0].clone();
        assert!(of(1200).starts_with("a:1 is 20 % slower than b:1"), "{}", of(1200));
        assert!(of(3400).starts_with("a:1 is 3.4 times slower"), "{}", of(3400));
        assert!(of(45_600).starts_with("a:1 is 46 times slower"), "{}", of(45_600));
        assert!(of(900).starts_with("b:1 is 11 % slower than a:1"), "{}", of(900));
    }

    /// A seeded source of times around 1 ms with a long tail, as waiting times are.
    struct Random(u64);

    impl Random {
        fn times(&mut self, count: usize, mean_us: f64) -> Vec<u64> {
            let one = |_| {
                self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let share = ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
                (mean_us * (0.5 - 0.5 * share.ln())) as u64
            };
            (0..count).map(one).collect()
        }
    }

    /// In how many of `runs` comparisons of URLs something is claimed; the mean of the first is `times` that of the others.
    fn claims(urls: usize, runs: usize, times: f64) -> usize {
        let mut random = Random(7);
        let mut tallies: Vec<Tally> = Vec::new();
        let mut claimed = 0;
        for _ in 0..runs {
            tallies.clear();
            for url in 0..urls {
                let mean = if url == 0 { 1000.0 * times } else { 1000.0 };
                tallies.push(tally(&format!("u{url}:1"), &random.times(20, mean)));
            }
            claimed += usize::from(sentences(&tallies)[0].contains("slower"));
        }
        claimed
    }

    /// The slowest and the fastest of ten that are all alike once differed in 42 of 100 runs, and of three in 11.
    #[test]
    fn the_slowest_and_the_fastest_of_many_alike_seldom_differ() {
        for (urls, runs) in [(3, 200), (10, 60)] {
            let claimed = claims(urls, runs, 1.0);
            // 5 % and two standard errors of so many runs.
            let most = 0.05 * runs as f64 + 2.0 * (0.05 * 0.95 * runs as f64).sqrt();
            assert!(claimed as f64 <= most, "{claimed} of {runs} runs with {urls} URLs that are alike");
        }
        assert!(claims(10, 10, 4.0) >= 9, "a slow one among ten is found");
    }

    #[test]
    fn more_urls_need_more_pings_to_prove_anything() {
        let least = |urls: usize| (1..).find(|&each| can_differ(each, strict(urls)));
        assert_eq!([2, 3, 10].map(least), [Some(4), Some(5), Some(8)]);
        let of = |us: u64| [us; 4];
        let three = [tally("a:1", &of(9000)), tally("b:1", &of(1000)), tally("c:1", &of(1100))];
        let said = sentences(&three);
        assert!(said[0].ends_with("4 pings cannot prove it"), "{said:?}");
    }

    #[test]
    fn p90_waits_for_enough_answers() {
        let p90 = |pings: usize| {
            let shown = table(&[tally("a:1", &vec![1000; pings]), tally("b:1", &vec![1000; pings])]);
            let row = shown.lines().find(|line| line.starts_with("a:1")).expect("a row").to_owned();
            row.split_whitespace().nth(5).map(str::to_owned)
        };
        assert_eq!((p90(35).as_deref(), p90(36).as_deref()), (Some("-"), Some("1.00")));
    }

    #[test]
    fn a_url_without_answers_is_named() {
        let shown = table(&[tally("a:1", &[0, 0]), tally("b:1", &[1000, 0])]);
        assert!(shown.contains("a:1       0       2         -"), "{shown}");
        assert!(shown.contains("b:1       1       1      1.00"), "{shown}");
        assert!(shown.ends_with("a:1 gave no answer\n"), "{shown}");
    }
}
