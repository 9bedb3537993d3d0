//! Choices in an order of each student's own, so that a letter that was overheard helps nobody.

use sha2::{Digest as _, Sha256};

use crate::lab::Question;

/// The file's letters in the order in which a student sees the choices: the first is shown as `a`.
pub fn order(question: &Question, seed: u64, lab: &str, step: usize) -> Vec<char> {
    let key = |letter: char| Sha256::digest(format!("{seed} {lab} {step} {letter}"));
    let mut letters: Vec<char> = question.choices.iter().map(|(letter, _)| *letter).collect();
    letters.sort_by_key(|letter| key(*letter));
    letters
}

/// The letter that is shown for a letter of the file.
pub fn shown(order: &[char], letter: char) -> char {
    ('a'..).zip(order).find(|(_, file)| **file == letter).map_or(letter, |(shown, _)| shown)
}

/// The letter of the file for one that is shown.
pub fn meant(order: &[char], letter: char) -> Option<char> {
    ('a'..).zip(order).find(|(shown, _)| *shown == letter).map(|(_, file)| *file)
}

/// The question with its choices in this order.
pub fn question(question: &Question, order: &[char]) -> String {
    let text = |letter: char| question.choices.iter().find(|(file, _)| *file == letter).map_or("", |(_, text)| text);
    let lines: Vec<String> = ('a'..).zip(order).map(|(shown, file)| format!("- {shown}) {}", text(*file))).collect();
    format!("{}\n\n{}", question.text, lines.join("\n"))
}

/// A solution's text with its letters as they are shown: the right one, and those of the choices that it explains.
pub fn solution(text: &str, order: &[char]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut items: Vec<(char, String)> = Vec::new();
    for line in text.lines() {
        let item = line.strip_prefix("- ").and_then(|item| item.split_once(") "));
        let letter = item.and_then(|(letter, text)| Some((letter.chars().next()?, letter.len() == 1, text)));
        match letter {
            Some((letter, true, text)) => items.push((shown(order, letter), text.to_owned())),
            _ if line.starts_with("  ") && !items.is_empty() => {
                if let Some((_, text)) = items.last_mut() {
                    text.push(' ');
                    text.push_str(line.trim());
                }
            }
            _ => {
                put(&mut lines, &mut items);
                lines.push(answer(line, order));
            }
        }
    }
    put(&mut lines, &mut items);
    lines.join("\n")
}

/// Puts a list's items behind the lines, in the order of their letters.
fn put(lines: &mut Vec<String>, items: &mut Vec<(char, String)>) {
    items.sort();
    lines.extend(items.drain(..).map(|(letter, text)| format!("- {letter}) {text}")));
}

fn answer(line: &str, order: &[char]) -> String {
    const MARK: &str = "Answer: **";
    let Some((before, behind)) = line.split_once(MARK) else { return line.to_owned() };
    let mut letters = behind.chars();
    let letter = letters.next().unwrap_or_default();
    format!("{before}{MARK}{}{}", shown(order, letter), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Question {
        let choices = [('a', "one"), ('b', "two"), ('c', "three")].map(|(letter, text)| (letter, text.to_owned()));
        Question { text: "How many?".into(), choices: choices.to_vec(), right: 'b', tempting: Default::default() }
    }

    #[test]
    fn each_student_has_an_order_and_keeps_it() {
        let orders: std::collections::BTreeSet<Vec<char>> =
            (0..50).map(|seed| order(&three(), seed, "coins/x", 1)).collect();
        assert_eq!(orders.len(), 6);
        assert_eq!(order(&three(), 7, "coins/x", 1), order(&three(), 7, "coins/x", 1));
    }

    #[test]
    fn letters_are_translated_there_and_back() {
        let order = ['c', 'a', 'b'];
        assert_eq!((shown(&order, 'b'), meant(&order, 'c'), meant(&order, 'd')), ('c', Some('b'), None));
        assert_eq!(question(&three(), &order), "How many?\n\n- a) three\n- b) one\n- c) two");
        let text = "Answer: **b**. It is two.\n\n- a) One is\n  less.\n- c) Three is more.\n\nMore.";
        assert_eq!(
            solution(text, &order),
            "Answer: **c**. It is two.\n\n- a) Three is more.\n- b) One is less.\n\nMore."
        );
    }
}
