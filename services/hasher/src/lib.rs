//! The hashing service: SHA-256 of whatever is posted, any number at once.
//!
//! | route | answer |
//! |---|---|
//! | `GET /` | `HASHER running on <hostname>`, without a delay |
//! | `POST /` | the digest of the body, 64 lowercase hexadecimal digits, after the delay |
//!
//! A body is hashed while it arrives, so its size costs time but no memory.

mod body;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRef, Request, State};
use axum::http::{self, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kit::express::Express;
use kit::metrics::Metrics;
use kit::turn::{Slots, Turn};
use kit::{clock, host, ops, serve, settings};

use crate::body::Refusal;

/// Settings of the service.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// How long each `POST /` takes, besides the hashing
    #[arg(long, env = "HASHER_DELAY", value_parser = settings::duration, default_value = "100ms", value_name = "TIME")]
    pub delay: Duration,
    /// How many requests are served at a time; 0 for no limit
    #[arg(long, env = "HASHER_CONCURRENCY", default_value = "0", value_name = "N")]
    pub concurrency: u32,
    /// The largest body that is hashed
    #[arg(long, env = "HASHER_MAX_BODY", value_parser = settings::size, default_value = "4GiB", value_name = "SIZE")]
    pub max_body: u64,
    /// How long a body may pause while it arrives
    #[arg(long, env = "HASHER_BODY_TIMEOUT", value_parser = settings::duration, default_value = "30s", value_name = "TIME")]
    pub body_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(100),
            concurrency: 0,
            max_body: 4 << 30,
            body_timeout: Duration::from_secs(30),
        }
    }
}

/// The service: its routes, and its slots for those who run it in their own process.
#[derive(Debug)]
pub struct App {
    /// The routes.
    pub router: Router,
    /// The slots that requests hold.
    pub slots: Arc<Slots>,
    settings: Arc<Settings>,
}

impl App {
    /// The service for a server: the routes, with the short way for `POST /`.
    pub fn express(self) -> impl serve::App {
        let Self { router, slots, settings } = self;
        let handle = move |request| {
            let (slots, settings) = (slots.clone(), settings.clone());
            async move { Ok(answer(slots.take().await, &settings.config, request).await) }
        };
        Express::new(|method, path| method == Method::POST && path == "/", handle, router)
    }
}

#[derive(Debug, Clone)]
struct Service {
    slots: Arc<Slots>,
    settings: Arc<Settings>,
}

#[derive(Debug)]
struct Settings {
    config: Config,
    greeting: String,
}

impl FromRef<Service> for Arc<Slots> {
    fn from_ref(service: &Service) -> Self {
        service.slots.clone()
    }
}

/// Builds the service.
pub fn app(config: &Config, metrics: &Metrics) -> App {
    let slots = Slots::new(config.concurrency);
    metrics.register(|registry| slots.register(registry));
    let greeting = format!("HASHER running on {}\n", host::name());
    let settings = Arc::new(Settings { config: config.clone(), greeting });
    let router = Router::new()
        .route("/", get(greet).post(digest).fallback(wrong_method))
        .fallback(wrong_path)
        .with_state(Service { slots: slots.clone(), settings: settings.clone() })
        .merge(ops::routes(metrics.clone(), ops::always_ready()));
    App { router, slots, settings }
}

async fn greet(State(Service { settings, .. }): State<Service>) -> String {
    settings.greeting.clone()
}

async fn digest(turn: Turn, State(service): State<Service>, request: Request) -> Response {
    answer(turn, &service.settings.config, request).await
}

/// Hashes a body, and answers when the delay has passed; the turn is over then.
async fn answer<B>(_turn: Turn, config: &Config, request: http::Request<B>) -> Response
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send,
{
    match body::digest(request, config.max_body, config.body_timeout).await {
        Ok(digest) => {
            clock::sleep(config.delay).await;
            digest.into_response()
        }
        Err(Refusal::TooLarge) => {
            let limit = settings::show_size(config.max_body);
            close(StatusCode::PAYLOAD_TOO_LARGE, format!("hasher takes bodies of up to {limit}\n"))
        }
        Err(Refusal::TooSlow) => {
            let limit = config.body_timeout;
            close(StatusCode::REQUEST_TIMEOUT, format!("nothing of the body arrived for {limit:?}\n"))
        }
        Err(Refusal::Broken) => {
            close(StatusCode::BAD_REQUEST, "the body ended before its announced length\n".to_owned())
        }
    }
}

async fn wrong_method() -> (StatusCode, [(header::HeaderName, &'static str); 1], &'static str) {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET,HEAD,POST")], "hasher answers GET / and POST /\n")
}

async fn wrong_path() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "hasher answers GET / and POST /\n")
}

/// A refusal in the middle of a body: what else arrives on the connection cannot be told from the rest of it.
fn close(status: StatusCode, message: String) -> Response {
    (status, [(header::CONNECTION, "close")], Body::from(message)).into_response()
}

#[cfg(test)]
mod tests;
