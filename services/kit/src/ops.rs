//! The routes for those who operate a service: `/healthz`, `/readyz` and `/metrics`. None of them waits for a slot.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;

use crate::metrics::Metrics;

/// The routes. `/healthz` answers 200 while the process runs; `/readyz` answers 503 with the reason while the service cannot do its
/// work, for which `readiness` gives a few words.
pub fn routes<S: Clone + Send + Sync + 'static>(
    metrics: Metrics,
    readiness: impl Fn() -> Result<(), String> + Clone + Send + Sync + 'static,
) -> Router<S> {
    let ready = move || match readiness() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    };
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async move || ready()))
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, kind)], metrics.text())))
}
