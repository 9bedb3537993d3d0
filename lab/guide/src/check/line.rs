//! Reading a line: `[keep] VERB ARGUMENT... [as "what holds"] [else "what to do"]`.

use std::collections::VecDeque;
use std::sync::Arc;

use super::verbs::{self, VERBS};
use super::{Check, Look};
use crate::lab::Only;

/// A word; one in quotes is never a keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    quoted: bool,
}

/// Words as a shell has them: blanks part them, "double quotes" (with \" and \\) and 'single quotes' hold them together.
fn words(line: &str) -> Result<VecDeque<Word>, String> {
    let mut words = VecDeque::new();
    let mut letters = line.chars().peekable();
    while let Some(&first) = letters.peek() {
        if first.is_whitespace() {
            letters.next();
            continue;
        }
        let mut word = Word { text: String::new(), quoted: false };
        while let Some(letter) = letters.next_if(|letter| !letter.is_whitespace()) {
            if letter != '"' && letter != '\'' {
                word.text.push(letter);
                continue;
            }
            word.quoted = true;
            loop {
                match letters.next() {
                    Some(end) if end == letter => break,
                    Some('\\') if letter == '"' && letters.peek().is_some_and(|next| "\"\\".contains(*next)) => {
                        word.text.extend(letters.next());
                    }
                    Some(other) => word.text.push(other),
                    None => return Err(format!("`{line}`: a quote is not closed")),
                }
            }
        }
        words.push_back(word);
    }
    Ok(words)
}

/// A verb's arguments, taken from the left.
#[derive(Debug)]
pub struct Args {
    words: VecDeque<Word>,
}

impl Args {
    /// The next word, whatever it is.
    ///
    /// # Errors
    /// When there is none.
    pub fn text(&mut self, name: &str) -> Result<String, String> {
        self.words.pop_front().map(|word| word.text).ok_or_else(|| format!("{name} is missing"))
    }

    /// All words that are left.
    ///
    /// # Errors
    /// When there is none.
    pub fn several(&mut self, name: &str) -> Result<Vec<String>, String> {
        let mut all = vec![self.text(name)?];
        all.extend(self.words.drain(..).map(|word| word.text));
        Ok(all)
    }

    /// The next word, which is a whole number.
    ///
    /// # Errors
    /// When it is not.
    pub fn whole(&mut self, name: &str) -> Result<usize, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name} is a whole number, not `{text}`"))
    }

    /// The next word, which is a port.
    ///
    /// # Errors
    /// When it is not.
    pub fn port(&mut self, name: &str) -> Result<u16, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name} is a port, not `{text}`"))
    }

    /// The next word, which is a number above zero.
    ///
    /// # Errors
    /// When it is not.
    pub fn number(&mut self, name: &str) -> Result<f64, String> {
        let text = self.text(name)?;
        positive(&text).ok_or_else(|| format!("{name} is a number above 0, not `{text}`"))
    }

    /// The next word as `5%`.
    ///
    /// # Errors
    /// When it is not.
    pub fn percent(&mut self, name: &str) -> Result<f64, String> {
        let text = self.text(name)?;
        text.strip_suffix('%').and_then(positive).ok_or_else(|| format!("{name} is given as `5%`, not `{text}`"))
    }

    /// Takes the next word if it is this keyword.
    pub fn takes(&mut self, keyword: &str) -> bool {
        let is = self.peek() == Some(keyword);
        if is {
            self.words.pop_front();
        }
        is
    }

    /// Takes the next word, which must be this keyword.
    ///
    /// # Errors
    /// When it is not.
    pub fn expect(&mut self, keyword: &str) -> Result<(), String> {
        if self.takes(keyword) { Ok(()) } else { Err(format!("`{keyword}` is missing")) }
    }

    /// The next word, where it is not in quotes.
    pub fn peek(&self) -> Option<&str> {
        self.words.front().filter(|word| !word.quoted).map(|word| word.text.as_str())
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

fn positive(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

/// Reads a line.
pub fn check(line: &str, only: &[Only]) -> Result<Check, String> {
    let mut words = words(line)?;
    let keyword = |words: &VecDeque<Word>, at: usize, text: &str| {
        words.get(at).is_some_and(|word| !word.quoted && word.text == text)
    };
    let keep = keyword(&words, 0, "keep");
    if keep {
        words.pop_front();
    }
    let mut at_end = |text| {
        let there = words.len() >= 2 && keyword(&words, words.len() - 2, text);
        // `same as NODE` is not meant.
        let there = there && words.back().is_some_and(|word| word.quoted);
        there.then(|| words.drain(words.len() - 2..).next_back()).flatten().map(|word| word.text)
    };
    let otherwise = at_end("else");
    let title = at_end("as");
    let Some(name) = words.pop_front().map(|word| word.text) else { return Err("an empty line".to_owned()) };
    let Some(verb) = VERBS.iter().find(|verb| verb.name() == name) else {
        return Err(format!("there is no check {name:?}{}", verbs::nearest(&name)));
    };
    let mut args = Args { words };
    let wrong = |why: String| format!("`{line}` is not of the form `{}`: {why}", verb.form);
    let look: Box<dyn Look> = (verb.read)(&mut args).map_err(wrong)?;
    if let Some(left) = args.words.front() {
        return Err(wrong(format!("`{}` is left over", left.text)));
    }
    if verb.generic && otherwise.is_none() {
        return Err(format!(
            "`{line}`: `{name}` cannot know what a student should do, so it ends with else \"what to do\""
        ));
    }
    if verb.holds_at_first && !keep {
        return Err(format!("`{line}` holds before the step already: write `keep {name} ...`"));
    }
    Ok(Check { line: line.to_owned(), keep, only: only.to_vec(), title, otherwise, look: Arc::from(look) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_shell() {
        let said = |line: &str| words(line).map(|words| words.into_iter().map(|word| word.text).collect::<Vec<_>>());
        assert_eq!(
            said(r#"run head "say \"a b\" \d" 'it "is"' x"#).unwrap()[2..],
            [r#"say "a b" \d"#, r#"it "is""#, "x"]
        );
        assert!(said("a \"b").unwrap_err().contains("not closed"));
        assert_eq!(said("  ").unwrap(), [""; 0]);
    }

    #[test]
    fn every_example_of_the_table_can_be_read() {
        for verb in VERBS {
            let read = check(verb.example, &[]);
            assert!(read.is_ok(), "{}: {read:?}", verb.example);
            assert!(!read.unwrap().what().is_empty(), "{}", verb.example);
            assert!(verb.example.trim_start_matches("keep ").starts_with(verb.name()), "{}", verb.example);
        }
    }

    #[test]
    fn a_line_has_a_title_in_place_of_the_verbs_words() {
        let what = |line: &str| check(line, &[]).unwrap().what();
        assert_eq!(what(r#"run head "docker ps" holds rng as "rng is there" else "Start it.""#), "rng is there");
        assert_eq!(what(r#"running rng 1 as "rng is there""#), "rng is there");
        assert_eq!(what(r#"run head "ps" holds "as" else "Start it.""#), "`ps` on head has `as`");
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        for (line, said) in [
            ("runing worker 2", "there is no check \"runing\"; did you mean `running`?"),
            ("running worker", "is not of the form `running SERVICE N`: N is missing"),
            ("running worker two", "N is a whole number, not `two`"),
            ("running worker 2 3", "`3` is left over"),
            ("rate 0 within 10%", "a number above 0"),
            ("rate 10 within 10", "is given as `5%`"),
            ("rate nan within 5%", "a number above 0"),
            ("run head true", "ends with else"),
            ("unchanged tasks rng else \"x\"", "write `keep unchanged"),
            ("answer ab", "a letter"),
            ("", "an empty line"),
            ("keep", "an empty line"),
            ("run head \"true", "not closed"),
        ] {
            let error = check(line, &[]).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
