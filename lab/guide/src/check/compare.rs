//! What a value must be: `is 3`, `holds text`, `above 0`, ...

use regex::Regex;

use super::line::Args;

/// One demand on a value.
#[derive(Debug, Clone)]
pub enum Demand {
    /// Exactly this.
    Is(String),
    /// Anything but this.
    Not(String),
    /// This is a part of it.
    Holds(String),
    /// This is no part of it.
    Lacks(String),
    /// This regular expression is found in it.
    Matches(Regex),
    /// A number above this.
    Above(f64),
    /// A number below this.
    Below(f64),
    /// So many words, lines, or members of a list.
    Count(usize),
    /// Nothing.
    Empty,
    /// Something.
    There,
}

/// What the demands look like, for the forms of verbs.
pub const FORM: &str = "is V|not V|holds T|lacks T|matches RE|above N|below N|count N|empty|there";

/// Reads as many demands as there are.
pub fn demands(args: &mut Args) -> Result<Vec<Demand>, String> {
    let mut all = Vec::new();
    while let Some(demand) = demand(args)? {
        all.push(demand);
    }
    Ok(all)
}

/// The same, and at least one.
pub fn some(args: &mut Args) -> Result<Vec<Demand>, String> {
    let all = demands(args)?;
    if all.is_empty() { Err(format!("what must the value be? {FORM}")) } else { Ok(all) }
}

fn demand(args: &mut Args) -> Result<Option<Demand>, String> {
    let word = args.peek().unwrap_or_default().to_owned();
    if !["is", "not", "holds", "lacks", "matches", "above", "below", "count", "empty", "there"].contains(&word.as_str())
    {
        return Ok(None);
    }
    args.expect(&word)?;
    let number = |args: &mut Args| {
        let text = args.text("N")?;
        text.parse::<f64>().map_err(|_| format!("`{text}` is no number"))
    };
    Ok(Some(match word.as_str() {
        "is" => Demand::Is(args.text("V")?),
        "not" => Demand::Not(args.text("V")?),
        "holds" => Demand::Holds(args.text("T")?),
        "lacks" => Demand::Lacks(args.text("T")?),
        "matches" => {
            let text = args.text("RE")?;
            Demand::Matches(Regex::new(&text).map_err(|error| format!("`{text}` is no regular expression: {error}"))?)
        }
        "above" => Demand::Above(number(args)?),
        "below" => Demand::Below(number(args)?),
        "count" => Demand::Count(args.whole("N")?),
        "empty" => Demand::Empty,
        _ => Demand::There,
    }))
}

/// The first number in a text: `12.5 ms` is 12.5.
pub fn number(text: &str) -> Option<f64> {
    let begin = text.find(|letter: char| letter.is_ascii_digit())?;
    let minus = text[..begin].ends_with('-');
    let rest = &text[begin..];
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
    let number: f64 = rest[..end].trim_end_matches('.').parse().ok()?;
    Some(if minus { -number } else { number })
}

impl Demand {
    /// Whether a value is so.
    pub fn met(&self, value: &str) -> bool {
        let value = value.trim();
        match self {
            Demand::Is(wanted) => value == wanted,
            Demand::Not(unwanted) => value != unwanted,
            Demand::Holds(part) => value.contains(part.as_str()),
            Demand::Lacks(part) => !value.contains(part.as_str()),
            Demand::Matches(expression) => expression.is_match(value),
            Demand::Above(bound) => number(value).is_some_and(|number| number > *bound),
            Demand::Below(bound) => number(value).is_some_and(|number| number < *bound),
            Demand::Count(wanted) => value.split_whitespace().count() == *wanted,
            Demand::Empty => value.is_empty(),
            Demand::There => !value.is_empty(),
        }
    }
}

impl std::fmt::Display for Demand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Demand::Is(wanted) => write!(f, "is {wanted}"),
            Demand::Not(unwanted) => write!(f, "is not {unwanted}"),
            Demand::Holds(part) => write!(f, "has `{part}`"),
            Demand::Lacks(part) => write!(f, "has no `{part}`"),
            Demand::Matches(expression) => write!(f, "matches `{expression}`"),
            Demand::Above(bound) => write!(f, "is above {bound}"),
            Demand::Below(bound) => write!(f, "is below {bound}"),
            Demand::Count(wanted) => write!(f, "has {wanted}"),
            Demand::Empty => write!(f, "is empty"),
            Demand::There => write!(f, "is there"),
        }
    }
}

/// All of them, in words.
pub fn words(demands: &[Demand]) -> String {
    demands.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_demand_is_met_and_is_not() {
        let cases: [(Demand, &str, &str); 10] = [
            (Demand::Is("3".into()), " 3\n", "33"),
            (Demand::Not("3".into()), "33", "3"),
            (Demand::Holds("b".into()), "abc", "ac"),
            (Demand::Lacks("b".into()), "ac", "abc"),
            (Demand::Matches(Regex::new("^a+$").unwrap()), "aaa", "aab"),
            (Demand::Above(2.0), "2.5 ms", "2"),
            (Demand::Below(2.0), "-1", "none"),
            (Demand::Count(2), "a b", "a"),
            (Demand::Empty, " \n", "x"),
            (Demand::There, "x", ""),
        ];
        for (demand, good, bad) in cases {
            assert!(demand.met(good), "{demand} {good}");
            assert!(!demand.met(bad), "{demand} {bad}");
        }
    }

    #[test]
    fn the_first_number_of_a_text_is_found() {
        for (text, wanted) in
            [("12.5 ms", Some(12.5)), ("took 29 s", Some(29.0)), ("-4", Some(-4.0)), ("x", None), ("7.", Some(7.0))]
        {
            let found = number(text);
            assert_eq!(found, wanted, "{text}");
        }
    }
}
