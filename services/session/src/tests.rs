use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::*;

fn here() -> Router {
    let config = Config {
        node: "worker-1".into(),
        app_version: "2".into(),
        tick: Duration::from_secs(1),
        max_sockets: 1,
        eat_most: 3 << 20,
    };
    app(config, &Metrics::new("session"), CancellationToken::new(), TaskTracker::new())
}

async fn ask(app: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn visit(app: &Router, cookie: &str) -> (Value, Option<String>) {
    let request = Request::get("/whoami").header(header::COOKIE, cookie).body(Body::empty()).unwrap();
    let (status, headers, body) = ask(app, request).await;
    assert_eq!((status, headers[header::CACHE_CONTROL].as_bytes()), (StatusCode::OK, b"no-store".as_slice()));
    let set = headers.get(header::SET_COOKIE).map(|line| line.to_str().unwrap().to_owned());
    (serde_json::from_str(&body).unwrap(), set)
}

fn id(set: &str) -> &str {
    let (pair, attributes) = set.split_once(';').unwrap();
    assert_eq!(attributes, " Path=/; HttpOnly; SameSite=Lax");
    pair
}

#[tokio::test]
async fn a_task_knows_its_own_visitors_and_nobody_elses() {
    let (one, other) = (here(), here());
    let (first, set) = visit(&one, "theme=dark").await;
    assert_eq!((&first["session"]["state"], &first["session"]["visits"]), (&"new".into(), &1.into()));
    assert_eq!(
        (&first["node"], &first["version"], &first["task"]),
        (&"worker-1".into(), &"2".into(), &host::name().into())
    );
    let cookie = format!("theme=dark; {}", id(&set.unwrap()));
    let (second, set) = visit(&one, &cookie).await;
    assert_eq!((&second["session"]["state"], &second["session"]["visits"], set), (&"kept".into(), &2.into(), None));

    let (elsewhere, set) = visit(&other, &cookie).await;
    assert_eq!((&elsewhere["session"]["state"], &elsewhere["session"]["visits"]), (&"gone".into(), &1.into()));
    // It gets an id of its own there, not the one that it brought.
    let theirs = id(set.as_deref().unwrap()).to_owned();
    assert!(!cookie.ends_with(&theirs));
    let (back, _) = visit(&one, &theirs).await;
    assert_eq!(back["session"]["state"], "gone");
}

#[tokio::test]
async fn a_note_is_kept_where_the_session_is() {
    let (one, other) = (here(), here());
    let (_, set) = visit(&one, "").await;
    let cookie = id(&set.unwrap()).to_owned();
    let note = |text: String| Request::post("/note").header(header::COOKIE, &cookie).body(Body::from(text)).unwrap();
    assert_eq!(ask(&one, note("hello".into())).await.0, StatusCode::NO_CONTENT);
    assert_eq!(visit(&one, &cookie).await.0["session"]["note"], "hello");
    let (status, _, body) = ask(&other, note("hello".into())).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(body.contains("does not know your session"), "{body}");
    assert_eq!(ask(&one, note("x".repeat(LONGEST_NOTE + 1))).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_note_that_never_comes_is_given_up() {
    let never = Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>());
    let app = here();
    let asked = ask(&app, Request::post("/note").body(never).unwrap());
    let (status, _, body) = tokio::time::timeout(Duration::from_secs(60), asked).await.expect("an answer");
    assert_eq!((status, body.trim_end()), (StatusCode::REQUEST_TIMEOUT, kit::body::LATE));
}

#[tokio::test]
async fn memory_is_eaten_up_to_a_bound() {
    let app = here();
    let eat = |size: &str| Request::post(format!("/eat?size={size}")).body(Body::empty()).unwrap();
    let (status, _, body) = ask(&app, eat("2MiB")).await;
    assert_eq!((status, body), (StatusCode::OK, format!("{} has eaten 2 MiB\n", host::name())));
    assert_eq!(ask(&app, eat("2MiB")).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(ask(&app, eat("much")).await.0, StatusCode::BAD_REQUEST);
    // Looking at it eats nothing.
    assert_eq!(
        ask(&app, Request::get("/eat?size=1MiB").body(Body::empty()).unwrap()).await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn each_answer_tells_which_task_it_comes_from_and_the_page_needs_no_other_host() {
    let app = here();
    for (path, status) in
        [("/", 200), ("/page.js", 200), ("/style.css", 200), ("/whoami", 200), ("/healthz", 200), ("/none", 404)]
    {
        let (got, headers, body) = ask(&app, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!((got.as_u16(), headers["x-task"].to_str().unwrap()), (status, host::name().as_str()), "{path}");
        assert!(!body.contains("//cdn") && !body.contains("https://"), "{path}");
    }
    // A websocket is not opened for who did not ask for one.
    let (status, ..) = ask(&app, Request::get("/ws").body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
