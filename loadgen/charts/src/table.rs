//! Tables in a page.

use std::fmt::Write;

use crate::text::escape;

/// A table with a header. On narrow screens it scrolls by itself, so that the page does not.
#[derive(Debug, Clone)]
pub struct Table {
    caption: String,
    header: Vec<String>,
    rows: Vec<(Vec<String>, bool)>,
    words: bool,
}

impl Table {
    /// An empty table. The caption is for those who cannot see it.
    pub fn new<T: Into<String>>(caption: impl Into<String>, header: impl IntoIterator<Item = T>) -> Self {
        Self {
            caption: caption.into(),
            header: header.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
            words: false,
        }
    }

    /// A table of words, which begin at the left; numbers end at the right.
    pub fn of_words(mut self) -> Self {
        self.words = true;
        self
    }

    /// Adds a row. Its first field names it.
    pub fn row<T: Into<String>>(mut self, fields: impl IntoIterator<Item = T>) -> Self {
        self.rows.push((fields.into_iter().map(Into::into).collect(), false));
        self
    }

    /// Adds a row that stands out.
    pub fn strong_row<T: Into<String>>(mut self, fields: impl IntoIterator<Item = T>) -> Self {
        self.rows.push((fields.into_iter().map(Into::into).collect(), true));
        self
    }

    /// The table as HTML.
    pub fn html(&self) -> String {
        let class = if self.words { "words" } else { "numbers" };
        let caption = escape(&self.caption);
        // What scrolls has to be reachable by keyboard, and to have a name.
        let mut html = format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table class=\"{class}\">\
             <caption>{caption}</caption><thead><tr>"
        );
        for title in &self.header {
            write!(html, "<th scope=\"col\">{}</th>", escape(title)).expect("writing to a string does not fail");
        }
        html.push_str("</tr></thead><tbody>");
        for (fields, strong) in &self.rows {
            html.push_str(if *strong { "<tr class=\"strong\">" } else { "<tr>" });
            for (place, field) in fields.iter().enumerate() {
                let (open, close) = if place == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
                write!(html, "<{open}>{}</{close}>", escape(field)).expect("writing to a string does not fail");
            }
            html.push_str("</tr>");
        }
        html.push_str("</tbody></table></div>");
        html
    }
}
