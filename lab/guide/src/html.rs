//! The frame of our pages: one file, nothing loaded from elsewhere.

/// What all pages look like; light or dark as the reader has it.
const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--good:#1a7f37;--bad:#b35900}\
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line)}\
.yes td:nth-child(2){color:var(--good)}.no td:nth-child(2){color:var(--bad)}.small{font-size:.85em;overflow-wrap:anywhere}\
svg{max-width:40rem;width:100%}text{font-size:12px;fill:currentColor}.grid{stroke:var(--line)}\
.ideal{stroke:#888;stroke-dasharray:4 4}circle{fill:#0969da}.broken{color:var(--bad);font-weight:bold}\
.nodes{display:flex;flex-wrap:wrap;gap:1rem}.node{border:1px solid var(--line);border-radius:.5rem;padding:.6rem;min-width:14rem;flex:1}\
.node.down{opacity:.5}.task{display:block;padding:.1rem .4rem;margin:.15rem 0;border-left:.3rem solid var(--good)}\
.task.pending,.task.failed{border-color:var(--bad)}";

/// Text as it may stand in HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A page.
pub fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>{}</title><style>{STYLE}</style>{body}</html>\n",
        escape(title)
    )
}
