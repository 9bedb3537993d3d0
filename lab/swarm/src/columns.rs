//! Tables as text.

/// Lines of cells, each column as wide as the widest of its cells.
pub fn aligned<Line: AsRef<[String]>>(lines: &[Line]) -> String {
    let mut widths = Vec::new();
    for line in lines {
        for (column, cell) in line.as_ref().iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> =
            line.as_ref().iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The first of several texts of which no line is longer than `width`, or else the last of them.
pub fn fitting(texts: impl IntoIterator<Item = String>, width: usize) -> String {
    let mut shown = String::new();
    for text in texts {
        shown = text;
        if shown.lines().all(|line| line.chars().count() <= width) {
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_have_no_blanks_behind() {
        let lines = [["a", "Zoë", ""], ["long", "b", "c"]].map(|line| line.map(str::to_owned));
        assert_eq!(aligned(&lines), "a     Zoë\nlong  b    c\n");
        assert_eq!(aligned::<[String; 2]>(&[]), "");
    }

    #[test]
    fn the_first_text_that_fits_is_shown_and_the_last_where_none_does() {
        let texts = ["1\n12345\n", "1234\n", "123\n"].map(str::to_owned);
        assert_eq!(fitting(texts.clone(), 5), "1\n12345\n");
        assert_eq!(fitting(texts.clone(), 4), "1234\n");
        assert_eq!(fitting(texts, 2), "123\n");
    }
}
