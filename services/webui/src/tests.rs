use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use ledger::{Announcement, Batch, Coin};
use serde_json::Value;
use std::time::Duration;
use tower::ServiceExt;

use super::*;

fn here(ledger: &Ledger) -> Router {
    app(ledger.clone(), &Metrics::new("webui"))
}

async fn ask(app: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(app: &Router, path: &str) -> (StatusCode, HeaderMap, String) {
    ask(app, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn json(app: &Router, path: &str) -> Value {
    let (status, headers, body) = get(app, path).await;
    assert_eq!((status, headers[header::CACHE_CONTROL].as_bytes()), (StatusCode::OK, b"no-store".as_slice()));
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn the_page_and_its_files_are_served_without_another_host() {
    let app = here(&ledger::in_memory());
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/graph.js", "text/javascript; charset=utf-8"),
        ("/base.css", "text/css; charset=utf-8"),
        ("/shell.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let (status, headers, body) = get(&app, path).await;
        assert_eq!((status, headers[header::CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, kind), "{path}");
        assert!(!body.replace("http://www.w3.org/2000/svg", "").contains("://"), "{path} names a host");
        assert!(
            headers[header::CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'; script-src 'self';"),
            "{path}"
        );
        // What the browser has already is not sent again.
        let tag = headers[header::ETAG].clone();
        let again = Request::get(path).header(header::IF_NONE_MATCH, &tag).body(Body::empty()).unwrap();
        let (status, headers, body) = ask(&app, again).await;
        assert_eq!((status, &headers[header::ETAG], body.as_str()), (StatusCode::NOT_MODIFIED, &tag, ""), "{path}");
    }
}

#[tokio::test]
async fn every_file_that_the_page_names_is_there() {
    let app = here(&ledger::in_memory());
    let (_, _, page) = get(&app, "/").await;
    let mut named = 0;
    for part in page.split(['"']) {
        if [".css", ".js", ".svg"].iter().any(|end| part.ends_with(end)) {
            assert_eq!(get(&app, &format!("/{part}")).await.0, StatusCode::OK, "{part}");
            named += 1;
        }
    }
    assert_eq!(named, 4, "icon, two styles and script");
}

#[tokio::test]
async fn the_public_json_has_the_public_types() {
    let ledger = ledger::in_memory();
    let app = here(&ledger);
    let before = json(&app, "/json").await;
    assert_eq!((&before["hashes"], &before["coins"]), (&Value::Null, &Value::from(0)));
    let coins = vec![Coin { digest: "0a".to_owned(), bytes: vec![1] }];
    ledger.commit("a", &Batch { number: 1, hashes: 345, coins }).await.unwrap();
    let (status, headers, body) = get(&app, "/json").await;
    assert_eq!((status, headers[header::CONTENT_TYPE].as_bytes()), (StatusCode::OK, b"application/json".as_slice()));
    assert!(body.starts_with(r#"{"coins":1,"hashes":"345","now":"#), "{body}");
    let now = serde_json::from_str::<Value>(&body).unwrap()["now"].as_f64().unwrap();
    assert!((now - ledger::now()).abs() < 5.0, "{now}");
}

#[tokio::test(start_paused = true)]
async fn the_state_follows_the_ledger() {
    let ledger = ledger::in_memory();
    let app = here(&ledger);
    for second in 1..=5u64 {
        for id in ["a", "b"] {
            let worker = Announcement {
                id: id.to_owned(),
                now: 1e9 + second as f64,
                started: 1e9,
                state: "mining".to_owned(),
                hashes: second * 4,
                last_hash: second as f64,
                ..Announcement::default()
            };
            ledger.announce(&worker, Duration::from_secs(60)).await.unwrap();
        }
        ledger.commit("a", &Batch { number: second, hashes: 8, ..Batch::default() }).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let state = json(&app, "/api/state").await;
    assert_eq!(state["ledger"]["ok"], true, "{state}");
    assert_eq!(state["totals"]["hashes"], 40, "{state}");
    assert_eq!(state["speed"]["hashes_per_second"], 8.0, "{state}");
    assert_eq!(state["speed"]["source"], "workers", "{state}");
    assert_eq!(state["workers"].as_array().unwrap().len(), 2, "{state}");
    let samples = state["history"]["samples"].as_array().unwrap();
    assert!(samples.len() >= 5, "{state}");
    assert_eq!((&samples[4][2], &samples[4][3]), (&Value::from(8.0), &Value::from(2)), "{state}");
    // A page that has most of it gets the rest; one that asks for nonsense gets all.
    let number = samples[3][0].as_u64().unwrap();
    let rest = json(&app, &format!("/api/state?after={number}")).await;
    assert_eq!(rest["history"]["samples"].as_array().unwrap().len(), samples.len() - 4);
    let all = json(&app, "/api/state?after=never").await;
    assert_eq!(all["history"]["samples"], state["history"]["samples"]);
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_once_the_ledger_has_answered() {
    let app = here(&ledger::in_memory());
    // The watching task has not had its turn yet.
    let (status, _, body) = get(&app, "/readyz").await;
    assert_eq!((status, body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "not ready: memory has not answered yet\n"));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(get(&app, "/readyz").await.0, StatusCode::OK);
    let (_, _, metrics) = get(&app, "/metrics").await;
    assert!(metrics.contains("webui_ledger_up 1"), "{metrics}");
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let app = here(&ledger::in_memory());
    for path in ["/", "/index.html", "/page.js", "/json", "/api/state"] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let request = Request::builder().method(&method).uri(path).body(Body::empty()).unwrap();
            let (status, headers, _) = ask(&app, request).await;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(headers[header::ALLOW], "GET,HEAD", "{method} {path}");
        }
        let request = Request::builder().method(Method::HEAD).uri(path).body(Body::empty()).unwrap();
        let (status, _, body) = ask(&app, request).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, ""), "HEAD {path}");
    }
    assert_eq!(get(&app, "/nothing").await.0, StatusCode::NOT_FOUND);
}
