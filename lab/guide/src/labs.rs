//! The labs and their tracks.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::files::{Text, files};
use crate::lab::Lab;
use crate::parse;

/// A track: labs that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// Its folder.
    pub name: String,
    /// What it is about, in a few words.
    pub title: String,
    /// Whom it is for.
    pub purpose: String,
}

#[derive(Deserialize)]
struct Tracks {
    track: Vec<Track>,
}

/// The track that a lab's number alone means.
pub const FIRST_TRACK: &str = "coins";

/// All tracks, in their order, those too that have no lab yet.
///
/// # Errors
/// When their file cannot be read.
pub fn tracks() -> Result<Vec<Track>> {
    let read: Tracks = toml::from_str(&files()?.tracks).context("tracks.toml")?;
    Ok(read.track)
}

/// All labs, in the order of their tracks and numbers.
///
/// # Errors
/// When one of them cannot be read, with its file and line.
pub fn all() -> Result<Vec<Lab>> {
    let tracks = tracks()?;
    let texts = &files()?.labs;
    if let Some(Text { folder, file, .. }) =
        texts.iter().find(|text| tracks.iter().all(|known| known.name != text.folder))
    {
        bail!("{folder}/{file}: tracks.toml has no track {folder}");
    }
    let mut labs = Vec::new();
    for track in &tracks {
        let ours = texts.iter().filter(|text| text.folder == track.name);
        for (number, Text { file, text, .. }) in (1..).zip(ours) {
            let at = || format!("{}/{file}", track.name);
            let slug = slug(file, number).with_context(at)?;
            let lab = parse::lab(text, &track.name, slug).with_context(at)?;
            if lab.number != number {
                bail!("{}: this is lab {} at place {number}", at(), lab.number);
            }
            labs.push(lab);
        }
    }
    Ok(labs)
}

/// The name in `01-compose.md`.
fn slug(file: &str, number: usize) -> Result<&str> {
    let slug = file.strip_prefix(&format!("{number:02}-")).and_then(|name| name.strip_suffix(".md"));
    let plain = |slug: &&str| {
        !slug.is_empty() && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    slug.filter(plain)
        .with_context(|| format!("the files of a track are numbered: this would be {number:02}-its-name.md"))
}

/// One lab by what a student types: `web/2`, `web/one-door`, or `2` in the first track.
///
/// # Errors
/// When there is none of that name.
pub fn one(word: &str) -> Result<Lab> {
    find(&all()?, word).cloned()
}

/// The same among these.
///
/// # Errors
/// When there is none of that name.
pub fn find<'a>(labs: &'a [Lab], word: &str) -> Result<&'a Lab> {
    let (track, rest) = word.split_once('/').unwrap_or((FIRST_TRACK, word));
    let number: Option<usize> = rest.parse().ok();
    let found = labs.iter().find(|lab| lab.track == track && (Some(lab.number) == number || lab.slug == rest));
    // A name alone means the only lab of that name.
    let found = found.or_else(|| labs.iter().find(|lab| lab.slug == word));
    found.with_context(|| {
        let ours: Vec<String> = labs.iter().filter(|lab| lab.track == track).map(Lab::name).collect();
        let there = match ours.as_slice() {
            [] => "no such track".to_owned(),
            [one] => format!("there is {one}"),
            [first, .., last] => format!("there are {first} to {last}"),
        };
        format!("there is no lab {word}; {there}: `lab list` shows all")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::facts;

    #[test]
    fn every_lab_can_be_read_and_filled_in_for_both_kernels() {
        let labs = all().unwrap();
        assert!(labs.len() >= 8, "{}", labs.len());
        for lab in labs {
            for ipvs in [true, false] {
                let facts = facts(ipvs);
                facts.text(&lab.intro).unwrap();
                for step in &lab.steps {
                    let at = format!("{} step {}", lab.name(), step.number);
                    for text in [&step.purpose, &step.observe, &step.hint] {
                        facts.text(text).unwrap_or_else(|error| panic!("{at}: {error}"));
                    }
                    facts.parts(&step.task).unwrap_or_else(|error| panic!("{at}: {error}"));
                    facts.parts(&step.solution).unwrap_or_else(|error| panic!("{at}: {error}"));
                    for check in &step.checks {
                        facts.fill(&check.line).unwrap_or_else(|error| panic!("{at}: {error}"));
                    }
                    let has_commands = step.commands().next().is_some();
                    let skipped = !step.needs.is_empty() || !lab.needs.is_empty();
                    assert!(
                        !has_commands || skipped || step.commands().any(|block| facts.applies(block)),
                        "{at}, IPVS {ipvs}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_lab_starts_from_beginnings_that_there_are() {
        let beginnings = crate::beginning::all().unwrap();
        for lab in all().unwrap() {
            crate::beginning::order(&lab.start, &beginnings).unwrap_or_else(|error| panic!("{}: {error}", lab.name()));
        }
    }

    /// All commands that labs and their beginnings have, with where they stand.
    fn commands() -> Vec<(String, String)> {
        let mut found = Vec::new();
        for beginning in crate::beginning::all().unwrap() {
            found.extend(beginning.commands.iter().map(|block| (beginning.name.clone(), block.script.clone())));
        }
        for lab in all().unwrap() {
            for step in &lab.steps {
                let mistakes = step.mistakes.iter().flat_map(|mistake| mistake.commands.iter().chain(&mistake.back));
                for block in step.commands().chain(mistakes) {
                    found.push((format!("{} step {}", lab.name(), step.number), block.script.clone()));
                }
            }
        }
        assert!(found.len() > 200, "{}", found.len());
        found
    }

    /// A machine's host name is long, `head.experiment.project.site`: the swarm knows it by that, and a task that wants `head` waits for ever.
    #[test]
    fn nodes_are_named_as_the_swarm_knows_them() {
        let short =
            regex::Regex::new(r"node\.hostname[!=]=[a-z0-9-]|docker node [a-z ]*(--[a-z]+ [a-z]+ )?(head|worker-)")
                .unwrap();
        for (at, script) in commands() {
            assert!(!short.is_match(&script), "{at}: write {{{{head.node}}}} in\n{script}");
        }
    }

    /// The profile builds what this file names, and a beginning's image is made of it.
    #[test]
    fn an_image_is_of_a_program_that_machines_have() {
        let programs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../compose/programs")).unwrap();
        let target = regex::Regex::new(r"compose/Dockerfile --target ([a-z]+)").unwrap();
        let mut seen = 0;
        for (at, script) in commands() {
            for [name] in target.captures_iter(&script).map(|found| found.extract().1) {
                seen += 1;
                assert!(programs.split_whitespace().any(|program| program == name), "{at}: {name}");
            }
        }
        assert!(seen >= 5, "{seen}");
        let setup = include_str!("../../cloudlab/setup.sh");
        assert!(setup.contains(r#"all="$(cat compose/programs) lab""#), "setup.sh builds other programs");
    }

    #[test]
    fn a_lab_has_several_names() {
        let labs = all().unwrap();
        for word in ["2", "coins/2", "coins/bottleneck", "bottleneck"] {
            assert_eq!(find(&labs, word).unwrap().id(), "coins/bottleneck", "{word}");
        }
        assert!(find(&labs, "99").unwrap_err().to_string().contains("there are coins/1 to coins/8"));
        assert!(find(&labs, "nonsuch/1").unwrap_err().to_string().contains("no such track"));
    }

    #[test]
    fn files_are_numbered() {
        assert_eq!(slug("02-one-door.md", 2).unwrap(), "one-door");
        for (file, number) in [("02-x.md", 1), ("2-x.md", 2), ("02-X.md", 2), ("02-.md", 2)] {
            assert!(slug(file, number).is_err(), "{file}");
        }
    }
}
