//! The page's files, part of the program.

use std::hash::{DefaultHasher, Hasher};

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, type and content.
const FILES: [(&str, &str, &str); 6] = [
    ("/", HTML, include_str!("../page/index.html")),
    ("/index.html", HTML, include_str!("../page/index.html")),
    ("/style.css", CSS, include_str!("../page/style.css")),
    ("/page.js", SCRIPT, include_str!("../page/page.js")),
    ("/graph.js", SCRIPT, include_str!("../page/graph.js")),
    ("/icon.svg", "image/svg+xml", include_str!("../page/icon.svg")),
];

/// The page needs nothing but itself: no other host, no inline script, no frame of somebody else around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A route for each file.
pub fn routes() -> Router {
    FILES.iter().fold(Router::new(), |router, (path, kind, content)| {
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
    if asked.get_all(header::IF_NONE_MATCH).iter().any(|known| known == tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(header::CONTENT_TYPE, kind)], content).into_response()
}

fn tag(content: &str) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    hasher.write(content.as_bytes());
    let text = format!("\"{:016x}\"", hasher.finish());
    HeaderValue::from_str(&text).expect("hexadecimal digits in quotes are a header value")
}
