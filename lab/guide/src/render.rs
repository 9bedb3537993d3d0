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
/// What is between single stars: each terminal can underline, and few have italics.
const STRESS: &str = "\u{1b}[4m";
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

/// The longest code that is kept on one line.
const WHOLE: usize = 60;

/// A blank at which no line is broken.
const FIRM: char = '\u{7}';

/// Marks where bold, stress and code begin and end. A short command stays together, so that it reads as one.
fn spans(text: &str) -> String {
    let mut out = String::new();
    let (mut code, mut whole, mut bold, mut stress) = (false, false, false, false);
    let mut letters = text.char_indices().map(|(at, letter)| (letter, &text[at + letter.len_utf8()..])).peekable();
    while let Some((letter, rest)) = letters.next() {
        match letter {
            '`' => {
                code = !code;
                whole = rest.find('`').is_some_and(|end| end <= WHOLE);
                out.push(if code { '\u{1}' } else { '\u{2}' });
            }
            '*' if !code && rest.starts_with('*') => {
                letters.next();
                bold = !bold;
                out.push(if bold { '\u{3}' } else { '\u{4}' });
            }
            '*' if !code && (stress || closes(rest)) => {
                stress = !stress;
                out.push(if stress { '\u{5}' } else { '\u{6}' });
            }
            ' ' if code && whole => out.push(FIRM),
            other => out.push(other),
        }
    }
    out
}

/// Whether a star that this stands behind begins a stress: another one closes it, with words between. `2 * 3` has none.
fn closes(rest: &str) -> bool {
    let end = rest.find(['*', '`']).unwrap_or(0);
    let between = &rest[..end];
    !between.is_empty() && rest[end..].starts_with('*') && between.trim() == between
}

fn visible(word: &str) -> usize {
    word.chars().filter(|letter| !letter.is_control()).count()
        + word.chars().filter(|letter| matches!(*letter, '\u{1}' | '\u{2}' | FIRM)).count()
}

fn paint_spans(text: &str, style: Style) -> String {
    let (mut out, coloured) = (String::new(), style.colour);
    // A line under words is none under the margin of the next line.
    let (mut stressed, mut margin) = (false, false);
    for letter in text.chars() {
        if margin && letter != ' ' {
            out.push_str(STRESS);
            margin = false;
        }
        match letter {
            // Without colours the marks of code stay, for they show where a command begins and ends.
            '\u{1}' | '\u{2}' if !coloured => out.push('`'),
            '\u{1}' => out.push_str(&format!("{CODE}`")),
            '\u{2}' => out.push_str(&format!("`{PLAIN}")),
            '\u{3}' if coloured => out.push_str(BOLD),
            '\u{4}' if coloured => out.push_str(PLAIN),
            '\u{5}' | '\u{6}' if coloured => {
                stressed = letter == '\u{5}';
                out.push_str(if stressed { STRESS } else { PLAIN });
            }
            '\n' if stressed => {
                margin = true;
                out.push_str(&format!("{PLAIN}\n"));
            }
            '\u{3}'..='\u{6}' => {}
            FIRM => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

fn paint(text: &str, with: &str, style: Style) -> String {
    if style.colour { format!("{with}{text}{PLAIN}") } else { text.to_owned() }
}

/// A message of one or several lines behind a margin, such as a time: what is too long for the line goes on under its
/// beginning.
pub fn message(margin: &str, text: &str, style: Style) -> String {
    let rest = " ".repeat(margin.chars().count());
    let mut out = String::new();
    for (nth, line) in text.lines().enumerate() {
        let indent: String = line.chars().take_while(|letter| *letter == ' ').collect();
        let first = format!("{}{indent}", if nth == 0 { margin } else { &rest });
        out.push_str(&wrap(line, &first, &format!("{rest}{indent}"), Style { colour: false, ..style }));
    }
    out
}

/// A heading.
pub fn heading(text: &str, style: Style) -> String {
    paint(text, BOLD, style)
}

/// Commands under the node that they run on. A line that the terminal would break is broken at a blank, with a `\`, so that it can still be
/// copied as it stands.
pub fn commands(place: &str, script: &str, style: Style) -> String {
    let mut out = format!("  {}\n", paint(&format!("on {place}:"), DIM, style));
    // In the middle of quotes or of a document, blanks are no margin: they would be pasted too.
    let indent = if script.contains("<<") || quotes_over_lines(script) { "" } else { INDENT };
    for line in fold(script, style.width.saturating_sub(indent.len())) {
        out.push_str(&format!("{indent}{}\n", paint(line.trim_end(), CODE, style)));
    }
    out
}

/// Whether what is in quotes goes on at the next line.
fn quotes_over_lines(script: &str) -> bool {
    let mut quotes = Quotes::default();
    script.lines().any(|line| {
        quotes.comment = false;
        line.chars().for_each(|letter| quotes.read(letter));
        quotes.read('\n');
        quotes.single || quotes.double
    })
}

/// What commands stand behind.
const INDENT: &str = "    ";

/// The lines of a script, each within the width where a shell allows it: between two words, and not within quotes, a comment or
/// a document of its own. What belongs together stays so: a break stands before a pipe or `||` rather than behind it, and
/// before an option rather than between it and its value.
fn fold(script: &str, width: usize) -> Vec<String> {
    if script.contains("<<") {
        return script.lines().map(str::to_owned).collect();
    }
    let mut quotes = Quotes::default();
    script.lines().flat_map(|line| fold_line(line, width, &mut quotes)).collect()
}

fn fold_line(line: &str, width: usize, quotes: &mut Quotes) -> Vec<String> {
    let mut words = vec![String::new()];
    quotes.comment = false;
    for letter in line.chars() {
        let blank = letter == ' ' && quotes.open() && words.last().is_some_and(|word| !word.trim().is_empty());
        if blank {
            words.push(String::new())
        } else {
            words.last_mut().expect("there is a word").push(letter)
        }
        quotes.read(letter);
    }
    quotes.read('\n');
    let margin: String = line.chars().take_while(|letter| *letter == ' ').chain("  ".chars()).collect();
    let long = |words: &[String]| words.iter().map(|word| word.chars().count() + 1).sum::<usize>() - 1;
    let mut lines = Vec::new();
    let mut left = &mut words[..];
    loop {
        // All but the last line end in ` \`.
        let fits = (1..left.len()).rev().find(|count| long(&left[..*count]) + 2 <= width).unwrap_or(1);
        if long(left) <= width || left.len() == 1 || left[1..] == ["\\"] {
            lines.push(left.join(" "));
            return lines;
        }
        let (now, rest) = left.split_at_mut(together(left, fits, width.saturating_sub(margin.len() + 2)));
        lines.push(format!("{} \\", now.join(" ")));
        rest[0].insert_str(0, &margin);
        left = rest;
    }
}

/// How many of the words stand on a line on which so many have room. `next` is the room on the line after it.
fn together(words: &[String], fits: usize, next: usize) -> usize {
    let operator = |word: &String| matches!(word.as_str(), "|" | "||" | "&&");
    let option =
        |word: &String| word.starts_with('-') && word.len() > 1 && !word.contains('=') || word.ends_with(['>', '<']);
    // A line that is nearly empty would be no better.
    let least = fits.div_ceil(2).max(1);
    if operator(&words[fits]) {
        return fits;
    }
    let pair = words[fits - 1].chars().count() + 1 + words[fits].chars().count();
    match (least..fits).rev().find(|nth| operator(&words[*nth])) {
        Some(nth) => nth,
        None if fits > least && option(&words[fits - 1]) && !option(&words[fits]) && pair <= next => fits - 1,
        None => fits,
    }
}

/// Whether a shell that has read so far is between words.
#[derive(Debug, Default)]
struct Quotes {
    single: bool,
    double: bool,
    /// Brackets of `$(...)` within double quotes: what is quoted in there is another matter.
    brackets: usize,
    comment: bool,
    before: char,
}

impl Quotes {
    fn open(&self) -> bool {
        !(self.single || self.double || self.comment || self.before == '\\')
    }

    fn read(&mut self, letter: char) {
        let escaped = self.before == '\\' && !self.single;
        match letter {
            _ if escaped || self.comment => {}
            '\'' if !self.double => self.single = !self.single,
            _ if self.single => {}
            '(' if self.brackets > 0 || self.double && self.before == '$' => self.brackets += 1,
            ')' if self.brackets > 0 => self.brackets -= 1,
            '"' if self.brackets == 0 => self.double = !self.double,
            '#' if !self.double && matches!(self.before, ' ' | '\n' | '\0') => self.comment = true,
            _ => {}
        }
        // A backslash that is escaped escapes nothing.
        self.before = if escaped && letter == '\\' { 'x' } else { letter };
    }
}

/// A mark for what holds and what does not; words, as colour alone tells nothing to some.
pub fn mark(holds: bool, style: Style) -> String {
    let (word, colour) = if holds { ("ok  ", "\u{1b}[32m") } else { ("NOT ", "\u{1b}[31m") };
    paint(word, colour, style)
}

/// One finding: what was looked at, and what was seen, indented under it.
pub fn finding(holds: bool, what: &str, said: &str, style: Style) -> String {
    let what = wrap(what, "      ", "      ", style);
    // What an error advises stands on a line of its own.
    let said: String = said.lines().map(|line| wrap(line, "      ", "      ", style)).collect();
    format!("  {}{}{said}", mark(holds, style), what.trim_start())
}

/// What stands in place of a sentence that was said above.
const AGAIN: &str = "the same as above";

/// Findings, one below the other. What several of those that do not hold say is said once, so that the first of them stays on the
/// screen.
pub fn findings(all: &[(bool, String, String)], style: Style) -> String {
    let mut told: Vec<&str> = Vec::new();
    let mut out = String::new();
    for (at, (holds, what, said)) in all.iter().enumerate() {
        let goes_on = all.get(at + 1).is_some_and(|(next, _, next_said)| !holds && !next && said == next_said);
        // Those that follow one another share the sentence under the last of them.
        let shown = if goes_on {
            ""
        } else if !holds && told.contains(&said.as_str()) {
            AGAIN
        } else {
            told.extend((!holds && !said.is_empty()).then_some(said.as_str()));
            said
        };
        out.push_str(&finding(*holds, what, shown, style));
    }
    out
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
        let error = finding(false, "x", "it is in no swarm\n  make one", NARROW);
        assert_eq!(error, "  NOT x\n      it is in no swarm\n      make one\n");
    }

    #[test]
    fn what_several_lines_say_is_said_once() {
        let line = |holds, what: &str, said: &str| (holds, what.to_owned(), said.to_owned());
        let all = [
            line(false, "redis", "start it"),
            line(false, "rng", "start it"),
            line(true, "net", "start it"),
            line(false, "web", "start it"),
            line(false, "answer", "look again"),
        ];
        assert_eq!(
            findings(&all, NARROW),
            "  NOT redis\n  NOT rng\n      start it\n  ok  net\n      start it\n  NOT web\n      the same as above\n  \
             NOT answer\n      look again\n"
        );
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
    fn single_stars_are_a_line_under_the_words_and_no_other_star_is() {
        let colour = Style { width: 30, colour: true };
        let (on, off) = (STRESS, PLAIN);
        assert_eq!(markdown("It is a *clone*.", colour), format!("It is a {on}clone{off}.\n"));
        assert_eq!(markdown("It is a *clone*.", NARROW), "It is a clone.\n");
        assert_eq!(
            markdown("- They call it *coordinated omission*, and", colour),
            format!("  - They call it {on}coordinated{off}\n    {on}omission{off}, and\n")
        );
        for plain in ["2 * 3 * 4", "5*", "* `a*b` *", "*`code`*"] {
            assert!(!spans(plain).contains('\u{5}') && spans(plain).contains('*'), "{plain}");
        }
        assert_eq!(markdown("**bold** and *stress*", NARROW), "bold and stress\n");
    }

    #[test]
    fn a_short_command_is_not_broken() {
        assert_eq!(
            markdown("Then answer again: `lab answer LETTER`", NARROW),
            "Then answer again:\n`lab answer LETTER`\n"
        );
        let long = markdown("`docker service create --name rng --mode global 127.0.0.1:5000/rng`", NARROW);
        assert!(long.lines().all(|line| line.chars().count() <= 30), "{long}");
    }

    #[test]
    fn a_message_goes_on_under_its_beginning() {
        assert_eq!(
            message("  0.0 s  ", "ipvs: this kernel has none of it\n  look there", NARROW),
            "  0.0 s  ipvs: this kernel has\n         none of it\n           look there\n"
        );
        assert_eq!(message("lab: ", "it is so", NARROW), "lab: it is so\n");
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

    #[test]
    fn commands_are_broken_where_a_shell_allows_it() {
        let folded = |script: &str| fold(script, 30).join("\n");
        assert_eq!(
            folded("docker service create --name rng --mode global 127.0.0.1:5000/rng:v0.1"),
            "docker service create \\\n  --name rng --mode global \\\n  127.0.0.1:5000/rng:v0.1"
        );
        assert_eq!(
            folded("cat one two | sort -n || echo \"there is none\""),
            "cat one two | sort -n \\\n  || echo \"there is none\""
        );
        assert_eq!(
            folded("docker ps --all --format '{{.Names}} now'"),
            "docker ps --all \\\n  --format '{{.Names}} now'"
        );
        // What fits stays, and so does a line that goes on by itself.
        assert_eq!(
            folded("for i in 1 2; do\n  echo $i \\\n    there\ndone"),
            "for i in 1 2; do\n  echo $i \\\n    there\ndone"
        );
        for whole in [
            "'a quoted text that is longer than the line'",
            "\"the same, and $(a command in it \"with quotes\" of its own)\"",
            "# a comment that is longer than the line, too",
            "cat > file << END\na text of its own that is longer than the line\nEND",
            "'a text of two\nlines, of which the second one is too long'",
            "a\\ name\\ with\\ blanks\\ that\\ is\\ too\\ long",
        ] {
            assert_eq!(folded(whole), whole);
        }
        assert_eq!(
            folded("echo 'a text' \"$(date)\" and so on and on"),
            "echo 'a text' \"$(date)\" and \\\n  so on and on"
        );
    }

    #[test]
    fn what_is_pasted_into_quotes_or_a_document_has_no_margin() {
        let plain = |script: &str| commands("head", script, NARROW);
        assert_eq!(plain("ls"), "  on head:\n    ls\n");
        for whole in ["cat > file << END\ntext\nEND", "echo 'one\ntwo'", "echo \"one\ntwo\""] {
            assert_eq!(plain(whole), format!("  on head:\n{whole}\n"));
        }
        assert_eq!(plain("echo it\\'s\n# it's"), "  on head:\n    echo it\\'s\n    # it's\n");
    }

    #[test]
    fn the_labs_commands_mean_the_same_when_they_are_broken() {
        let mut broken = 0;
        for lab in crate::labs::all().unwrap() {
            for block in lab.steps.iter().flat_map(|step| step.commands()) {
                let folded = fold(&block.script, 76);
                broken += usize::from(folded.len() > block.script.lines().count());
                // A shell takes `\` at the end of a line away; blanks between words are as good as one.
                let words = |text: &str| text.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ");
                assert_eq!(words(&folded.join("\n")), words(&block.script), "{}", lab.name());
            }
        }
        assert!(broken > 20, "{broken}");
    }
}
