//! Reading a lab from its Markdown.

use std::collections::BTreeMap;

use crate::beginning::Beginning;
use crate::check::{Answer, Check};
use crate::lab::{Commands, Lab, Mistake, On, Only, Part, Question, Step};
use crate::need::Need;
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

/// Reads one lab; `track` and `slug` say which one it is, as its folder and its file do.
///
/// # Errors
/// When it has no step, a step has no check, or anything in it is unknown: a lab that is silently skipped would teach
/// nobody and fail no test.
pub fn lab(text: &str, track: &str, slug: &str) -> Result<Lab, Error> {
    let sections = sections(text)?;
    let Some((head, rest)) = sections.split_first() else { return wrong(1, "there is no heading") };
    let titled = head.title.strip_prefix("Lab ").and_then(|title| title.split_once(": "));
    let Some((Ok(number), title)) = titled.map(|(n, title)| (n.parse(), title)) else {
        return wrong(head.line, "a lab begins with `# Lab 1: its title`");
    };
    let (mut minutes, mut start, mut needs, mut intro) = (None, None, Vec::new(), String::new());
    for (line, text) in &head.body {
        if let Some(value) = text.strip_prefix("- Time: ") {
            minutes = value.strip_suffix(" minutes").and_then(|n| n.parse().ok());
            if minutes.is_none() {
                return wrong(*line, "the time is given as `- Time: 20 minutes`");
            }
        } else if let Some(value) = text.strip_prefix("- Starts from: ") {
            start = Some(names(value).into_iter().filter(|name| name != NODES).collect());
        } else if let Some(value) = text.strip_prefix("- Needs: ") {
            needs = Need::list(value).or_else(|error| wrong(*line, error))?;
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
    let (track, slug, title) = (track.to_owned(), slug.to_owned(), title.to_owned());
    Ok(Lab { track, slug, number, title, minutes, start, needs, intro: intro.trim().to_owned(), steps })
}

/// The word for machines with Docker in no swarm, where every beginning starts.
pub const NODES: &str = "nodes";

/// Words with commas between.
pub(crate) fn names(text: &str) -> Vec<String> {
    text.trim_end_matches('.').split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
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

/// The sections of a step.
const SECTIONS: &str = "Predict, Do, Observe, Ask, Hint, Solution, Check, Mistake, Covers";

fn step(head: &Section, inside: &[Section], number: usize) -> Result<Step, Error> {
    let prefix = format!("Step {number}: ");
    let Some(title) = head.title.strip_prefix(&prefix) else {
        return wrong(head.line, format!("this step's heading begins with `## {prefix}`"));
    };
    let mut step = Step {
        number,
        title: title.to_owned(),
        purpose: String::new(),
        reading: false,
        needs: Vec::new(),
        question: None,
        ask: None,
        task: Vec::new(),
        observe: String::new(),
        hint: String::new(),
        solution: Vec::new(),
        checks: Vec::new(),
        mistakes: Vec::new(),
        rows: Vec::new(),
    };
    for (line, text) in &head.body {
        if *text == "- Reading" {
            step.reading = true;
        } else if let Some(value) = text.strip_prefix("- Needs: ") {
            step.needs = Need::list(value).or_else(|error| wrong(*line, error))?;
        } else {
            step.purpose.push_str(text);
            step.purpose.push('\n');
        }
    }
    step.purpose = step.purpose.trim().to_owned();
    let mut seen: Vec<&str> = Vec::new();
    let mut question = None;
    for section in inside {
        let (name, more) = section.title.split_once(": ").unwrap_or((section.title, ""));
        if seen.contains(&name) && name != "Mistake" {
            return wrong(section.line, format!("a second `### {name}` in one step"));
        }
        seen.push(name);
        match name {
            "Predict" => question = Some(section),
            "Do" => step.task = parts(section)?,
            "Observe" => step.observe = section.text(),
            "Ask" => step.ask = Some(section.text()),
            "Hint" => step.hint = section.text(),
            "Solution" => step.solution = parts(section)?,
            "Check" => step.checks = checks(section)?,
            "Mistake" => step.mistakes.push(mistake(section, more)?),
            "Covers" => step.rows = covered(section)?,
            other => return wrong(section.line, format!("`### {other}` is none of {SECTIONS}")),
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
    answers(&step).or_else(|error| wrong(head.line, error))?;
    let elsewhere = step.task.iter().any(|part| matches!(part, Part::Answer(_)));
    if elsewhere || (step.readings().next().is_some() && step.ask.is_none()) {
        return wrong(head.line, "a fence of `answer` stands in the solution of a step that has `### Ask`");
    }
    if step.commands().next().is_none() && step.question.is_none() && step.ask.is_none() {
        return wrong(head.line, format!("step {number} has neither a command nor a question"));
    }
    Ok(step)
}

/// Each question is checked, and each line about an answer has its question.
fn answers(step: &Step) -> Result<(), String> {
    let (mut chosen, mut typed) = (false, false);
    for check in &step.checks {
        match (check.answer(), step.question.as_ref().map(|question| question.right)) {
            (Some(Answer::Choice(letter)), right) => {
                chosen = true;
                if right != Some(letter) {
                    return Err(format!("the check wants answer {letter}, and the solution says {right:?}"));
                }
            }
            (Some(_), _) => typed = true,
            (None, _) => {}
        }
    }
    match (step.question.is_some(), chosen, step.ask.is_some(), typed) {
        (true, false, ..) => Err("nothing checks the choice: `answer LETTER`".to_owned()),
        (_, _, true, false) => Err("nothing checks what is asked: `answer number SOURCE within 10%`".to_owned()),
        (_, _, false, true) => Err("the check wants a typed answer, and there is no `### Ask`".to_owned()),
        _ => Ok(()),
    }
}

/// List items `- a) text`, each with the lines that belong to it.
fn lettered(text: &str) -> Vec<(char, String)> {
    let mut items: Vec<(char, String)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let item = line.strip_prefix("- ").and_then(|item| item.split_once(") "));
        let letter = item.and_then(|(letter, text)| Some((letter.chars().next()?, letter.chars().count() == 1, text)));
        if let Some((letter, true, text)) = letter {
            items.push((letter, text.trim().to_owned()));
            inside = true;
        } else if inside && line.starts_with("  ") && !line.trim().is_empty() {
            if let Some((_, text)) = items.last_mut() {
                text.push(' ');
                text.push_str(line.trim());
            }
        } else {
            inside = false;
        }
    }
    items
}

/// A question: its choices are `- a) …`, the solution begins with `Answer: **a**` and says of each wrong choice, as
/// `- b) …`, why it tempts.
fn ask(section: &Section, solution: &[Part]) -> Result<Question, Error> {
    let whole = section.text();
    let choices = lettered(&whole);
    if choices.len() < 2 || choices.iter().zip('a'..).any(|((have, _), want)| *have != want) {
        return wrong(section.line, "a question has two choices or more: `- a) …`, `- b) …`");
    }
    let text = whole.split("\n- a) ").next().unwrap_or_default().trim().to_owned();
    let texts = solution.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Commands(_) | Part::Answer(_) => None,
    });
    let explained: Vec<&str> = texts.collect();
    let said = explained.iter().find_map(|text| text.split_once("Answer: **")?.1.chars().next());
    let right = said.filter(|letter| choices.iter().any(|(choice, _)| choice == letter));
    let Some(right) = right else {
        return wrong(section.line, "the solution names the right choice as `Answer: **a**`");
    };
    let tempting: BTreeMap<char, String> = explained.iter().flat_map(|text| lettered(text)).collect();
    if tempting.keys().any(|letter| *letter == right || choices.iter().all(|(choice, _)| choice != letter)) {
        return wrong(section.line, "the solution explains, as `- a) …`, a choice that is right or not there");
    }
    Ok(Question { text, choices, right, tempting })
}

/// A mistake: commands, the fence `says`, and commands that lead back where the solution does not.
fn mistake(section: &Section, title: &str) -> Result<Mistake, Error> {
    let parts = parts(section)?;
    // What must be said, and whether the untouched state is told the same.
    let says = |part: &Part| match part {
        Part::Text(text) => {
            let mut lines = text.lines().skip_while(|line| !line.starts_with("```says"));
            let anyway = match lines.next()?.strip_prefix("```says")?.trim() {
                "" => false,
                "anyway" => true,
                _ => return None,
            };
            let words = lines.take_while(|line| *line != "```").flat_map(str::split_whitespace);
            Some((words.collect::<Vec<_>>().join(" "), anyway))
        }
        Part::Commands(_) | Part::Answer(_) => None,
    };
    let Some((at, (says, anyway))) = (0..).zip(&parts).find_map(|(at, part)| Some((at, says(part)?))) else {
        return wrong(section.line, "a mistake has what the check must say, in a fence of `says` or `says anyway`");
    };
    let (typed, back) = parts.split_at(at);
    let of = |parts: &[Part]| crate::lab::commands(parts).cloned().collect::<Vec<_>>();
    let mistake = Mistake { title: title.to_owned(), commands: of(typed), says, anyway, back: of(back) };
    if mistake.commands.is_empty() || mistake.says.is_empty() {
        return wrong(section.line, "a mistake has a command (a fence of `sh`), and behind it what the check must say");
    }
    Ok(mistake)
}

/// Text and commands, in their order. A fence of `sh` is commands, one of `answer` the command that gives it, any other is text.
fn parts(section: &Section) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut lines = section.body.iter();
    while let Some((number, line)) = lines.next() {
        let info = line.strip_prefix("```").map(|info| info.split_whitespace().collect::<Vec<_>>());
        match info.as_deref() {
            Some([kind @ ("sh" | "answer"), words @ ..]) => {
                if !text.trim().is_empty() {
                    parts.push(Part::Text(text.trim().to_owned()));
                }
                text.clear();
                let script: Vec<&str> = lines.by_ref().map(|(_, line)| *line).take_while(|l| *l != "```").collect();
                let block = commands(*number, words, script.join("\n"))?;
                parts.push(if *kind == "sh" { Part::Commands(block) } else { Part::Answer(block) });
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
    let (mut on, mut only, mut may_fail) = (On::Node("head".to_owned()), Vec::new(), false);
    for word in words {
        match word.split_once('=') {
            None if *word == "may-fail" => may_fail = true,
            Some(("on", "here")) => on = On::Here,
            Some(("on", node)) if !node.is_empty() => on = On::Node(node.to_owned()),
            Some(("if", condition)) => match Only::from_word(condition) {
                Some(condition) => only.push(condition),
                None => return wrong(line, format!("if={condition} is none of {CONDITIONS}")),
            },
            _ => return wrong(line, format!("{word:?}: behind `sh` come on=NODE, if=CONDITION and may-fail")),
        }
    }
    Ok(Commands { on, only, may_fail, script })
}

/// Lines of checks; one that is indented goes on the line before it.
fn checks(section: &Section) -> Result<Vec<Check>, Error> {
    let mut lines: Vec<(usize, String, Vec<Only>)> = Vec::new();
    let mut inside: Option<Vec<Only>> = None;
    for (number, line) in &section.body {
        let fence = line.strip_prefix("```").map(|info| info.split_whitespace().collect::<Vec<_>>());
        match (&inside, fence.as_deref()) {
            (None, Some(["check", words @ ..])) => {
                let mut only = Vec::new();
                for word in words {
                    let condition = word.strip_prefix("if=").and_then(Only::from_word);
                    match condition {
                        Some(condition) => only.push(condition),
                        None => return wrong(*number, format!("{word:?}: behind `check` come {CONDITIONS}")),
                    }
                }
                inside = Some(only);
            }
            (Some(_), Some([])) => inside = None,
            (None, Some(_)) => return wrong(*number, "checks stand in a fence of `check`"),
            (Some(only), None) if !line.trim().is_empty() => match lines.last_mut() {
                Some((_, before, _)) if line.starts_with(' ') => {
                    before.push(' ');
                    before.push_str(line.trim());
                }
                _ => lines.push((*number, line.trim().to_owned(), only.clone())),
            },
            _ => {}
        }
    }
    lines
        .into_iter()
        .map(|(number, line, only)| Check::read(&line, &only).or_else(|error| wrong(number, error)))
        .collect()
}

/// What may stand behind `if=`.
const CONDITIONS: &str = "if=ipvs, if=no-ipvs, if=cluster or if=machines";

fn covered(section: &Section) -> Result<Vec<String>, Error> {
    let text = section.text();
    let ids: Vec<String> = text.trim_end_matches('.').split(", ").map(str::to_owned).collect();
    match ids.iter().find(|id| !rows::known(id)) {
        Some(id) => wrong(section.line, format!("the checklist has no row {id:?}")),
        None => Ok(ids),
    }
}

/// Reads a beginning: `# its title`, lines of what it needs, commands.
///
/// # Errors
/// When it has no commands, or one of its lines is unknown.
pub fn beginning(text: &str, name: &str) -> Result<Beginning, Error> {
    let sections = sections(text)?;
    let [head] = sections.as_slice() else { return wrong(1, "a beginning has one heading, `# What is there then`") };
    let mut beginning = Beginning { name: name.to_owned(), title: head.title.to_owned(), ..Beginning::default() };
    for (line, text) in &head.body {
        if let Some(value) = text.strip_prefix("- After: ") {
            beginning.after = names(value).into_iter().filter(|name| name != NODES).collect();
        } else if let Some(value) = text.strip_prefix("- Images: ") {
            beginning.images = names(value);
        } else if let Some(value) = text.strip_prefix("- Needs: ") {
            beginning.needs = Need::list(value).or_else(|error| wrong(*line, error))?;
        } else if text.starts_with("- ") {
            return wrong(*line, "a beginning has the lines `- After: `, `- Images: ` and `- Needs: `");
        }
    }
    beginning.commands = crate::lab::commands(&parts(head)?).cloned().collect();
    if beginning.commands.is_empty() && beginning.images.is_empty() {
        return wrong(head.line, format!("`{}` has neither commands nor images", head.title));
    }
    Ok(beginning)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
