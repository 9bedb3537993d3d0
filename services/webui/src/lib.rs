//! The page that a class watches, and the JSON behind it.
//!
//! | route | answer |
//! |---|---|
//! | `GET /`, `GET /index.html` | the page |
//! | `GET /json` | hashes, coins and the time, as the public application gives them |
//! | `GET /api/state` | all that the page shows, with the last ten minutes |
//!
//! One task asks the ledger once a second, and every open page is answered from what that task has seen. So thirty open
//! pages cost Redis as much as one, and a page that is opened late shows the past.

mod assets;
mod history;
mod json;
mod line;
mod meter;
mod track;
mod watch;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kit::metrics::Metrics;
use kit::serve::Limits;
use kit::{ops, start};
use ledger::Ledger;
use tokio_util::sync::CancellationToken;

use crate::watch::Watch;

/// Settings of the service.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// The Redis that the workers count in
    #[arg(long, env = "REDIS_URL", default_value = "redis://redis", value_name = "URL")]
    pub redis_url: String,
}

#[derive(Debug, Clone)]
struct Service {
    ledger: Ledger,
    watch: Arc<Watch>,
}

/// Builds the service and starts the task that watches the ledger, until `stop` is cancelled.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn app(ledger: Ledger, metrics: &Metrics, stop: CancellationToken) -> Router {
    let watch = Watch::new(ledger.kind(), metrics);
    tokio::spawn(watch.clone().run(ledger.clone(), stop));
    let asked = watch.clone();
    Router::new()
        .route("/json", get(public_json).fallback(wrong_method))
        .route("/api/state", get(state).fallback(wrong_method))
        .with_state(Service { ledger, watch })
        .merge(kit::page::routes(&assets::FILES).method_not_allowed_fallback(wrong_method))
        .fallback(wrong_path)
        .merge(ops::routes(metrics.clone(), Arc::new(move || asked.ready())))
}

/// Runs the program on its settings until SIGTERM or ^C.
pub async fn run(config: &Config, listen: SocketAddr, limits: &Limits) -> ExitCode {
    let ledger = match Ledger::in_redis(&config.redis_url) {
        Ok(ledger) => ledger,
        Err(error) => {
            return start::usage("webui", &format!("--redis-url, REDIS_URL: `{}`: {error}", config.redis_url));
        }
    };
    let metrics = Metrics::new("webui");
    let stop = CancellationToken::new();
    let router = app(ledger, &metrics, stop.clone());
    let code = start::serve_until_signal("webui", listen, router, &metrics, limits).await;
    stop.cancel();
    code
}

async fn public_json(State(Service { ledger, .. }): State<Service>) -> Response {
    match watch::bounded(ledger.totals()).await {
        Ok(totals) => json::answer(StatusCode::OK, &json::Public::new(totals)),
        Err(reason) => {
            let error = format!("{} is away: {reason}", ledger.kind());
            json::answer(StatusCode::SERVICE_UNAVAILABLE, &json::Problem { error })
        }
    }
}

/// `?after=<number>` tells the last sample that a page has, so that it is sent only what is new.
async fn state(State(Service { watch, .. }): State<Service>, RawQuery(query): RawQuery) -> Response {
    let after = query.as_deref().and_then(|query| query.strip_prefix("after="));
    // A number that cannot be read is no reason to show nothing: all samples are sent then.
    let after = after.and_then(|number| number.parse().ok()).unwrap_or_default();
    json::answer(StatusCode::OK, &watch.state(after))
}

async fn wrong_method() -> impl IntoResponse {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET,HEAD")], "webui answers GET and HEAD\n")
}

async fn wrong_path() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "webui answers GET /, /json and /api/state\n")
}

#[cfg(test)]
mod tests;
