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

mod history;
mod line;
mod meter;
mod track;
mod watch;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use kit::metrics::Metrics;
use kit::ops;
use kit::page::File;
use ledger::Ledger;
use serde_json::{Value, json};

use crate::watch::Watch;

/// The page's files, beside those that all pages share.
const FILES: [File; 5] = [
    ("/", include_str!("../page/index.html")),
    ("/index.html", include_str!("../page/index.html")),
    ("/style.css", include_str!("../page/style.css")),
    ("/page.js", include_str!("../page/page.js")),
    ("/graph.js", include_str!("../page/graph.js")),
];

/// Builds the service and starts the task that watches the ledger.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn app(ledger: Ledger, metrics: &Metrics) -> Router {
    let watch = Watch::new(ledger, metrics);
    kit::start::vital(watch.clone().run());
    let asked = watch.clone();
    Router::new()
        .route("/json", get(public_json))
        .route("/api/state", get(state))
        .with_state(watch)
        .merge(kit::page::routes(&FILES))
        .method_not_allowed_fallback((StatusCode::METHOD_NOT_ALLOWED, "webui answers GET and HEAD\n"))
        .fallback((StatusCode::NOT_FOUND, "webui answers GET /, /json and /api/state\n"))
        .merge(ops::routes(metrics.clone(), move || asked.ready()))
}

/// As the public application has it: `hashes` is what Redis answers to `GET hashes`, hence a string, or null before anything
/// was counted.
async fn public_json(State(watch): State<Arc<Watch>>) -> Response {
    match watch.ledger.totals().await {
        Ok(totals) => {
            let hashes = totals.begun.then(|| totals.hashes.to_string());
            let now = milliseconds(ledger::now());
            json_answer(StatusCode::OK, json!({"coins": totals.coins, "hashes": hashes, "now": now}))
        }
        Err(reason) => {
            let error = format!("{} is away: {reason}", watch.ledger.kind());
            json_answer(StatusCode::SERVICE_UNAVAILABLE, json!({"error": error}))
        }
    }
}

/// `?after=<number>` tells the last sample that a page has, so that it is sent only what is new.
async fn state(State(watch): State<Arc<Watch>>, RawQuery(query): RawQuery) -> Response {
    let after = query.as_deref().and_then(|query| query.strip_prefix("after="));
    // A number that cannot be read is no reason to show nothing: all samples are sent then.
    let after = after.and_then(|number| number.parse().ok()).unwrap_or_default();
    json_answer(StatusCode::OK, watch.state(after))
}

/// Answers with JSON that nobody may keep.
fn json_answer(status: StatusCode, body: Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Rounds to milliseconds, or to thousandths of anything else: more digits would be noise on the wire.
fn milliseconds(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests;
