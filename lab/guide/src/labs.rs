//! The labs that this program has inside.

use anyhow::{Context as _, Result, bail};

use crate::lab::{Lab, Part, Start};
use crate::parse;

/// Each lab's file and text.
pub const FILES: [(&str, &str); 8] = [
    ("01-compose.md", include_str!("../../labs/01-compose.md")),
    ("02-bottleneck.md", include_str!("../../labs/02-bottleneck.md")),
    ("03-swarm.md", include_str!("../../labs/03-swarm.md")),
    ("04-registry.md", include_str!("../../labs/04-registry.md")),
    ("05-services.md", include_str!("../../labs/05-services.md")),
    ("06-scaling.md", include_str!("../../labs/06-scaling.md")),
    ("07-stacks.md", include_str!("../../labs/07-stacks.md")),
    ("08-node-dies.md", include_str!("../../labs/08-node-dies.md")),
];

/// The commands that lead to a lab's beginning.
const START: &str = include_str!("../../labs/start.md");

/// All labs, in their order.
///
/// # Errors
/// When one of them cannot be read, with its file and line.
pub fn all() -> Result<Vec<Lab>> {
    let mut labs = Vec::new();
    for (number, (file, text)) in (1..).zip(FILES) {
        let lab = parse::lab(text).with_context(|| file.to_owned())?;
        if lab.number != number || !file.starts_with(&format!("{number:02}-")) {
            bail!("{file}: this is lab {} at place {number}", lab.number);
        }
        labs.push(lab);
    }
    Ok(labs)
}

/// One lab.
///
/// # Errors
/// When there is none of that number.
pub fn one(number: usize) -> Result<Lab> {
    let labs = all()?;
    let count = labs.len();
    labs.into_iter()
        .find(|lab| lab.number == number)
        .with_context(|| format!("there is no lab {number}; there are 1 to {count}: `lab list`"))
}

/// The commands that lead from machines with Docker to a lab's beginning.
///
/// # Errors
/// When the file of the starts lacks a section.
pub fn start(start: Start) -> Result<Vec<Part>> {
    let sections = parse::starts(START).context("start.md")?;
    let mut parts = Vec::new();
    for name in start.sections() {
        let section = sections.iter().find(|(title, _)| title == name);
        parts.extend(section.with_context(|| format!("start.md has no section {name}"))?.1.iter().cloned());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::facts::tests::facts;
    use crate::lab::commands;

    #[test]
    fn every_lab_can_be_read_and_filled_in_for_both_kernels() {
        for lab in all().unwrap() {
            for ipvs in [true, false] {
                let facts = facts(ipvs);
                facts.text(&lab.intro).unwrap();
                for step in &lab.steps {
                    let at = format!("lab {} step {}", lab.number, step.number);
                    for text in [&step.purpose, &step.observe, &step.hint] {
                        facts.text(text).unwrap_or_else(|error| panic!("{at}: {error}"));
                    }
                    facts.parts(&step.task).unwrap_or_else(|error| panic!("{at}: {error}"));
                    facts.parts(&step.solution).unwrap_or_else(|error| panic!("{at}: {error}"));
                    let has_commands = step.commands().next().is_some();
                    assert!(!has_commands || step.commands().any(|block| facts.applies(block)), "{at}, IPVS {ipvs}");
                }
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_a_lab_of_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        files.sort();
        assert_eq!(files, FILES.map(|(name, _)| name.to_owned()));
    }

    #[test]
    fn every_start_has_commands_for_both_kernels() {
        for word in ["compose", "swarm", "registry", "services"] {
            let parts = start(Start::from_word(word).unwrap()).unwrap();
            for ipvs in [true, false] {
                assert!(commands(&facts(ipvs).parts(&parts).unwrap()).count() > 0, "{word}");
            }
        }
    }
}
