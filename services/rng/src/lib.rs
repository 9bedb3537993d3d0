//! The random-number service: one request at a time, so that there is something to find.
//!
//! | route | answer |
//! |---|---|
//! | `GET /` | `RNG running on <hostname>` |
//! | `GET /{n}` | `n` random bytes, after the delay |
//!
//! Every route waits for a slot, wrong ones too, in order of arrival: that queue is what a student finds with a ping.
//! `/healthz`, `/readyz` and `/metrics` do not wait.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use kit::metrics::Metrics;
use kit::slots::{App, Slots, Turn};
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
        settings::defaults()
    }
}

#[derive(Debug)]
struct Service {
    config: Config,
    slots: Arc<Slots>,
}

type Shared = State<Arc<Service>>;

/// Builds the service.
pub fn app(config: &Config, metrics: &Metrics) -> App {
    let slots = Slots::new(config.concurrency, metrics);
    let service = Service { config: config.clone(), slots: slots.clone() };
    let router = Router::new()
        .route("/", get(greet))
        .route("/{n}", get(random))
        .method_not_allowed_fallback(wrong_method)
        .fallback(wrong_path)
        .with_state(Arc::new(service))
        .merge(ops::routes(metrics.clone(), || Ok(())));
    App { router, slots }
}

async fn greet(State(service): Shared) -> String {
    let _turn = service.slots.take().await;
    format!("RNG running on {}\n", host::name())
}

async fn random(State(service): Shared, Path(n): Path<String>) -> Response {
    let turn = service.slots.take().await;
    let limit = service.config.max_bytes;
    let Some(size) = parse(&n, limit) else {
        let shown = settings::show_size(limit);
        let reason =
            format!("`{n}` is no number of bytes: ask for a whole one from 0 to {limit} ({shown}), as in /32\n");
        return (StatusCode::BAD_REQUEST, reason).into_response();
    };
    clock::sleep(service.config.delay).await;
    answer(size, turn)
}

async fn wrong_method(State(service): Shared) -> impl IntoResponse {
    let _turn = service.slots.take().await;
    (StatusCode::METHOD_NOT_ALLOWED, "rng answers GET and HEAD\n")
}

async fn wrong_path(State(service): Shared) -> impl IntoResponse {
    let _turn = service.slots.take().await;
    (StatusCode::NOT_FOUND, "rng answers GET / and GET /{n}, where n is a number of bytes\n")
}

/// Reads a number of bytes in decimal digits, nothing else.
fn parse(n: &str, limit: u64) -> Option<u64> {
    let digits = !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| n.parse().ok()).flatten().filter(|size| *size <= limit)
}

/// So many random bytes, as `application/octet-stream`. A large answer keeps its turn until its last piece is handed to the
/// connection: it is still being served until then.
fn answer(size: u64, turn: Turn) -> Response {
    if size <= PIECE {
        return piece(size).into_response();
    }
    let pieces = futures_util::stream::unfold((size, turn), async |(left, turn)| {
        let size = left.min(PIECE);
        (size > 0).then(|| (Ok::<_, Infallible>(piece(size)), (left - size, turn)))
    });
    let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CONTENT_LENGTH, &size.to_string())];
    (headers, Body::from_stream(pieces)).into_response()
}

fn piece(size: u64) -> Bytes {
    let mut bytes = vec![0; size as usize];
    rand::rng().fill_bytes(&mut bytes);
    bytes.into()
}

#[cfg(test)]
mod tests;
