//! What the JSON routes answer.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ledger::Totals;
use serde::Serialize;

use crate::history::Sample;

/// Answers with JSON that nobody may keep.
pub fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// `/api/state`: all that the page shows. Times are seconds since 1970.
#[derive(Debug, Clone, Serialize)]
pub struct State {
    pub now: f64,
    pub ledger: Health,
    /// The last that the ledger told; absent before it told anything.
    pub totals: Option<Totals>,
    pub speed: Speed,
    /// Means over the workers and the last seconds, weighted by the requests that each of them made.
    pub latency: Latency,
    /// The workers that have announced themselves, when the ledger was last asked with success.
    pub workers: Vec<Worker>,
    /// Which announcements cannot be read, and why; absent while all can.
    pub workers_problem: Option<String>,
    pub history: History,
}

/// Whether the ledger answers.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// `redis` or `memory`.
    pub kind: &'static str,
    pub ok: bool,
    /// When this began.
    pub since: f64,
    pub reason: Option<String>,
}

/// The speed, and where the figure comes from.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Speed {
    /// Absent while it is not known.
    pub hashes_per_second: Option<f64>,
    /// `workers`, `ledger`, or absent while the speed is not known.
    pub source: Option<&'static str>,
    /// Workers that do not announce themselves are mining too.
    pub unannounced: bool,
}

/// What requests to the services take, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    pub rng_ms: Option<f64>,
    pub hasher_ms: Option<f64>,
}

/// One worker.
#[derive(Debug, Clone, Serialize)]
pub struct Worker {
    pub id: String,
    pub host: String,
    pub state: String,
    pub loops: u32,
    pub started: f64,
    pub hashes: u64,
    pub hashes_per_second: f64,
    pub failures: u64,
    /// What one loop takes, in milliseconds, as the speed implies.
    pub loop_ms: Option<f64>,
    pub rng_ms: Option<f64>,
    pub hasher_ms: Option<f64>,
    /// For how many seconds it has told nothing new; absent while it does.
    pub silent: Option<f64>,
}

/// The recent past, oldest first.
#[derive(Debug, Clone, Serialize)]
pub struct History {
    /// How far back the history goes at most.
    pub seconds: u64,
    /// `[number, time, hashes a second, workers, rng ms, hasher ms]`; null where it is not known.
    pub samples: Vec<Sample>,
}

/// Rounds to milliseconds, or to thousandths of anything else: more digits would be noise on the wire.
pub fn milliseconds(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
