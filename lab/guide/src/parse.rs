//! Reading a lab from its Markdown.

use crate::check::Assertion;
use crate::lab::{Commands, Lab, On, Only, Part, Question, Start, Step};
use crate::rows;

/// What is wrong with a lab's text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Error {}

fn wrong<T>(line: usize, what: impl Into<String>) -> Result<T, Error> {
    Err(Error { line, what: what.into() })
}

/// A heading and what stands under it, up to the next heading of any level.
struct Section<'a> {
    level: usize,
    title: &'a str,
    line: usize,
    body: Vec<(usize, &'a str)>,
}

impl Section<'_> {
    fn text(&self) -> String {
        let lines: Vec<&str> = self.body.iter().map(|(_, line)| *line).collect();
        lines.join("\n").trim().to_owned()
    }
}

/// Splits at headings; `#` inside a fence is no heading.
fn sections(text: &str) -> Result<Vec<Section<'_>>, Error> {
    let mut sections: Vec<Section> = Vec::new();
    let mut fence = None;
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with("```") {
            fence = if fence.is_some() { None } else { Some(number) };
        }
        let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
        if fence.is_none() && (1..=3).contains(&hashes) && line[hashes..].starts_with(' ') {
            let title = line[hashes..].trim();
            sections.push(Section { level: hashes, title, line: number, body: Vec::new() });
        } else if let Some(section) = sections.last_mut() {
            section.body.push((number, line));
        } else if !line.trim().is_empty() {
            return wrong(number, "text before the first heading");
        }
    }
    match fence {
        Some(line) => wrong(line, "this fence is not closed"),
        None => Ok(sections),
    }
}

/// Reads one lab.
///
/// # Errors
/// When it has no step, a step has no check, or anything in it is unknown: a lab that is silently skipped would teach
/// nobody and fail no test.
pub fn lab(text: &str) -> Result<Lab, Error> {
    let sections = sections(text)?;
    let Some((head, rest)) = sections.split_first() else { return wrong(1, "there is no heading") };
    let titled = head.title.strip_prefix("Lab ").and_then(|title| title.split_once(": "));
    let Some((Ok(number), title)) = titled.map(|(n, title)| (n.parse(), title)) else {
        return wrong(head.line, "a lab begins with `# Lab 1: its title`");
    };
    let (mut minutes, mut start, mut intro) = (None, None, String::new());
    for (line, text) in &head.body {
        if let Some(value) = text.strip_prefix("- Time: ") {
            minutes = value.strip_suffix(" minutes").and_then(|n| n.parse().ok());
            if minutes.is_none() {
                return wrong(*line, "the time is given as `- Time: 20 minutes`");
            }
        } else if let Some(value) = text.strip_prefix("- Starts from: ") {
            start = Start::from_word(value);
            if start.is_none() {
                return wrong(*line, format!("{value:?} is none of nodes, compose, swarm, registry, services"));
            }
        } else {
            intro.push_str(text);
            intro.push('\n');
        }
    }
    let Some(minutes) = minutes else { return wrong(head.line, "the line `- Time: 20 minutes` is missing") };
    let Some(start) = start else { return wrong(head.line, "the line `- Starts from: nodes` is missing") };
    let steps = steps(rest)?;
    if steps.is_empty() {
        return wrong(head.line, "a lab has at least one step, `## Step 1: its title`");
    }
    Ok(Lab { number, title: title.to_owned(), minutes, start, intro: intro.trim().to_owned(), steps })
}

fn steps(sections: &[Section]) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    let mut rest = sections;
    while let Some((head, after)) = rest.split_first() {
        if head.level != 2 {
            return wrong(head.line, format!("`{}` stands in no step", head.title));
        }
        let end = after.iter().position(|section| section.level < 3).unwrap_or(after.len());
        let (inside, behind) = after.split_at(end);
        steps.push(step(head, inside, steps.len() + 1)?);
        rest = behind;
    }
    Ok(steps)
}

fn step(head: &Section, inside: &[Section], number: usize) -> Result<Step, Error> {
    let prefix = format!("Step {number}: ");
    let Some(title) = head.title.strip_prefix(&prefix) else {
        return wrong(head.line, format!("this step's heading begins with `## {prefix}`"));
    };
    let mut step = Step {
        number,
        title: title.to_owned(),
        purpose: head.text(),
        question: None,
        task: Vec::new(),
        observe: String::new(),
        hint: String::new(),
        solution: Vec::new(),
        checks: Vec::new(),
        rows: Vec::new(),
    };
    let mut seen: Vec<&str> = Vec::new();
    let mut question = None;
    for section in inside {
        if seen.contains(&section.title) {
            return wrong(section.line, format!("a second `### {}` in one step", section.title));
        }
        seen.push(section.title);
        match section.title {
            "Predict" => question = Some(section),
            "Do" => step.task = parts(section)?,
            "Observe" => step.observe = section.text(),
            "Hint" => step.hint = section.text(),
            "Solution" => step.solution = parts(section)?,
            "Check" => step.checks = checks(section)?,
            "Covers" => step.rows = covered(section)?,
            other => {
                return wrong(
                    section.line,
                    format!("`### {other}` is none of Predict, Do, Observe, Hint, Solution, Check, Covers"),
                );
            }
        }
    }
    for needed in ["Do", "Observe", "Hint", "Solution"] {
        if !seen.contains(&needed) {
            return wrong(head.line, format!("step {number} has no `### {needed}`"));
        }
    }
    if step.checks.is_empty() {
        return wrong(head.line, format!("step {number} has no check"));
    }
    if let Some(section) = question {
        step.question = Some(ask(section, &step.solution)?);
    }
    for check in &step.checks {
        if let (Assertion::Answer(letter), right) = (check, step.question.as_ref().map(|q| q.right))
            && right != Some(*letter)
        {
            return wrong(head.line, format!("the check wants answer {letter}, and the solution says {right:?}"));
        }
    }
    if step.commands().next().is_none() && step.question.is_none() {
        return wrong(head.line, format!("step {number} has neither a command nor a question"));
    }
    Ok(step)
}

/// A question: its choices are `- a) …`, and the solution begins with `Answer: **a**`.
fn ask(section: &Section, solution: &[Part]) -> Result<Question, Error> {
    let choices: Vec<char> = section
        .body
        .iter()
        .filter_map(|(_, line)| line.strip_prefix("- ")?.split_once(") "))
        .filter_map(|(letter, _)| Some(letter.chars().next()?).filter(|_| letter.chars().count() == 1))
        .collect();
    if choices.len() < 2 || choices.iter().zip('a'..).any(|(have, want)| *have != want) {
        return wrong(section.line, "a question has two choices or more: `- a) …`, `- b) …`");
    }
    let said = solution.iter().find_map(|part| match part {
        Part::Text(text) => text.split_once("Answer: **").and_then(|(_, rest)| rest.chars().next()),
        Part::Commands(_) => None,
    });
    match said.filter(|letter| choices.contains(letter)) {
        Some(right) => Ok(Question { text: section.text(), choices, right }),
        None => wrong(section.line, "the solution names the right choice as `Answer: **a**`"),
    }
}

/// Text and commands, in their order. A fence of `sh` is commands, any other is text.
fn parts(section: &Section) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut lines = section.body.iter();
    while let Some((number, line)) = lines.next() {
        let info = line.strip_prefix("```").map(|info| info.split_whitespace().collect::<Vec<_>>());
        match info.as_deref() {
            Some(["sh", words @ ..]) => {
                if !text.trim().is_empty() {
                    parts.push(Part::Text(text.trim().to_owned()));
                }
                text.clear();
                let script: Vec<&str> = lines.by_ref().map(|(_, line)| *line).take_while(|l| *l != "```").collect();
                parts.push(Part::Commands(commands(*number, words, script.join("\n"))?));
            }
            Some(_) => {
                // Other fences are shown as they are, whatever is in them.
                text.push_str(line);
                text.push('\n');
                for (_, line) in lines.by_ref() {
                    text.push_str(line);
                    text.push('\n');
                    if *line == "```" {
                        break;
                    }
                }
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    if !text.trim().is_empty() {
        parts.push(Part::Text(text.trim().to_owned()));
    }
    Ok(parts)
}

fn commands(line: usize, words: &[&str], script: String) -> Result<Commands, Error> {
    if script.trim().is_empty() {
        return wrong(line, "a block of commands is empty");
    }
    let (mut on, mut only) = (On::Node("head".to_owned()), Vec::new());
    for word in words {
        match word.split_once('=') {
            Some(("on", "here")) => on = On::Here,
            Some(("on", node)) if !node.is_empty() => on = On::Node(node.to_owned()),
            Some(("if", condition)) => match Only::from_word(condition) {
                Some(condition) => only.push(condition),
                None => return wrong(line, format!("if={condition} is none of ipvs, no-ipvs, cluster, machines")),
            },
            _ => return wrong(line, format!("{word:?}: behind `sh` come on=NODE and if=CONDITION")),
        }
    }
    Ok(Commands { on, only, script })
}

fn checks(section: &Section) -> Result<Vec<Assertion>, Error> {
    let mut checks = Vec::new();
    let mut inside = false;
    for (number, line) in &section.body {
        match (inside, *line) {
            (false, "```check") => inside = true,
            (true, "```") => inside = false,
            (true, text) if !text.trim().is_empty() => match text.parse() {
                Ok(check) => checks.push(check),
                Err(error) => return wrong(*number, error),
            },
            (false, text) if text.starts_with("```") => return wrong(*number, "checks stand in a fence of `check`"),
            _ => {}
        }
    }
    Ok(checks)
}

fn covered(section: &Section) -> Result<Vec<String>, Error> {
    let text = section.text();
    let ids: Vec<String> = text.trim_end_matches('.').split(", ").map(str::to_owned).collect();
    match ids.iter().find(|id| !rows::known(id)) {
        Some(id) => wrong(section.line, format!("the checklist has no row {id:?}")),
        None => Ok(ids),
    }
}

/// Reads the file of the starts: a `## name` for each, with commands.
///
/// # Errors
/// When a section has no commands.
pub fn starts(text: &str) -> Result<Vec<(String, Vec<Part>)>, Error> {
    let mut starts = Vec::new();
    for section in sections(text)?.iter().filter(|section| section.level == 2) {
        let parts = parts(section)?;
        if crate::lab::commands(&parts).next().is_none() {
            return wrong(section.line, format!("`{}` has no commands", section.title));
        }
        starts.push((section.title.to_owned(), parts));
    }
    Ok(starts)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
