//! Columns on a terminal.

use std::fmt::Write;

use anstyle::Style;

/// A text with its style.
#[derive(Debug, Clone)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// How it looks.
    pub style: Style,
}

impl Cell {
    /// A text without a style of its own.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::new() }
    }

    /// A title.
    pub fn head(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::new().bold() }
    }
}

/// The rows as lines, columns two spaces apart and their texts at the right.
pub fn columns(rows: &[Vec<Cell>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let gap = if column > 0 { "  " } else { "" };
            let padding = widths[column] - cell.text.chars().count();
            let style = cell.style;
            write!(text, "{gap}{:padding$}{style}{}{style:#}", "", cell.text)
                .expect("writing to a string does not fail");
        }
        text.push('\n');
    }
    text
}
