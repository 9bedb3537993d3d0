//! A cluster's name: a part of paths and of the names of containers, so it is checked where it enters.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// Longest name: a node's container is called `NAME-worker-50`, and a host name has at most 63 letters.
const LONGEST: usize = 30;

/// A name that is safe as a part of a path and of a container's name.
///
/// There is no other way to one than `parse`, so whoever has it need not check it again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a text is no name of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadName(String);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BadName(text) = self;
        write!(f, "{text:?} cannot name a cluster: a name is 1 to {LONGEST} of a-z, 0-9 and -, and begins with no -")
    }
}

impl std::error::Error for BadName {}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Name, BadName> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let good = (1..=LONGEST).contains(&text.len()) && text.chars().all(plain) && !text.starts_with('-');
        if good { Ok(Name(text.to_owned())) } else { Err(BadName(text.to_owned())) }
    }
}

impl Default for Name {
    fn default() -> Name {
        Name(crate::DEFAULT_NAME.to_owned())
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_out_of_a_folder_is_no_name() {
        for text in ["", ".", "..", "../../x", "/x", "a/b", "a b", "-x", "A", "ä", "x\0", &"x".repeat(31)] {
            let error = text.parse::<Name>().unwrap_err().to_string();
            assert!(error.contains("cannot name a cluster"), "{text:?}: {error}");
        }
    }

    #[test]
    fn plain_names_are_kept_as_they_are() {
        for text in ["swarmlab", "0", "team-7", &"x".repeat(30)] {
            assert_eq!(&*text.parse::<Name>().unwrap(), text);
        }
        assert_eq!(Name::default(), crate::DEFAULT_NAME.parse().unwrap());
    }
}
