//! What the student answers.

use anyhow::Result;
use async_trait::async_trait;

use crate::check::{Answer, Args, Finding, Look, Scene, Source, Verb, compare};

/// `answer`
pub const ANSWER: Verb = Verb {
    form: "answer LETTER | answer number SOURCE within 10%|N | answer text SOURCE [short]",
    about: "The student's answer is right: the letter of the choice under Predict, or what was typed under Ask, compared with what SOURCE gives on this swarm now. `short` takes the first 6 letters or more of an identifier for all of it.",
    example: "answer number output head \"docker ps -q | wc -l\" within 0.5",
    generic: false,
    holds_at_first: false,
    read,
};

fn read(args: &mut Args) -> Result<Box<dyn Look>, String> {
    let kind = args.text("LETTER")?;
    Ok(match kind.as_str() {
        "number" => {
            let source = Source::read(args)?;
            args.expect("within")?;
            let (bound, relative) = match args.text("within")? {
                text if text.ends_with('%') => (text.trim_end_matches('%').parse(), true),
                text => (text.parse(), false),
            };
            let bound: f64 = bound.map_err(|_| "within is followed by `10%` or a number".to_owned())?;
            Box::new(Number { source, bound, relative })
        }
        "text" => Box::new(Text { source: Source::read(args)?, short: args.takes("short") }),
        letter => {
            let mut letters = letter.chars();
            match (letters.next().filter(char::is_ascii_lowercase), letters.next()) {
                (Some(letter), None) => Box::new(Choice(letter)),
                _ => return Err("an answer is a letter, `number SOURCE within 10%` or `text SOURCE`".to_owned()),
            }
        }
    })
}

#[derive(Debug)]
struct Choice(char);

#[async_trait]
impl Look for Choice {
    fn what(&self) -> String {
        "your answer".to_owned()
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let tempting = |letter: char| {
            let why = scene.question.and_then(|question| question.tempting.get(&letter));
            why.map_or_else(String::new, |why| format!("{why} "))
        };
        Ok(match scene.choice {
            Some(given) if given == self.0 => Finding::yes("your choice is right"),
            Some(given) => Finding::no(format!(
                "{}Look again at what the commands show. Then answer again: `lab answer LETTER`",
                tempting(given)
            )),
            None => Finding::no("the question is not answered yet: `lab answer LETTER`"),
        })
    }

    fn answer(&self) -> Option<Answer> {
        Some(Answer::Choice(self.0))
    }
}

#[derive(Debug)]
struct Number {
    source: Source,
    bound: f64,
    relative: bool,
}

const NOT_YET: &str = "the question is not answered yet: `lab answer WORD`";

#[async_trait]
impl Look for Number {
    fn what(&self) -> String {
        "the number that you read".to_owned()
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let Some(typed) = &scene.typed else { return Ok(Finding::no(NOT_YET)) };
        let given = match number(typed) {
            Ok(given) => given,
            Err(why) => return Ok(Finding::no(why)),
        };
        let value = self.source.value(scene.place).await?;
        let Some(right) = compare::number(&value) else {
            return Ok(Finding::no(format!("there is no number to compare with yet: {} gives `{value}`", self.source)));
        };
        let allowed = if self.relative { right.abs() * self.bound / 100.0 } else { self.bound };
        Ok(Finding::when(
            (given - right).abs() <= allowed,
            format!("you read {given}, and it is {right} now"),
            format!("{given} is not what this swarm shows now. Look again, then answer again: `lab answer NUMBER`"),
        ))
    }

    fn answer(&self) -> Option<Answer> {
        Some(Answer::Number(self.source.clone()))
    }
}

/// A number as people type it: many write a comma where others write a point. One that may part thousands is not guessed at.
fn number(typed: &str) -> Result<f64, String> {
    let parts: Vec<&str> = typed.split(',').collect();
    let comma = parts.windows(2).any(|pair| {
        pair[0].ends_with(|letter: char| letter.is_ascii_digit())
            && pair[1].starts_with(|letter: char| letter.is_ascii_digit())
    });
    let none = || format!("`{typed}` is no number: `lab answer 12.5`");
    if !comma {
        return compare::number(typed).ok_or_else(none);
    }
    let [whole, rest] = parts.as_slice() else { return Err(two_ways(typed)) };
    let digits = rest.chars().take_while(char::is_ascii_digit).count();
    let whole_digits = whole.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let decimal = digits != 3 || whole_digits == "0";
    if !decimal || whole.contains('.') || rest[digits..].starts_with('.') {
        return Err(two_ways(typed));
    }
    compare::number(&format!("{whole}.{rest}")).ok_or_else(none)
}

fn two_ways(typed: &str) -> String {
    format!(
        "`{typed}` can be read in two ways: type it without a comma, with a point before decimals, as `lab answer 12.5`"
    )
}

#[derive(Debug)]
struct Text {
    source: Source,
    short: bool,
}

/// Fewest letters that stand for a whole identifier.
const SHORTEST: usize = 6;

#[async_trait]
impl Look for Text {
    fn what(&self) -> String {
        "the word that you read".to_owned()
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let Some(typed) = &scene.typed else { return Ok(Finding::no(NOT_YET)) };
        let right = self.source.value(scene.place).await?.to_lowercase();
        let given = typed.trim().to_lowercase();
        let short =
            self.short && given.len() >= SHORTEST && right.split_whitespace().any(|word| word.starts_with(&given));
        Ok(Finding::when(
            !right.is_empty() && (given == right || short),
            format!("it is {}", typed.trim()),
            format!(
                "`{}` is not what this swarm shows now. Look again, then answer again: `lab answer WORD`",
                typed.trim()
            ),
        ))
    }

    fn answer(&self) -> Option<Answer> {
        Some(Answer::Text(self.source.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_decimal_comma_is_understood_and_one_between_thousands_is_asked_about() {
        for (typed, given) in [
            ("0,016", 0.016),
            ("1,5", 1.5),
            ("-0,25", -0.25),
            ("12,5 ms", 12.5),
            ("12.5", 12.5),
            ("97", 97.0),
            ("3, I think", 3.0),
        ] {
            assert_eq!(number(typed), Ok(given), "{typed}");
        }
        for typed in ["1,500", "1,500.5", "1.500,5", "1,500,000"] {
            assert!(number(typed).unwrap_err().contains("two ways"), "{typed}");
        }
        assert!(number("none").unwrap_err().contains("is no number"));
    }
}
