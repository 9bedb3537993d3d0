//! Markdown in a terminal: as wide as it is, in colour only where that is wanted.

/// How text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns.
    pub width: usize,
    /// Whether bold, dim and colours are used.
    pub colour: bool,
}

/// Bold, and the end of anything.
const BOLD: &str = "\u{1b}[1m";
const CODE: &str = "\u{1b}[36m";
const DIM: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

/// Shows Markdown, with an empty line between blocks.
pub fn markdown(text: &str, style: Style) -> String {
    let mut out = String::new();
    let mut paragraph = String::new();
    let mut fence = false;
    for line in text.lines() {
        if line.starts_with("```") {
            flush(&mut out, &mut paragraph, style);
            fence = !fence;
        } else if fence {
            // Drawings and output keep their lines; a terminal that is narrower wraps them itself.
            out.push_str(&format!("    {line}\n"));
        } else if line.trim().is_empty() {
            flush(&mut out, &mut paragraph, style);
            if !out.is_empty() && !out.ends_with("\n\n") {
                out.push('\n');
            }
        } else if let Some(heading) = line.strip_prefix('#') {
            flush(&mut out, &mut paragraph, style);
            out.push_str(&paint(heading.trim_start_matches('#').trim(), BOLD, style));
            out.push('\n');
        } else if line.starts_with('|') {
            flush(&mut out, &mut paragraph, style);
            if !line.chars().all(|c| "|-: ".contains(c)) {
                let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
                out.push_str(&wrap(&cells.join("  "), "  ", "      ", style));
            }
        } else if item(line).is_some() {
            flush(&mut out, &mut paragraph, style);
            paragraph = line.trim().to_owned();
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.trim());
        }
    }
    flush(&mut out, &mut paragraph, style);
    out.trim_end().to_owned() + "\n"
}

/// The marker of a list's item.
fn item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if line.starts_with("- ") {
        return Some("- ");
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && line[digits..].starts_with(". ")).then(|| &line[..digits + 2])
}

fn flush(out: &mut String, paragraph: &mut String, style: Style) {
    let text = std::mem::take(paragraph);
    if text.is_empty() {
        return;
    }
    if let Some(marker) = item(&text) {
        let indent = " ".repeat(marker.len() + 2);
        out.push_str(&wrap(&text[marker.len()..], &format!("  {marker}"), &indent, style));
    } else {
        out.push_str(&wrap(&text, "", "", style));
    }
}

/// Breaks text at blanks; what is longer than a line stays whole, so that it can be copied.
fn wrap(text: &str, first: &str, rest: &str, style: Style) -> String {
    let mut out = String::from(first);
    let mut column = first.chars().count();
    let mut begun = false;
    for word in spans(text).split(' ').filter(|word| !word.is_empty()) {
        let wide = visible(word);
        if begun && column + 1 + wide > style.width {
            out.push('\n');
            out.push_str(rest);
            column = rest.chars().count();
        } else if begun {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += wide;
        begun = true;
    }
    out.push('\n');
    paint_spans(&out, style)
}

/// Marks where bold and code begin and end, with blanks inside code kept together.
fn spans(text: &str) -> String {
    let mut out = String::new();
    let (mut code, mut bold) = (false, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '`' => {
                code = !code;
                out.push(if code { '\u{1}' } else { '\u{2}' });
            }
            '*' if !code && letters.peek() == Some(&'*') => {
                letters.next();
                bold = !bold;
                out.push(if bold { '\u{3}' } else { '\u{4}' });
            }
            other => out.push(other),
        }
    }
    out
}

fn visible(word: &str) -> usize {
    word.chars().filter(|letter| !letter.is_control()).count()
        + word.chars().filter(|letter| matches!(letter, '\u{1}' | '\u{2}')).count()
}

fn paint_spans(text: &str, style: Style) -> String {
    let (mut out, coloured) = (String::new(), style.colour);
    for letter in text.chars() {
        match letter {
            // Without colours the marks of code stay, for they show where a command begins and ends.
            '\u{1}' | '\u{2}' if !coloured => out.push('`'),
            '\u{1}' => out.push_str(&format!("{CODE}`")),
            '\u{2}' => out.push_str(&format!("`{PLAIN}")),
            '\u{3}' if coloured => out.push_str(BOLD),
            '\u{4}' if coloured => out.push_str(PLAIN),
            '\u{3}' | '\u{4}' => {}
            other => out.push(other),
        }
    }
    out
}

fn paint(text: &str, with: &str, style: Style) -> String {
    if style.colour { format!("{with}{text}{PLAIN}") } else { text.to_owned() }
}

/// A heading.
pub fn heading(text: &str, style: Style) -> String {
    paint(text, BOLD, style)
}

/// Commands, each line behind a bar, with the node that they run on.
pub fn commands(place: &str, script: &str, style: Style) -> String {
    let mut out = format!("  {}\n", paint(&format!("on {place}:"), DIM, style));
    for line in script.lines() {
        out.push_str(&format!("    {}\n", paint(line.trim_end(), CODE, style)));
    }
    out
}

/// A mark for what holds and what does not; words, as colour alone tells nothing to some.
pub fn mark(holds: bool, style: Style) -> String {
    let (word, colour) = if holds { ("ok  ", "\u{1b}[32m") } else { ("NOT ", "\u{1b}[31m") };
    paint(word, colour, style)
}

/// One finding: what was looked at, and what was seen, indented under it.
pub fn finding(holds: bool, what: &str, said: &str, style: Style) -> String {
    let (what, said) = (wrap(what, "      ", "      ", style), wrap(said, "      ", "      ", style));
    format!("  {}{}{said}", mark(holds, style), what.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_fits_the_terminal() {
        let what = "`git -C ~/work/coins/app log -1 --format=%s` on head is DockerCoins and its labs";
        let shown = finding(true, what, "it is so", Style { width: 60, colour: false });
        assert!(shown.lines().all(|line| line.chars().count() <= 60), "{shown}");
        assert!(shown.starts_with("  ok  ") && shown.lines().count() == 3, "{shown}");
    }

    const NARROW: Style = Style { width: 30, colour: false };

    #[test]
    fn paragraphs_are_broken_at_the_width_and_code_keeps_its_marks() {
        let shown = markdown(
            "Ten workers are **not** ten times\nas fast as one: `rng` is busy.\n\n- a) one\n- b) two lines that are too long",
            NARROW,
        );
        assert_eq!(
            shown,
            "Ten workers are not ten times\nas fast as one: `rng` is busy.\n\n  - a) one\n  - b) two lines that are too\n    long\n"
        );
        assert!(shown.lines().all(|line| line.chars().count() <= 30));
    }

    #[test]
    fn without_colour_there_is_no_escape() {
        let text = "# Title\n\n**Bold** and `code`\n\n```\n  drawing\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |";
        let shown = markdown(text, NARROW) + &finding(false, "x", "`y`", NARROW) + &commands("head", "ls", NARROW);
        assert!(!shown.contains('\u{1b}') && !shown.contains("---") && shown.contains("      drawing"), "{shown}");
        assert!(markdown(text, Style { width: 80, colour: true }).contains(BOLD));
    }

    #[test]
    fn a_word_longer_than_the_line_is_not_broken() {
        let long = "x".repeat(50);
        assert!(markdown(&format!("see {long} there"), NARROW).contains(&long));
    }
}
