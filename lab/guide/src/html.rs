//! The frame of the labs' pages: one file, nothing loaded from elsewhere.

pub use style::escape;

/// What the labs' pages have beyond those of the whole project.
const LABS: &str = include_str!("page.css");

/// A page. The body is markup: escape what comes from outside.
pub fn page(title: &str, body: &str) -> String {
    style::document(title, LABS, body, "")
}

/// A page with a script that keeps it up to date.
pub fn live(title: &str, body: &str, script: &str) -> String {
    style::document(title, LABS, body, script)
}

/// A tile with a figure in it, for `<dl class=tiles>`.
pub fn tile(name: &str, figure: &str, unit: &str) -> String {
    let unit = if unit.is_empty() { String::new() } else { format!("<span class=unit>{}</span>", escape(unit)) };
    format!("<div><dt>{}</dt><dd>{}{unit}</dd></div>", escape(name), escape(figure))
}
