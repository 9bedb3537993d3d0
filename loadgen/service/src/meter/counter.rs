//! Which counter is followed, as `jobs_done_total` or `jobs_done_total{state="ok"}`, and how it is read.

use std::fmt;
use std::str::FromStr;

/// A counter by its name, and by labels that its series must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    name: String,
    labels: Vec<(String, String)>,
}

/// What is wrong with a counter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no counter; write it as jobs_done_total, or jobs_done_total{{state=\"ok\"}}")]
pub struct BadCounter(String);

impl FromStr for Counter {
    type Err = BadCounter;

    fn from_str(text: &str) -> Result<Self, BadCounter> {
        let bad = || BadCounter(text.to_owned());
        let (name, labels) = series(text.trim()).ok_or_else(bad)?;
        // The letters of a metric's name (Prometheus, data model).
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        if name.is_empty() || !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(bad());
        }
        Ok(Self { name: name.to_owned(), labels })
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.labels.is_empty() {
            return Ok(());
        }
        let labels: Vec<String> = self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        write!(f, "{{{}}}", labels.join(","))
    }
}

impl Counter {
    /// The sum over all of its series that have the labels; nothing where there is none.
    pub fn read(&self, metrics: &str) -> Option<f64> {
        let values = metrics.lines().filter_map(|line| {
            let (key, value) = split(line)?;
            let (name, labels) = series(key)?;
            let wanted = name == self.name && self.labels.iter().all(|label| labels.contains(label));
            // A time may stand behind the value.
            wanted.then(|| value.split_whitespace().next()?.parse::<f64>().ok()).flatten()
        });
        values.filter(|value| value.is_finite()).reduce(|sum, value| sum + value)
    }

    /// What it counts each second, for people: `jobs_done_total` is `jobs_done/s`, and a histogram's `job_seconds_count` `job/s`.
    pub fn unit(&self) -> String {
        let ends = ["_seconds_count", "_count", "_total"];
        format!("{}/s", ends.iter().find_map(|end| self.name.strip_suffix(end)).unwrap_or(&self.name))
    }
}

/// Names that begin alike, for whoever mistyped one.
pub(super) fn alike(metrics: &str, wanted: &Counter) -> String {
    let keys = || metrics.lines().filter_map(|line| Some(split(line)?.0));
    // The name is right, and the labels are not.
    let own: Vec<&str> = keys().filter(|key| series(key).is_some_and(|(name, _)| name == wanted.name)).collect();
    if !own.is_empty() {
        return format!("it tells {}", own.join(", "));
    }
    let names = keys().filter_map(|key| series(key).map(|(name, _)| name.to_owned()));
    let mut names: Vec<String> = names.filter(|name| name.ends_with("_total") || name.ends_with("_count")).collect();
    names.dedup();
    let near = |name: &String| name.chars().zip(wanted.name.chars()).take_while(|(a, b)| a == b).count();
    names.sort_by_key(|name| std::cmp::Reverse(near(name)));
    names.truncate(5);
    if names.is_empty() { "it tells no counter at all".to_owned() } else { format!("it tells {}", names.join(", ")) }
}

/// A line's series and the rest, where the line has a value. A label's value may have anything in it, a brace or a space too.
fn split(line: &str) -> Option<(&str, &str)> {
    if line.starts_with('#') {
        return None;
    }
    let mut end = line.find(['{', ' '])?;
    if line[end..].trim_start().starts_with('{') {
        let mut quoted = false;
        let mut letters = line[end..].char_indices();
        loop {
            match letters.next()? {
                // What it stands before is meant as it is.
                (_, '\\') if quoted => drop(letters.next()),
                (_, '"') => quoted = !quoted,
                (at, '}') if !quoted => {
                    end += at + 1;
                    break;
                }
                _ => {}
            }
        }
    }
    Some((&line[..end], line[end..].trim()))
}

/// A series' name and labels.
fn series(text: &str) -> Option<(&str, Vec<(String, String)>)> {
    let Some((name, rest)) = text.split_once('{') else { return Some((text, Vec::new())) };
    let mut labels = Vec::new();
    let mut rest = rest.strip_suffix('}')?.trim();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut letters = after.chars();
        loop {
            match letters.next()? {
                '"' => break,
                '\\' => value.extend(letters.next().map(|letter| if letter == 'n' { '\n' } else { letter })),
                letter => value.push(letter),
            }
        }
        labels.push((label.trim().to_owned(), value));
        rest = letters.as_str().trim_start_matches([',', ' ']);
    }
    Some((name.trim(), labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "# HELP jobs_done_total Jobs.\n# TYPE jobs_done_total counter\n\
        jobs_done_total{state=\"ok\",queue=\"a b\"} 7 1700000000000\njobs_done_total{state=\"bad\"} 2\n\
        jobs_done_total_of_old 99\njobs_lost_total 1\nload NaN\njob_seconds_count 3\n";

    fn read(counter: &str) -> Option<f64> {
        counter.parse::<Counter>().expect("a counter").read(METRICS)
    }

    #[test]
    fn series_are_summed_and_chosen_by_their_labels() {
        assert_eq!(read("jobs_done_total"), Some(9.0));
        assert_eq!(read("jobs_done_total{state=\"ok\"}"), Some(7.0));
        assert_eq!(read("jobs_done_total{queue=\"a b\",state=\"ok\"}"), Some(7.0));
        assert_eq!(read("jobs_done_total{state=\"gone\"}"), None);
        assert_eq!((read("jobs_done"), read("load")), (None, None));
    }

    #[test]
    fn a_label_may_have_anything_in_it() {
        let metrics =
            "hits_total{path=\"/u/{id}\"} 5\nhits_total{path=\"/say \\\"}\\\\\",way=\"a=\\\"b\"} 2\nhits_total 1\n";
        let read = |counter: &str| counter.parse::<Counter>().expect("a counter").read(metrics);
        assert_eq!(read("hits_total"), Some(8.0));
        assert_eq!(read("hits_total{path=\"/u/{id}\"}"), Some(5.0));
        assert_eq!(read("hits_total{path=\"/say \\\"}\\\\\"}"), Some(2.0));
        assert_eq!(split("hits_total{path=\"open"), None);
    }

    #[test]
    fn a_name_that_is_not_told_is_answered_with_those_that_are() {
        let wanted: Counter = "jobs_done".parse().expect("a counter");
        assert_eq!(alike(METRICS, &wanted), "it tells jobs_done_total, jobs_lost_total, job_seconds_count");
        assert_eq!(alike("", &wanted), "it tells no counter at all");
        let labels: Counter = "jobs_done_total{state=\"gone\"}".parse().expect("a counter");
        assert!(alike(METRICS, &labels).contains("jobs_done_total{state=\"bad\"}"));
        for (name, unit) in [("jobs_done_total", "jobs_done/s"), ("job_seconds_count", "job/s"), ("jobs", "jobs/s")] {
            assert_eq!(name.parse::<Counter>().expect("a counter").unit(), unit);
        }
    }

    #[test]
    fn what_is_no_counter_is_refused_and_what_is_one_is_written_as_it_was_read() {
        for text in ["", "3jobs", "jobs done", "jobs{", "jobs{a}", "jobs{a=b}", "{a=\"b\"}"] {
            let error = text.parse::<Counter>().expect_err(text).to_string();
            assert!(error.contains("jobs_done_total{state=\"ok\"}"), "{error}");
        }
        let text = "jobs{a=\"b\",c=\"d\"}";
        assert_eq!(text.parse::<Counter>().expect("a counter").to_string(), text);
    }
}
