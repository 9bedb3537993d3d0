//! A picture on a terminal that is drawn again and again.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::Style;

const HIDE: &str = "\x1b[?25l";
const SHOW: &str = "\x1b[?25h";
const OTHER_SCREEN: &str = "\x1b[?1049h";
const BACK: &str = "\x1b[?1049l";

/// Whether the cursor is hidden, for whoever ends the program at once.
static HIDDEN: AtomicBool = AtomicBool::new(false);

/// Shows the cursor again where a picture has hidden it, on standard error. For a program that is about to be ended
/// by a signal; otherwise the picture does it itself.
pub fn give_back() {
    if HIDDEN.swap(false, Ordering::Relaxed) {
        // The program ends here whether it works or not.
        let _ = io::stderr().write_all(SHOW.as_bytes());
    }
}

/// A line of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it says, without a line feed or any escape.
    pub text: String,
    /// How it looks where there is colour.
    pub style: Style,
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Line { text, style: Style::new() }
    }
}

/// Where on the terminal a picture is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// On a screen of its own, which is gone at the end.
    Own,
    /// Below what the terminal shows already, this many lines high when it was drawn last.
    Here(usize),
}

/// A picture on a terminal. It hides the cursor from the first drawing until it is left or dropped.
pub struct Screen<W: Write> {
    out: W,
    place: Place,
    colour: bool,
    entered: bool,
}

impl<W: Write> Screen<W> {
    /// On a screen of its own.
    pub fn own(out: W, colour: bool) -> Self {
        Screen { out, place: Place::Own, colour, entered: false }
    }

    /// Below what is there already.
    pub fn here(out: W, colour: bool) -> Self {
        Screen { out, place: Place::Here(0), colour, entered: false }
    }

    /// Columns and rows that a picture may have.
    pub fn room(&self) -> (usize, usize) {
        let (width, height) = terminal_size::terminal_size().map_or((80, 24), |(w, h)| (w.0.into(), h.0.into()));
        match self.place {
            Place::Own => (width, height),
            // The cursor stands below the picture.
            Place::Here(_) => (width, usize::saturating_sub(height, 1)),
        }
    }

    /// Draws the picture in place of the last one. Lines are cut at the edge.
    pub fn draw(&mut self, lines: &[Line]) -> io::Result<()> {
        let (width, height) = self.room();
        let lines = &lines[..lines.len().min(height)];
        let mut text = String::new();
        if !std::mem::replace(&mut self.entered, true) {
            HIDDEN.store(true, Ordering::Relaxed);
            text += if matches!(self.place, Place::Own) { OTHER_SCREEN } else { "" };
            text += HIDE;
        }
        text += &self.to_top();
        for (row, line) in lines.iter().enumerate() {
            let shown: String = line.text.chars().take(width).collect();
            let style = if self.colour { line.style } else { Style::new() };
            text += &format!("{style}{shown}{style:#}\x1b[K");
            // The last row of a screen ends without a line feed, which would scroll.
            text += if matches!(self.place, Place::Here(_)) || row + 1 < lines.len() { "\r\n" } else { "" };
        }
        text += "\x1b[J";
        if let Place::Here(height) = &mut self.place {
            *height = lines.len();
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Takes the picture away and shows the cursor, once: leaving twice would move the cursor back again.
    pub fn leave(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.entered) {
            let cleared = self.to_top() + "\x1b[J" + SHOW;
            let end = if matches!(self.place, Place::Own) { format!("{SHOW}{BACK}") } else { cleared };
            self.out.write_all(end.as_bytes())?;
            HIDDEN.store(false, Ordering::Relaxed);
        }
        self.out.flush()
    }

    /// Moves the cursor to where the picture begins.
    fn to_top(&self) -> String {
        match self.place {
            Place::Own => "\x1b[H".to_owned(),
            Place::Here(0) => "\r".to_owned(),
            Place::Here(height) => format!("\r\x1b[{height}A"),
        }
    }
}

impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        // After a panic too the terminal is given back. Nothing can be done where that fails.
        let _ = self.leave();
    }
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    fn lines(texts: &[&str]) -> Vec<Line> {
        texts.iter().map(|text| Line::from((*text).to_owned())).collect()
    }

    fn written(screen: &mut Screen<Vec<u8>>) -> String {
        String::from_utf8(std::mem::take(&mut screen.out)).unwrap()
    }

    #[test]
    fn a_picture_is_drawn_over_the_last_one_and_taken_away() {
        let mut screen = Screen::here(Vec::new(), false);
        screen.draw(&lines(&["one", "two"])).unwrap();
        assert_eq!(written(&mut screen), "\x1b[?25l\rone\x1b[K\r\ntwo\x1b[K\r\n\x1b[J");
        screen.draw(&lines(&["three"])).unwrap();
        assert_eq!(written(&mut screen), "\r\x1b[2Athree\x1b[K\r\n\x1b[J");
        screen.leave().unwrap();
        screen.leave().unwrap();
        assert_eq!(written(&mut screen), "\r\x1b[1A\x1b[J\x1b[?25h", "once only");
    }

    #[test]
    fn a_screen_of_its_own_is_never_scrolled() {
        let mut screen = Screen::own(Vec::new(), false);
        screen.draw(&lines(&["one", "two"])).unwrap();
        assert_eq!(written(&mut screen), "\x1b[?1049h\x1b[?25l\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J");
        screen.leave().unwrap();
        assert_eq!(written(&mut screen), "\x1b[?25h\x1b[?1049l");
    }

    #[test]
    fn colour_is_left_out_where_it_is_not_wanted_and_long_lines_are_cut() {
        let style = Style::new().fg_color(Some(AnsiColor::Red.into()));
        let long = [Line { text: "x".repeat(1000), style }];
        let (mut with, mut without) = (Screen::here(Vec::new(), true), Screen::here(Vec::new(), false));
        with.draw(&long).unwrap();
        without.draw(&long).unwrap();
        let (with, without) = (written(&mut with), written(&mut without));
        assert!(with.contains("\x1b[31mx") && !without.contains("\x1b[31m"), "{with:?}");
        assert_eq!(without.matches('x').count(), with.matches('x').count());
        assert!(without.matches('x').count() < 1000, "{without:?}");
    }
}
