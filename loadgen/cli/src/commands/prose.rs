//! Sentences on a terminal.

use std::io::IsTerminal as _;

/// A text with its long lines broken between words, where standard output is a terminal; else as it is.
pub fn prose(text: &str) -> String {
    match terminal_size::terminal_size() {
        Some((width, _)) if std::io::stdout().is_terminal() => textwrap::fill(text, usize::from(width.0)),
        _ => text.to_owned(),
    }
}
