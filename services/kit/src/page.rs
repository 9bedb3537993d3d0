//! The files of a page, part of the program, and what the pages of all services have in common.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Path and content.
pub type File = (&'static str, &'static str);

/// What every page links: the colours and shapes, the choice of a theme, and the icon.
const SHARED: [File; 3] = [("/base.css", style::BASE), ("/shell.js", style::SHELL), ("/icon.svg", style::ICON)];

/// The page needs nothing but itself: no other host, no inline script, no frame of somebody else around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A route for each file of a service's page, and for those that all pages share.
pub fn routes<S: Clone + Send + Sync + 'static>(files: &[File]) -> Router<S> {
    files.iter().chain(&SHARED).fold(Router::new(), |router, &(path, content)| {
        let kind = match path.rsplit('.').next() {
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        let tag = tag(content);
        router.route(path, get(async move |headers: HeaderMap| file(&headers, kind, content, &tag)))
    })
}

/// The file, or 304 where the browser has it already. It asks each time, so a new version is seen at once.
fn file(asked: &HeaderMap, kind: &'static str, content: &'static str, tag: &HeaderValue) -> Response {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    if is_known(asked, tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(header::CONTENT_TYPE, kind)], content).into_response()
}

/// Whether the browser has this version, by weak comparison: RFC 9110, 13.1.2. Our own tags have no comma.
fn is_known(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut known = lines.flat_map(|line| line.split(',')).map(str::trim);
    known.any(|known| known == "*" || tag == known.strip_prefix("W/").unwrap_or(known))
}

fn tag(content: &str) -> HeaderValue {
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(content);
    format!("\"{hash:016x}\"").parse().expect("hexadecimal digits in quotes are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_has_the_file_is_told_so_however_it_asks() {
        let own = tag("content");
        let own_text = own.to_str().unwrap();
        let asks = |lines: &[&str]| {
            let asked = lines.iter().map(|line| (header::IF_NONE_MATCH, line.parse().unwrap())).collect();
            file(&asked, "text/html", "content", &own).status()
        };
        // A proxy that compresses makes a tag weak.
        let weak = format!("W/{own_text}");
        let list = format!("\"other\", {weak}");
        for known in [&["*"][..], &[own_text], &[&weak], &[&list], &["\"other\"", own_text]] {
            assert_eq!(asks(known), StatusCode::NOT_MODIFIED, "{known:?}");
        }
        for other in [&[][..], &["\"other\""], &["\"other\", W/\"another\""], &[own_text.trim_matches('"')]] {
            assert_eq!(asks(other), StatusCode::OK, "{other:?}");
        }
    }
}
