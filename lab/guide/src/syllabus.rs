//! Which labs a class does, and in which order: a file that the teacher writes, a lab on each line, as `web/2` or, in the first track, its number.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::lab::Lab;
use crate::labs;

/// The labs of a syllabus in its order; all labs where there is no syllabus.
///
/// # Errors
/// The file cannot be read, or a line of it is no lab, or names one twice; the message has the line.
pub fn labs(file: Option<&Path>) -> Result<Vec<Lab>> {
    let all = labs::all()?;
    let Some(file) = file else { return Ok(all) };
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("the syllabus {shown} cannot be read"))?;
    choose(&text, &all).with_context(|| format!("the syllabus {shown}"))
}

fn choose(text: &str, all: &[Lab]) -> Result<Vec<Lab>> {
    let mut chosen: Vec<Lab> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let said = line.split('#').next().unwrap_or_default().trim();
        if said.is_empty() {
            continue;
        }
        let lab = labs::find(all, said)
            .with_context(|| format!("line {number}: `{said}` is no lab; write one as `coins/1`"))?;
        if chosen.iter().any(|known| known.id() == lab.id()) {
            bail!("line {number}: lab {said} stands there twice");
        }
        chosen.push(lab.clone());
    }
    if chosen.is_empty() {
        bail!("it names no lab; write one on each line, as `coins/1`");
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Result<Vec<usize>, String> {
        let all = labs::all().unwrap();
        // All labs of a track are there, in its order; the numbers say which.
        choose(text, &all).map(|labs| labs.iter().map(|lab| lab.number).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn labs_come_in_the_order_of_the_file() {
        assert_eq!(numbers("# first week\n2\ncoins/1   # afterwards\n\nscaling\n"), Ok(vec![2, 1, 6]));
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        assert!(numbers("1\ntwo\n").unwrap_err().starts_with("line 2: `two` is no lab"));
        assert!(numbers("99").unwrap_err().contains("`99` is no lab"));
        assert!(numbers("3\n4\n3").unwrap_err().starts_with("line 3: lab 3 stands there twice"));
        assert!(numbers("# nothing\n").unwrap_err().contains("names no lab"));
    }
}
