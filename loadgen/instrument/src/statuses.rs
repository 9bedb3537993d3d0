//! Which statuses of an answer count as success.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A set of status codes, written as `200..399` or `200..299,404`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

/// What is wrong with a set of status codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no statuses from 100 to 599; write them as 200, 200..399 or 200..299,404")]
pub struct BadStatuses(String);

impl Default for Statuses {
    /// What RFC 9110 calls neither an error of the client nor one of the server.
    fn default() -> Self {
        Statuses(vec![200..=399])
    }
}

impl Statuses {
    /// Whether a status is one of them.
    pub fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }

    /// The same as a table, for a loop that asks often. The last entry stands for all statuses beyond.
    pub(crate) fn table(&self) -> Box<[bool; 1000]> {
        let mut table = Box::new([false; 1000]);
        for (status, counts) in table.iter_mut().enumerate() {
            *counts = self.contain(status as u16);
        }
        table
    }
}

impl FromStr for Statuses {
    type Err = BadStatuses;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadStatuses(text.to_owned());
        let read = |number: &str| {
            let status = number.trim().parse().ok();
            status.filter(|status| (100..600).contains(status)).ok_or_else(bad)
        };
        let ranges = text.split(',').map(|part| {
            let (from, to) = part.split_once("..").unwrap_or((part, part));
            let range = read(from)?..=read(to)?;
            if range.is_empty() { Err(bad()) } else { Ok(range) }
        });
        Ok(Statuses(ranges.collect::<Result<_, _>>()?))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match (range.start(), range.end()) {
                (from, to) if from == to => write!(f, "{comma}{from}")?,
                (from, to) => write!(f, "{comma}{from}..{to}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_written_and_refused() {
        for text in ["200", "200..399", "200..299,404"] {
            assert_eq!(text.parse::<Statuses>().unwrap().to_string(), text);
        }
        let set: Statuses = "200..299, 404".parse().unwrap();
        assert_eq!([199, 200, 299, 300, 404].map(|status| set.contain(status)), [false, true, true, false, true]);
        for text in ["", "2xx", "399..200", "99", "200..600", "200,", "200..299..300"] {
            assert!(text.parse::<Statuses>().is_err(), "{text}");
        }
    }
}
