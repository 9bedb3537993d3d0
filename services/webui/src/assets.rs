//! The page's files, part of the program.

use kit::page::{CSS, File, HTML, SCRIPT};

/// Path, type and content, beside those that all pages share.
pub const FILES: [File; 5] = [
    ("/", HTML, include_str!("../page/index.html")),
    ("/index.html", HTML, include_str!("../page/index.html")),
    ("/style.css", CSS, include_str!("../page/style.css")),
    ("/page.js", SCRIPT, include_str!("../page/page.js")),
    ("/graph.js", SCRIPT, include_str!("../page/graph.js")),
];
