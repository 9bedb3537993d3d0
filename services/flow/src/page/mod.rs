//! The page that shows the picture while it fills, and the JSON behind it.
//!
//! One task asks the database twice a second, and every open page is answered from what it has seen: thirty pages cost the database as
//! much as one.

mod json;
mod look;
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
use kit::page::File;
use kit::serve::Limits;
use kit::{ops, start};
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use watch::Watch;

const FILES: [File; 4] = [
    ("/", include_str!("../../page/index.html")),
    ("/style.css", include_str!("../../page/style.css")),
    ("/page.js", include_str!("../../page/page.js")),
    ("/picture.js", include_str!("../../page/picture.js")),
];

/// The routes, and the task that watches the database until `stop` is cancelled.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn app(database: Database, metrics: &Metrics, stop: CancellationToken) -> Router {
    let watch = Arc::new(Watch::new());
    start::vital(watch.clone().run(database, stop));
    let asked = watch.clone();
    Router::new()
        .route("/api/state", get(state))
        .with_state(watch)
        .merge(kit::page::routes(&FILES))
        .fallback(async || (StatusCode::NOT_FOUND, "the page of flow answers GET / and /api/state\n"))
        .merge(ops::routes(metrics.clone(), move || asked.ready()))
}

/// Serves the page until SIGTERM or ^C.
pub async fn run(database: Database, listen: SocketAddr, limits: &Limits) -> ExitCode {
    let metrics = Metrics::new("flow");
    let stop = CancellationToken::new();
    let app = app(database, &metrics, stop.clone());
    let code = start::serve_until_signal(listen, app, &metrics, limits).await;
    stop.cancel();
    code
}

/// `?after=<cursor>` tells what a page has, so that it is sent only the tiles that are new.
async fn state(State(watch): State<Arc<Watch>>, RawQuery(query): RawQuery) -> Response {
    let after = query.as_deref().and_then(|query| query.strip_prefix("after="));
    ([(header::CACHE_CONTROL, "no-store")], axum::Json(watch.state(after.unwrap_or_default()))).into_response()
}
