//! Errors as RFC 9457 has them: `application/problem+json` with title, status and detail.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kit::body::{LATE, Rejection};
use serde_json::json;

use crate::Error;

/// What is wrong with a request, or with what it needs.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    /// A status, with a sentence for whoever asked.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    /// There is none, or none that the caller may know of: who is not told can tell nothing.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "you have no such environment; GET /environments lists yours")
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        tracing::warn!(%error, "the Swarm did not do what was asked");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the Swarm does not answer; ask again with the same Idempotency-Key")
    }
}

impl From<Rejection<JsonRejection>> for Problem {
    fn from(rejection: Rejection<JsonRejection>) -> Self {
        match rejection {
            Rejection::Late => Self::new(StatusCode::REQUEST_TIMEOUT, LATE),
            Rejection::Wrong(rejection) => Self::new(rejection.status(), rejection.body_text()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, detail } = self;
        let title = status.canonical_reason().unwrap_or("Problem");
        let body = Json(json!({"title": title, "status": status.as_u16(), "detail": detail}));
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let more = match status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            StatusCode::REQUEST_TIMEOUT => Some((header::CONNECTION, "close")),
            StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
            _ => None,
        };
        response.headers_mut().extend(more.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }
}
