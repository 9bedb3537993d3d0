//! A web application that keeps its visitors' sessions in memory, as many do. Behind a load balancer that shows: another task
//! does not know the visitor.
//!
//! | route | answer |
//! |---|---|
//! | `GET /` | the page, which shows who answers |
//! | `GET /whoami` | the same as JSON; counts a visit |
//! | `POST /note` | keeps the body, a text, in the session; 409 where this task does not know it |
//! | `GET /ws` | a websocket that ticks, and says whether the session is there |
//! | `POST /eat?size=64MiB` | eats memory, to find a limit |
//!
//! Each answer has a header `x-task` with the name of the task's container.

mod memory;
mod sessions;
mod socket;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Query, State, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use kit::body::InTime;
use kit::metrics::Metrics;
use kit::page::File;
use kit::serve::Limits;
use kit::{host, ops, settings, start};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::memory::Memory;
use crate::sessions::{Session, Sessions};

/// The name of the cookie that holds a session's id.
const COOKIE: &str = "session";

/// The longest note, in bytes.
const LONGEST_NOTE: usize = 500;

/// The longest message of a websocket that a visitor may send, in bytes. None is expected.
const LONGEST_MESSAGE: usize = 1 << 10;

/// How long visitors' websockets have to be closed when the task stops.
const FAREWELL: Duration = Duration::from_secs(1);

const FILES: [File; 3] = [
    ("/", include_str!("../page/index.html")),
    ("/style.css", include_str!("../page/style.css")),
    ("/page.js", include_str!("../page/page.js")),
];

/// Settings of the service.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// The node's name, which visitors are shown; `{{.Node.Hostname}}` in a service
    #[arg(long, env = "SESSION_NODE", default_value = "", value_name = "NAME")]
    pub node: String,
    /// The version, which visitors are shown
    #[arg(long, env = "SESSION_VERSION", default_value = "dev", value_name = "VERSION")]
    pub app_version: String,
    /// How often the websocket ticks
    #[arg(long, env = "SESSION_TICK", value_parser = settings::timeout, default_value = "1s", value_name = "TIME")]
    pub tick: Duration,
    /// The most websockets at a time
    #[arg(long, env = "SESSION_MAX_SOCKETS", default_value = "1000", value_name = "N")]
    pub max_sockets: usize,
    /// The most memory that `/eat` takes in all
    #[arg(long, env = "SESSION_EAT_MOST", value_parser = settings::size, default_value = "256MiB", value_name = "SIZE")]
    pub eat_most: u64,
}

#[derive(Debug)]
struct Service {
    config: Config,
    task: String,
    sessions: Sessions,
    memory: Memory,
    sockets: TaskTracker,
    stop: CancellationToken,
}

type Shared = State<Arc<Service>>;

/// Who answers, and what is known of the visitor.
#[derive(Debug, Serialize)]
struct Whoami<'a> {
    task: &'a str,
    node: &'a str,
    version: &'a str,
    session: Shown<'a>,
}

#[derive(Debug, Serialize)]
struct Shown<'a> {
    /// `new`: the visitor brought none. `kept`: it is here. `gone`: the visitor brought one that is not here, and got another.
    state: &'static str,
    /// The beginning of its id: enough to tell sessions apart, not enough to take one over.
    id: &'a str,
    visits: u64,
    note: &'a str,
}

/// Builds the service. Its websockets are closed when `stop` is cancelled, and counted in `sockets` until they are.
pub fn app(config: Config, metrics: &Metrics, stop: CancellationToken, sockets: TaskTracker) -> Router {
    let task = host::name();
    let name = HeaderValue::from_str(&task).unwrap_or(HeaderValue::from_static("unknown"));
    let service = Service { config, task, sessions: Sessions::default(), memory: Memory::default(), sockets, stop };
    Router::new()
        .route("/whoami", get(whoami))
        .route("/note", post(note).layer(DefaultBodyLimit::max(LONGEST_NOTE)))
        .route("/ws", get(upgrade))
        .route("/eat", post(eat))
        .with_state(Arc::new(service))
        .merge(kit::page::routes(&FILES))
        .fallback(async || (StatusCode::NOT_FOUND, "session answers GET /, /whoami and /ws, POST /note and /eat\n"))
        .merge(ops::routes(metrics.clone(), || Ok(())))
        .layer(middleware::map_response(move |mut response: Response| {
            response.headers_mut().insert(HeaderName::from_static("x-task"), name.clone());
            async { response }
        }))
}

/// Runs the program on its settings until SIGTERM or ^C.
pub async fn run(config: Config, listen: SocketAddr, limits: &Limits) -> ExitCode {
    let stop = start::stop_on_signals();
    let metrics = Metrics::new("session");
    let sockets = TaskTracker::new();
    let router = app(config, &metrics, stop, sockets.clone());
    let code = start::serve_until_signal(listen, router, &metrics, limits).await;
    sockets.close();
    // A visitor who does not take the farewell is not waited for.
    let _ = tokio::time::timeout(FAREWELL, sockets.wait()).await;
    code
}

async fn whoami(State(service): Shared, headers: HeaderMap) -> Response {
    let brought = brought(&headers);
    let known = brought.and_then(|id| Some((id.to_owned(), service.sessions.visit(id)?)));
    let state = match (&known, brought) {
        (Some(_), _) => "kept",
        (None, Some(_)) => "gone",
        (None, None) => "new",
    };
    let is_new = known.is_none();
    let (id, Session { visits, note }) = known.unwrap_or_else(|| service.sessions.begin());
    let Service { task, config: Config { node, app_version: version, .. }, .. } = &*service;
    let session = Shown { state, id: &id[..8], visits, note: &note };
    let mut answer = Json(Whoami { task, node, version, session }).into_response();
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if is_new {
        let cookie = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax");
        answer.headers_mut().insert(header::SET_COOKIE, cookie.parse().expect("hexadecimal digits are a header value"));
    }
    answer
}

/// The session's id that a visitor's cookie names.
fn brought(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, id)| id)
}

async fn note(State(service): Shared, headers: HeaderMap, InTime(text): InTime<String>) -> Response {
    match brought(&headers).and_then(|id| service.sessions.note(id, text)) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => (StatusCode::CONFLICT, format!("{} does not know your session\n", service.task)).into_response(),
    }
}

async fn upgrade(State(service): Shared, headers: HeaderMap, socket: WebSocketUpgrade) -> Response {
    let id = brought(&headers).map(str::to_owned);
    // Half of the files are for the connections that the server counts, and these are none of those any more.
    let files = usize::try_from(host::file_limit() / 4).unwrap_or(usize::MAX);
    let most = service.config.max_sockets.min(files);
    if service.sockets.len() >= most {
        let reason = format!("{} has {most} websockets, the most at a time\n", service.task);
        return (StatusCode::SERVICE_UNAVAILABLE, reason).into_response();
    }
    let counted = service.sockets.token();
    let socket = socket.max_message_size(LONGEST_MESSAGE).max_frame_size(LONGEST_MESSAGE);
    socket.on_upgrade(async move |socket| {
        socket::tick(socket, service, id).await;
        drop(counted);
    })
}

#[derive(Debug, Deserialize)]
struct Eat {
    size: String,
}

async fn eat(State(service): Shared, Query(Eat { size }): Query<Eat>) -> Response {
    let bytes = match settings::size(&size) {
        Ok(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
        Err(reason) => return (StatusCode::BAD_REQUEST, format!("size: {reason}\n")).into_response(),
    };
    let most = service.config.eat_most;
    match service.memory.eat(bytes, usize::try_from(most).unwrap_or(usize::MAX)) {
        Ok(eaten) => format!("{} has eaten {}\n", service.task, settings::show_size(eaten as u64)).into_response(),
        Err(eaten) => {
            let (eaten, most) = (settings::show_size(eaten as u64), settings::show_size(most));
            let reason = format!("{} has eaten {eaten}, and takes {most} at most (--eat-most)\n", service.task);
            (StatusCode::PAYLOAD_TOO_LARGE, reason).into_response()
        }
    }
}

#[cfg(test)]
mod tests;
