use axum::body::Body;
use axum::http::Method;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

/// SHA-256 of nothing, from FIPS 180-4's test vectors.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// SHA-256 of `abc`, from the same.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn with(config: Config) -> App {
    app(&Config { delay: Duration::ZERO, ..config }, &Metrics::new("hasher"))
}

async fn ask(app: &App, method: Method, path: &str, body: Body) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(body).unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

async fn post(app: &App, body: impl Into<Body>) -> (StatusCode, String) {
    ask(app, Method::POST, "/", body.into()).await
}

#[tokio::test]
async fn it_greets_with_its_host() {
    let app = with(Config::default());
    let greeting = format!("HASHER running on {}\n", host::name());
    assert_eq!(ask(&app, Method::GET, "/", Body::empty()).await, (StatusCode::OK, greeting));
}

#[tokio::test]
async fn digests_are_those_of_the_standard() {
    let app = with(Config::default());
    assert_eq!(post(&app, "").await, (StatusCode::OK, EMPTY.into()));
    assert_eq!(post(&app, "abc").await, (StatusCode::OK, ABC.into()));
    let pieces = stream::iter(["a", "b", "c"]).map(Ok::<_, std::io::Error>);
    assert_eq!(post(&app, Body::from_stream(pieces)).await, (StatusCode::OK, ABC.into()));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_the_limit() {
    let app = with(Config { max_body: 1024, ..Config::default() });
    assert_eq!(post(&app, vec![0; 1024]).await.0, StatusCode::OK);
    let (status, reason) = post(&app, vec![0; 1025]).await;
    assert_eq!((status, reason.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "hasher takes bodies of up to 1 KiB\n"));
    let unannounced = stream::iter(vec![Bytes::from(vec![0; 512]); 3]).map(Ok::<_, std::io::Error>);
    assert_eq!(post(&app, Body::from_stream(unannounced)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_refused() {
    let app = with(Config::default());
    let stalled = stream::iter([Ok::<_, std::io::Error>("a")]).chain(stream::pending());
    let (status, reason) = post(&app, Body::from_stream(stalled)).await;
    assert_eq!((status, reason.as_str()), (StatusCode::REQUEST_TIMEOUT, "nothing of the body arrived for 30s\n"));
}

#[tokio::test]
async fn a_broken_body_is_not_hashed() {
    let app = with(Config::default());
    let broken = stream::iter([Ok("a"), Err(std::io::Error::other("reset"))]);
    assert_eq!(post(&app, Body::from_stream(broken)).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let app = with(Config::default());
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        assert_eq!(ask(&app, method, "/", Body::empty()).await.0, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(ask(&app, Method::POST, "/more", Body::empty()).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn any_number_at_once_unless_told_otherwise() {
    let delay = Duration::from_millis(30);
    let config = Config { delay, ..Config::default() };
    let together = app(&config, &Metrics::new("hasher"));
    let one = app(&Config { concurrency: 1, ..config }, &Metrics::new("hasher"));
    let start = std::time::Instant::now();
    tokio::join!(post(&one, "a"), post(&one, "b"));
    assert!(start.elapsed() >= 2 * delay);
    tokio::join!(post(&together, "a"), async {
        while together.slots.busy().now == 0 {
            tokio::task::yield_now().await;
        }
        tokio::join!(post(&together, "b"), async {
            while together.slots.busy().now < 2 {
                tokio::task::yield_now().await;
            }
        });
    });
    assert_eq!(together.slots.busy().left, 2);
}
