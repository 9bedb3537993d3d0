//! What is asked in a terminal: a line with an answer, or a key that chooses what is done next.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// A key, and what it does; the empty one is Enter.
pub type Key = (&'static str, &'static str);

/// What was typed where keys are asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// One of the keys.
    Key(&'static str),
    /// An answer to the step's question, by the command that gives it elsewhere.
    Answer(String),
    /// Nothing that is asked for.
    Other,
}

/// Whether somebody can answer.
pub fn interactive() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks for a line; without a terminal there is nobody to answer, and at the end of input neither.
pub fn prompt(text: &str) -> anyhow::Result<Option<String>> {
    if !interactive() {
        return Ok(None);
    }
    anstream::print!("{text}");
    std::io::stdout().flush()?;
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line)?;
    if read == 0 {
        anstream::println!();
    }
    Ok((read > 0).then(|| line.trim().to_owned()))
}

/// Asks until one of the keys is typed, or an answer where `a` is a key.
pub fn choose(keys: &[Key]) -> anyhow::Result<Option<Typed>> {
    loop {
        let Some(line) = prompt(&menu(keys, super::style().width))? else { return Ok(None) };
        match read(&line, keys) {
            Typed::Other => {
                // What was pasted is several lines, and the next one may be a key by chance.
                cluster::terminal::forget_typed();
                anstream::println!("{}", no_key(keys));
            }
            typed => return Ok(Some(typed)),
        }
    }
}

/// What a line means.
fn read(line: &str, keys: &[Key]) -> Typed {
    let key = |name: &str| keys.iter().find(|(key, _)| *key == name).map(|(key, _)| *key);
    match (key(line), answer_in(line)) {
        (Some(key), _) => Typed::Key(key),
        (None, Some(word)) if key("a").is_some() => Typed::Answer(word.to_owned()),
        _ => Typed::Other,
    }
}

/// The answer in a line, which is no command of ours that was meant for a shell.
pub fn answer(line: &str) -> anyhow::Result<&str> {
    match answer_in(line) {
        Some(word) => Ok(word),
        None if line == "lab" || line.starts_with("lab ") => {
            anyhow::bail!("`{line}` is a command: here the answer itself is typed")
        }
        None => Ok(line),
    }
}

/// What `lab answer WORD` would answer.
fn answer_in(line: &str) -> Option<&str> {
    line.strip_prefix("lab answer ").map(str::trim).filter(|word| !word.is_empty())
}

/// The keys with what they do, no line longer than the terminal.
fn menu(keys: &[Key], width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for (at, (key, does)) in keys.iter().enumerate() {
        let end = if at + 1 == keys.len() { ": " } else { "" };
        let item = format!("[{}] {does}{end}", name(key));
        let wide = item.chars().count();
        if at > 0 && column + 2 + wide > width {
            out.push('\n');
            column = 0;
        } else if at > 0 {
            out.push_str("  ");
            column += 2;
        }
        out.push_str(&item);
        column += wide;
    }
    out
}

/// What is said to a line that is none of the keys.
fn no_key(keys: &[Key]) -> String {
    let names: Vec<&str> = keys.iter().map(|(key, _)| name(key)).collect();
    let shell = keys.iter().find(|(_, does)| does.contains("shell"));
    let shell = shell.map(|(key, _)| format!("; {} is a shell for commands", name(key))).unwrap_or_default();
    format!("no such key: there are {}{shell}", names.join(", "))
}

fn name(key: &'static str) -> &'static str {
    if key.is_empty() { "Enter" } else { key }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [Key; 7] = [
        ("", "check again"),
        ("a", "answer"),
        ("c", "commands"),
        ("s", "shell"),
        ("h", "hint"),
        ("v", "solution"),
        ("q", "quit"),
    ];

    #[test]
    fn only_a_key_is_a_key_and_an_answer_is_understood_by_its_command() {
        assert_eq!(read("", &KEYS), Typed::Key(""));
        assert_eq!(read("q", &KEYS), Typed::Key("q"));
        assert_eq!(read("lab answer  b", &KEYS), Typed::Answer("b".to_owned()));
        for other in ["x", "lab check", "docker service scale rng=3", "exit", "lab answer "] {
            assert_eq!(read(other, &KEYS), Typed::Other, "{other}");
        }
        // Before there is anything to answer, an answer is no key.
        assert_eq!(read("lab answer b", &[("", "check"), ("q", "quit")]), Typed::Other);
    }

    #[test]
    fn a_command_of_ours_is_no_answer_but_for_the_one_that_answers() {
        assert_eq!((answer("45").unwrap(), answer("lab answer 45").unwrap()), ("45", "45"));
        assert_eq!(answer("labels").unwrap(), "labels");
        for command in ["lab check", "lab", "lab answer "] {
            assert!(answer(command).unwrap_err().to_string().contains("the answer itself"), "{command}");
        }
    }

    #[test]
    fn keys_and_what_is_said_without_one_fit_the_terminal() {
        let shown = menu(&KEYS, 80);
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(shown.starts_with("[Enter] check again  [a] answer") && shown.ends_with("[q] quit: "), "{shown}");
        let said = no_key(&KEYS);
        assert_eq!(said, "no such key: there are Enter, a, c, s, h, v, q; s is a shell for commands");
        assert_eq!(no_key(&[("", "next step"), ("q", "quit")]), "no such key: there are Enter, q");
    }
}
