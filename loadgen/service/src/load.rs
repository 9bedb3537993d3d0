//! How much is sent, as `closed:64`, `500/s` or `capacity:p99<50ms`.

use std::fmt;
use std::str::FromStr;

use capacity::Objective;

/// How the load is paced.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// So many connections, each of which sends its next request when the last is answered.
    Closed(usize),
    /// So many requests a second, whatever the service does.
    Open(f64),
    /// A search for the highest rate that keeps these objectives.
    Capacity(Vec<Objective>),
}

/// What is wrong with a load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no load{}; write it as `closed:64`, `500/s` or `capacity:p99<50ms` (more objectives after a comma)", .reason)]
pub struct BadLoad {
    text: String,
    reason: String,
}

impl FromStr for Load {
    type Err = BadLoad;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |reason: &str| BadLoad { text: text.to_owned(), reason: reason.to_owned() };
        if let Some(connections) = text.strip_prefix("closed:") {
            return match connections.trim().parse() {
                Ok(connections @ 1..=instrument::config::MOST_CONNECTIONS) => Ok(Load::Closed(connections)),
                _ => Err(bad(", as the connections are no number from 1 to 60000")),
            };
        }
        if let Some(objectives) = text.strip_prefix("capacity:") {
            let read = objectives.split(',').map(|objective| objective.trim().parse::<Objective>());
            let objectives = read.collect::<Result<_, _>>().map_err(|error| bad(&format!(": {error}")))?;
            return Ok(Load::Capacity(Objective::all(objectives)));
        }
        match text.trim_end_matches("/s").trim().parse::<f64>() {
            Ok(rate) if text.ends_with("/s") && rate > 0.0 && rate <= instrument::config::HIGHEST_RATE => {
                Ok(Load::Open(rate))
            }
            _ => Err(bad("")),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::Closed(connections) => write!(f, "closed:{connections}"),
            Load::Open(rate) => write!(f, "{rate}/s"),
            Load::Capacity(objectives) => {
                let all: Vec<String> = objectives.iter().map(ToString::to_string).collect();
                write!(f, "capacity:{}", all.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_read_and_written_alike() {
        for text in ["closed:64", "500/s", "0.5/s", "capacity:p99 < 50ms,errors < 1%"] {
            assert_eq!(text.parse::<Load>().expect(text).to_string(), text);
        }
        assert_eq!(
            "capacity:p99<50ms".parse::<Load>().map(|load| matches!(load, Load::Capacity(all) if all.len() == 2)),
            Ok(true)
        );
    }

    #[test]
    fn mistakes_say_how_it_is_written() {
        for text in [
            "",
            "64",
            "closed:",
            "closed:0",
            "closed:99999999",
            "-5/s",
            "0/s",
            "inf/s",
            "capacity:",
            "capacity:p98<1ms",
        ] {
            let error = text.parse::<Load>().expect_err(text).to_string();
            assert!(error.contains("`closed:64`, `500/s` or `capacity:p99<50ms`"), "{error}");
        }
    }
}
