//! What is there when a lab begins: small files that build on one another, shared by labs.

use anyhow::{Context as _, Result, bail};

use crate::files::{Text, files};
use crate::lab::Commands;
use crate::need::Need;
use crate::parse;

/// One beginning.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beginning {
    /// The name of its file.
    pub name: String,
    /// What is there when it has been made.
    pub title: String,
    /// The beginnings that it builds on.
    pub after: Vec<String>,
    /// Images that its commands find on head: public ones, or folders beside the labs that one is built from.
    pub images: Vec<String>,
    /// What the nodes must have.
    pub needs: Vec<Need>,
    /// The commands that make it.
    pub commands: Vec<Commands>,
}

/// All beginnings.
///
/// # Errors
/// When one cannot be read, with its file and line.
pub fn all() -> Result<Vec<Beginning>> {
    let read = |Text { file, text, .. }: &Text| {
        let name = file.trim_end_matches(".md");
        parse::beginning(text, name).with_context(|| format!("beginnings/{file}"))
    };
    files()?.beginnings.iter().map(read).collect()
}

/// Those that lead to these, each behind all that it builds on, none twice.
///
/// # Errors
/// When one is unknown, or they build on one another in a circle.
pub fn order(wanted: &[String], all: &[Beginning]) -> Result<Vec<Beginning>> {
    let mut done: Vec<Beginning> = Vec::new();
    let mut open = Vec::new();
    for name in wanted {
        visit(name, all, &mut done, &mut open)?;
    }
    Ok(done)
}

fn visit(name: &str, all: &[Beginning], done: &mut Vec<Beginning>, open: &mut Vec<String>) -> Result<()> {
    if done.iter().any(|beginning| beginning.name == name) {
        return Ok(());
    }
    if open.iter().any(|other| other == name) {
        bail!("the beginnings {} and {name} build on one another", open.join(", "));
    }
    let names: Vec<&str> = all.iter().map(|beginning| beginning.name.as_str()).collect();
    let found = all.iter().find(|beginning| beginning.name == name);
    let found =
        found.with_context(|| format!("there is no beginning {name}; there are nodes, {}", names.join(", ")))?;
    open.push(name.to_owned());
    for before in &found.after {
        visit(before, all, done, open)?;
    }
    open.pop();
    done.push(found.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beginning(name: &str, after: &[&str]) -> Beginning {
        let after = after.iter().map(|name| (*name).to_owned()).collect();
        Beginning { name: name.to_owned(), after, ..Beginning::default() }
    }

    #[test]
    fn each_comes_behind_what_it_builds_on_and_once() {
        let all = [
            beginning("a", &[]),
            beginning("b", &["a"]),
            beginning("c", &["a", "b"]),
            beginning("x", &["y"]),
            beginning("y", &["x"]),
        ];
        let names = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            order(&wanted, &all).map(|found| found.into_iter().map(|one| one.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["c", "b"]).unwrap(), ["a", "b", "c"]);
        assert_eq!(names(&[]).unwrap(), [""; 0]);
        assert!(names(&["x"]).unwrap_err().to_string().contains("build on one another"));
        assert!(names(&["z"]).unwrap_err().to_string().contains("there are nodes, a, b"));
    }

    #[test]
    fn every_beginning_can_be_reached_and_filled_in_for_both_kernels() {
        let all = all().unwrap();
        for beginning in &all {
            order(std::slice::from_ref(&beginning.name), &all).unwrap();
            for ipvs in [true, false] {
                let facts = crate::facts::tests::facts(ipvs);
                let ours: Vec<_> = beginning.commands.iter().filter(|block| facts.applies(block)).collect();
                assert!(
                    !ours.is_empty() || beginning.commands.is_empty(),
                    "{}: nothing to do, IPVS {ipvs}",
                    beginning.name
                );
                for block in ours {
                    facts.fill(&block.script).unwrap_or_else(|error| panic!("{}: {error}", beginning.name));
                }
            }
        }
    }
}
