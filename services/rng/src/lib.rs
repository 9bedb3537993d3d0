//! The random-number service: one request at a time, so that there is something to find.
//!
//! | route | answer |
//! |---|---|
//! | `GET /` | `RNG running on <hostname>` |
//! | `GET /{n}` | `n` random bytes, after the delay |
//!
//! Every route waits for a slot, wrong ones too, in order of arrival: that queue is what a student finds with a ping.
//! `/healthz`, `/readyz` and `/metrics` do not wait.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use kit::metrics::Metrics;
use kit::turn::{Slots, Turn};
use kit::{clock, host, ops, settings};
use rand::Rng;

/// Answers above this size are made piece by piece while they are sent.
const PIECE: u64 = 64 << 10;

/// Settings of the service.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// How long each `GET /{n}` takes
    #[arg(long, env = "RNG_DELAY", value_parser = settings::duration, default_value = "100ms", value_name = "TIME")]
    pub delay: Duration,
    /// How many requests are served at a time; 0 for no limit
    #[arg(long, env = "RNG_CONCURRENCY", default_value = "1", value_name = "N")]
    pub concurrency: u32,
    /// The most bytes that one request may ask for
    #[arg(long, env = "RNG_MAX_BYTES", value_parser = settings::size, default_value = "64MiB", value_name = "SIZE")]
    pub max_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { delay: Duration::from_millis(100), concurrency: 1, max_bytes: 64 << 20 }
    }
}

/// The service: its routes, and its slots for those who run it in their own process.
#[derive(Debug)]
pub struct App {
    /// The routes.
    pub router: Router,
    /// The slots that every request waits for.
    pub slots: Arc<Slots>,
}

#[derive(Debug, Clone)]
struct Service {
    slots: Arc<Slots>,
    settings: Arc<Settings>,
}

impl FromRef<Service> for Arc<Slots> {
    fn from_ref(service: &Service) -> Self {
        service.slots.clone()
    }
}

#[derive(Debug)]
struct Settings {
    delay: Duration,
    max_bytes: u64,
    greeting: String,
}

/// Builds the service.
pub fn app(config: &Config, metrics: &Metrics) -> App {
    let slots = Slots::new(config.concurrency);
    metrics.register(|registry| slots.register(registry));
    let settings = Settings {
        delay: config.delay,
        max_bytes: config.max_bytes,
        greeting: format!("RNG running on {}\n", host::name()),
    };
    let router = Router::new()
        .route("/", get(greet).fallback(wrong_method))
        .route("/{n}", get(random).fallback(wrong_method))
        .fallback(wrong_path)
        .with_state(Service { slots: slots.clone(), settings: Arc::new(settings) })
        .merge(ops::routes(metrics.clone(), ops::always_ready()));
    App { router, slots }
}

async fn greet(_turn: Turn, State(Service { settings, .. }): State<Service>) -> String {
    settings.greeting.clone()
}

async fn random(_turn: Turn, State(Service { settings, .. }): State<Service>, Path(n): Path<String>) -> Response {
    let Some(size) = parse(&n, settings.max_bytes) else {
        let limit = settings.max_bytes;
        let message = format!(
            "`{n}` is not a number of bytes: ask for a whole number from 0 to {limit} ({}), as in /32\n",
            kit::settings::show_size(limit)
        );
        return (StatusCode::BAD_REQUEST, message).into_response();
    };
    clock::sleep(settings.delay).await;
    let mut response = Response::new(body(size));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    response
}

async fn wrong_method(_turn: Turn) -> (StatusCode, [(header::HeaderName, &'static str); 1], &'static str) {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET,HEAD")], "rng answers GET and HEAD\n")
}

async fn wrong_path(_turn: Turn) -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "rng answers GET / and GET /{n}, where n is a number of bytes\n")
}

/// Reads a number of bytes in decimal digits, nothing else.
fn parse(n: &str, limit: u64) -> Option<u64> {
    let digits = !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| n.parse().ok()).flatten().filter(|size| *size <= limit)
}

fn body(size: u64) -> Body {
    if size <= PIECE {
        return Body::from(piece(size));
    }
    Body::from_stream(futures_util::stream::unfold(size, async |left| {
        let size = left.min(PIECE);
        (size > 0).then(|| (Ok::<_, std::convert::Infallible>(piece(size)), left - size))
    }))
}

fn piece(size: u64) -> Bytes {
    let mut bytes = vec![0; size as usize];
    rand::rng().fill_bytes(&mut bytes);
    bytes.into()
}

#[cfg(test)]
mod tests;
