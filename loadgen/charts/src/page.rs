//! One HTML file that needs nothing else.

use std::fmt::Write;

use crate::palette::CHART;
use crate::text::escape;

const STYLE: &str = include_str!("page.css");

/// A page under construction.
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    head: String,
    sections: Vec<(String, String, String)>,
    foot: String,
}

impl Page {
    /// An empty page.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), head: String::new(), sections: Vec::new(), foot: String::new() }
    }

    /// What stands under the title, before all sections. Markup: escape what comes from outside.
    pub fn head(mut self, html: impl Into<String>) -> Self {
        self.head = html.into();
        self
    }

    /// Adds a section with a heading. The body is markup: escape what comes from outside.
    pub fn section(mut self, id: impl Into<String>, heading: impl Into<String>, html: impl Into<String>) -> Self {
        self.sections.push((id.into(), heading.into(), html.into()));
        self
    }

    /// What stands at the end. Markup: escape what comes from outside.
    pub fn foot(mut self, html: impl Into<String>) -> Self {
        self.foot = html.into();
        self
    }

    /// The page. Its policy forbids every request to anybody, so a mistake in a section cannot cause one either.
    pub fn html(&self) -> String {
        let title = escape(&self.title);
        let mut html = format!("<header><h1>{title}</h1>{}</header>", self.head);
        if self.sections.len() > 2 {
            html.push_str("<nav aria-label=\"Sections\"><ul>");
            for (id, heading, _) in &self.sections {
                write!(html, "<li><a href=\"#{}\">{}</a></li>", escape(id), escape(heading))
                    .expect("writing to a string does not fail");
            }
            html.push_str("</ul></nav>");
        }
        html.push_str("<main>\n");
        for (id, heading, body) in &self.sections {
            let (id, heading) = (escape(id), escape(heading));
            writeln!(html, "<section id=\"{id}\" aria-labelledby=\"{id}-heading\"><h2 id=\"{id}-heading\">{heading}</h2>{body}</section>")
                .expect("writing to a string does not fail");
        }
        writeln!(html, "</main><footer>{}</footer>", self.foot).expect("writing to a string does not fail");
        style::document(&self.title, &format!("{CHART}{STYLE}"), &html, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_asks_nobody_for_anything() {
        let page = Page::new("A <title>").section("a", "One", "<p>x</p>").html();
        assert!(page.contains("default-src 'none'"));
        assert!(page.contains("<title>A &lt;title&gt;</title>"));
        for outside in ["http://", "https://", "@import", "url(", "<script"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
