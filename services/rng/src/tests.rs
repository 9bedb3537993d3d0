use axum::http::{Method, Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

fn quick() -> App {
    app(&Config { delay: Duration::ZERO, max_bytes: 1 << 20, ..Config::default() }, &Metrics::new("rng"))
}

async fn ask(app: &App, method: Method, path: &str) -> (StatusCode, String, Bytes) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map(|v| v.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, kind.unwrap_or_default(), body)
}

#[tokio::test]
async fn it_greets_with_its_host() {
    let (status, kind, body) = ask(&quick(), Method::GET, "/").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/plain; charset=utf-8"));
    assert_eq!(body, format!("RNG running on {}\n", host::name()));
}

#[tokio::test]
async fn it_gives_as_many_bytes_as_asked_and_never_the_same() {
    let app = quick();
    for size in [0, 1, 32, 65_536, 65_537, 1 << 20] {
        let (status, kind, body) = ask(&app, Method::GET, &format!("/{size}")).await;
        assert_eq!((status, kind.as_str(), body.len()), (StatusCode::OK, "application/octet-stream", size));
    }
    let first = ask(&app, Method::GET, "/32").await;
    assert_ne!(first, ask(&app, Method::GET, "/32").await);
}

#[tokio::test]
async fn a_bad_number_is_refused_with_the_limit() {
    let app = quick();
    for path in ["/abc", "/-1", "/1e9", "/99999999999999999999", "/1048577", "/+5", "/%20", "/0x10", "/1.5"] {
        let (status, _, body) = ask(&app, Method::GET, path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(String::from_utf8_lossy(&body).contains("from 0 to 1048576 (1 MiB)"), "{path}: {body:?}");
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let app = quick();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        assert_eq!(ask(&app, method.clone(), "/").await.0, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(ask(&app, method.clone(), "/32").await.0, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    assert_eq!(ask(&app, Method::GET, "/32/more").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn head_answers_like_get_without_the_bytes() {
    let request = Request::builder().method(Method::HEAD).uri("/32").body(Body::empty()).unwrap();
    let response = quick().router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "32");
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn every_route_waits_for_the_slot_and_those_for_operators_do_not() {
    let app = quick();
    let held = app.slots.take().await;
    let mut waiting = Vec::new();
    for (method, path) in
        [(Method::GET, "/"), (Method::HEAD, "/"), (Method::GET, "/8"), (Method::POST, "/"), (Method::GET, "/a/b")]
    {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        waiting.push(tokio::spawn(app.router.clone().oneshot(request)));
        while app.slots.waiting().now < waiting.len() as u32 {
            tokio::task::yield_now().await;
        }
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(ask(&app, Method::GET, path).await.0, StatusCode::OK, "{path}");
    }
    let (_, _, metrics) = ask(&app, Method::GET, "/metrics").await;
    assert!(String::from_utf8_lossy(&metrics).contains("rng_queue_length 5"), "{metrics:?}");
    assert!(waiting.iter().all(|answer| !answer.is_finished()));
    drop(held);
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(app.slots.busy().left, 6);
}

#[tokio::test]
async fn a_large_answer_holds_the_slot_until_it_is_sent() {
    let app = quick();
    for (size, busy) in [(PIECE, 0), (PIECE + 1, 1)] {
        let request = Request::get(format!("/{size}")).body(Body::empty()).unwrap();
        let response = app.router.clone().oneshot(request).await.unwrap();
        assert_eq!(app.slots.busy().now, busy, "{size} bytes");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len() as u64, size);
        assert_eq!(app.slots.busy().now, 0);
    }
}

#[tokio::test]
async fn the_delay_holds_the_slot() {
    let delay = Duration::from_millis(30);
    let app = app(&Config { delay, ..Config::default() }, &Metrics::new("rng"));
    let start = std::time::Instant::now();
    let (first, second) = tokio::join!(ask(&app, Method::GET, "/1"), ask(&app, Method::GET, "/1"));
    assert_eq!((first.0, second.0), (StatusCode::OK, StatusCode::OK));
    assert!(start.elapsed() >= 2 * delay, "two requests took {:?}", start.elapsed());
}
