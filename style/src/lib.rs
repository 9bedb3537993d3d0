//! What all pages of the project look like, those of services and those of the labs: one style sheet, light and dark, from a
//! phone to a projector. This crate knows nobody.

/// Colours, heads, banners, tiles, cards and tables.
pub const BASE: &str = include_str!("../base.css");

/// The choice of a theme, banners and the state of the connection, as a module that a page's own script imports.
pub const SHELL: &str = include_str!("../shell.js");

/// The icon of every page.
pub const ICON: &str = include_str!("../icon.svg");

/// A colour of the style sheet by its name without the dashes, for light and for dark surroundings: for a drawing that is a
/// file of its own, whose viewer may not know `light-dark()`.
pub fn colour(name: &str) -> Option<(&'static str, &'static str)> {
    let (_, behind) = BASE.split_once(&format!("--{name}: light-dark("))?;
    behind.split_once(')')?.0.split_once(", ")
}

/// Text as it may stand in HTML, between tags and in quoted attributes.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A page that is one file and asks nobody for anything: a report that is opened from a folder, or handed in.
///
/// `css` comes after the base. `body` is markup: escape what comes from outside. `script`, where it is not empty, may ask
/// the server that the page came from.
pub fn document(title: &str, css: &str, body: &str, script: &str) -> String {
    let (allowed, script) = match script {
        "" => ("", String::new()),
        script => ("; script-src 'unsafe-inline'; connect-src 'self'", format!("<script>{script}</script>")),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:{allowed}\">\
         <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\">\
         <title>{}</title><style>{BASE}{css}</style></head>\n<body>{body}{script}</body></html>\n",
        escape(title)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_asks_nobody_for_anything() {
        let page = document("A <title>", "", "<p>x</p>", "");
        assert!(page.contains("<title>A &lt;title&gt;</title>") && page.contains("default-src 'none'"));
        for outside in ["http://", "https://", "@import", "url(", "<script"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    /// The relative luminance of WCAG 2, section 1.4.3.
    fn luminance(hex: &str) -> f64 {
        let part = |k: usize| {
            let value = f64::from(u8::from_str_radix(&hex[k..k + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    #[test]
    fn everything_can_be_read_in_light_and_dark() {
        let both = |name: &str| {
            let (light, dark) = colour(name).unwrap_or_else(|| panic!("no --{name}"));
            [luminance(light), luminance(dark)]
        };
        for ground in ["page", "card"] {
            for name in ["text", "quiet", "accent", "good", "warn", "bad", "c0", "c1", "c2", "c3", "c4", "c5"] {
                for (a, b) in both(name).into_iter().zip(both(ground)) {
                    let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                    assert!(contrast >= 4.5, "--{name} on --{ground}: {contrast:.2}");
                }
            }
        }
        assert_eq!(colour("nonsuch"), None);
    }

    #[test]
    fn a_script_may_ask_its_own_server_and_nobody_else() {
        let page = document("Live", "", "", "look();");
        assert!(page.contains("connect-src 'self'") && page.contains("<script>look();</script>"));
    }
}
