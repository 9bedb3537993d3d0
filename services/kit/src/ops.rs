//! The routes for those who operate a service: `/healthz`, `/readyz` and `/metrics`. None of them waits for a slot.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::metrics::Metrics;

/// Says whether the service can do its work, or else why not, in a few words.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Ready as soon as it listens: for services that need nobody.
pub fn always_ready() -> Readiness {
    Arc::new(|| Ok(()))
}

/// The routes. `/healthz` answers 200 while the process runs; `/readyz` answers 503 with the reason while it cannot work.
pub fn routes<S: Clone + Send + Sync + 'static>(metrics: Metrics, readiness: Readiness) -> Router<S> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async move || ready(&readiness)))
        .route("/metrics", get(async move || text(&metrics)))
}

fn ready(readiness: &Readiness) -> impl IntoResponse + use<> {
    match readiness() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

fn text(metrics: &Metrics) -> impl IntoResponse + use<> {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], metrics.text())
}
