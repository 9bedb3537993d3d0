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
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kit::metrics::Metrics;
use kit::slots::{App, Slots};
use kit::{clock, host, ops, settings};

/// What is said to a wrong method or path.
const ROUTES: &str = "hasher answers GET / and POST /\n";

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
    #[arg(long, env = "HASHER_BODY_TIMEOUT", value_parser = settings::timeout, default_value = "30s", value_name = "TIME")]
    pub body_timeout: Duration,
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

/// Builds the service.
pub fn app(config: &Config, metrics: &Metrics) -> App {
    let slots = Slots::new(config.concurrency, metrics);
    let service = Service { config: config.clone(), slots: slots.clone() };
    let router = Router::new()
        .route("/", get(greet).post(digest))
        .method_not_allowed_fallback((StatusCode::METHOD_NOT_ALLOWED, ROUTES))
        .fallback((StatusCode::NOT_FOUND, ROUTES))
        .with_state(Arc::new(service))
        .merge(ops::routes(metrics.clone(), || Ok(())));
    App { router, slots }
}

async fn greet() -> String {
    format!("HASHER running on {}\n", host::name())
}

async fn digest(State(service): State<Arc<Service>>, request: Request) -> Response {
    let _turn = service.slots.take().await;
    let config = &service.config;
    match body::digest(request, config.max_body, config.body_timeout).await {
        Ok(digest) => {
            clock::sleep(config.delay).await;
            digest.into_response()
        }
        // In the middle of a body, what else arrives on the connection cannot be told from the rest of it.
        Err((status, reason)) => (status, [(header::CONNECTION, "close")], reason).into_response(),
    }
}

#[cfg(test)]
mod tests;
