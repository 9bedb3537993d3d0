//! The part of Docker's API that environments need, before a socket that gives all of it.
//!
//! | request | what is passed on |
//! |---|---|
//! | `GET /_ping`, `GET /version` | as it is |
//! | `GET /services`, `GET /tasks` | with a filter of the proxy's own: environments only |
//! | `POST /services/create` | a service that is made anew from name, image and labels, if it is what was asked for |
//! | `DELETE /services/{id}` | if it is an environment |
//!
//! No header, no query and no body of the caller's is passed on. Everything else is refused with 403.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bollard::models::Service;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kit::body::{InTime, LATE, Rejection};
use kit::metrics::Metrics;
use kit::ops;
use serde_json::json;
use tokio::net::UnixStream;

use crate::spec::{Labels, USER};
use crate::{Template, is_name};

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 16 << 10;

/// The longest answer of the engine: a thousand environments have about 5 MB of tasks.
const LONGEST_ANSWER: usize = 64 << 20;

#[derive(Debug)]
struct Proxy {
    template: Template,
    socket: PathBuf,
}

/// The routes. All that is not an operator's comes to one function, so that nothing is let through by the way it is written.
pub fn app(template: Template, socket: PathBuf, metrics: &Metrics) -> Router {
    Router::new()
        .fallback(pass)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(Arc::new(Proxy { template, socket }))
        .merge(ops::routes(metrics.clone(), || Ok(())))
}

type Sent = Result<InTime<Bytes>, Rejection<BytesRejection>>;

async fn pass(State(proxy): State<Arc<Proxy>>, method: Method, uri: Uri, body: Sent) -> Response {
    let (version, path) = split(uri.path());
    let body = match body {
        Ok(InTime(body)) => body,
        Err(Rejection::Late) => return refusal(StatusCode::REQUEST_TIMEOUT, LATE),
        Err(Rejection::Wrong(rejection)) => return refusal(rejection.status(), &rejection.body_text()),
    };
    let outcome = match (method.as_str(), path) {
        ("GET" | "HEAD", "/_ping") | ("GET", "/version") => proxy.ask(method.clone(), uri.path(), None).await,
        ("GET", "/services" | "/tasks") => proxy.list(version, path).await,
        ("POST", "/services/create") => proxy.create(version, &body).await,
        ("DELETE", path) => proxy.remove(version, path.strip_prefix("/services/").unwrap_or_default()).await,
        _ => Err(forbidden("environments do not need this")),
    };
    outcome.unwrap_or_else(|refusal| {
        tracing::warn!(%method, path, status = refusal.status().as_u16(), "refused");
        refusal
    })
}

/// A path's version, as `/v1.44`, and the rest.
fn split(path: &str) -> (&str, &str) {
    let is_version = |text: &str| {
        let digits = |part: &str| !part.is_empty() && part.len() < 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        text.strip_prefix("/v").and_then(|text| text.split_once('.')).is_some_and(|(a, b)| digits(a) && digits(b))
    };
    let end = path.get(1..).and_then(|rest| rest.find('/')).map_or(path.len(), |slash| slash + 1);
    let (version, rest) = path.split_at(end);
    if is_version(version) { (version, rest) } else { ("", path) }
}

/// A refusal, as Docker would write it.
fn refusal(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({"message": format!("proxy: {reason}")}))).into_response()
}

fn forbidden(reason: &str) -> Response {
    refusal(StatusCode::FORBIDDEN, reason)
}

impl Proxy {
    async fn list(&self, version: &str, path: &str) -> Result<Response, Response> {
        // {"label":["environment.user"]}, which services have, and tasks by their service.
        let filters = format!("%7B%22label%22%3A%5B%22{USER}%22%5D%7D");
        self.ask(Method::GET, &format!("{version}{path}?filters={filters}"), None).await
    }

    async fn create(&self, version: &str, body: &[u8]) -> Result<Response, Response> {
        let service = self.template.check(body).map_err(|reason| forbidden(&reason))?;
        let body = serde_json::to_vec(&service).map_err(|error| forbidden(&error.to_string()))?;
        self.ask(Method::POST, &format!("{version}/services/create"), Some(body)).await
    }

    async fn remove(&self, version: &str, id: &str) -> Result<Response, Response> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(forbidden("only environments may be removed, by their service's id"));
        }
        let answer = self.ask(Method::GET, &format!("{version}/services/{id}"), None).await?;
        if answer.status() != StatusCode::OK {
            return Ok(answer);
        }
        let body = answer.into_body().collect().await.map_err(|error| unreachable(&error))?.to_bytes();
        let service: Service = serde_json::from_slice(&body).map_err(|error| unreachable(&error))?;
        let spec = service.spec.unwrap_or_default();
        // Docker also finds a service by its name, or by the beginning of its id.
        let same = service.id.as_deref() == Some(id) && spec.name.as_deref().is_some_and(is_name);
        if !same || spec.labels.as_ref().and_then(Labels::read).is_none() {
            return Err(forbidden("this service is no environment"));
        }
        self.ask(Method::DELETE, &format!("{version}/services/{id}"), None).await
    }

    /// Asks the engine, and waits for the whole answer.
    async fn ask(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Response, Response> {
        let socket = UnixStream::connect(&self.socket).await.map_err(|error| unreachable(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(socket)).await.map_err(|error| unreachable(&error))?;
        // It ends with the answer, or with the sender.
        tokio::spawn(connection);
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "docker")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::<Bytes>::from(body.unwrap_or_default()))
            .map_err(|error| unreachable(&error))?;
        let (head, body) = sender.send_request(request).await.map_err(|error| unreachable(&error))?.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|error| unreachable(&error))?.to_bytes();
        let kept = [header::CONTENT_TYPE, header::HeaderName::from_static("api-version")];
        let mut answer = Response::new(Body::from(body));
        *answer.status_mut() = head.status;
        for name in kept {
            answer.headers_mut().extend(head.headers.get(&name).map(|value| (name, value.clone())));
        }
        Ok(answer)
    }
}

fn unreachable(error: &dyn std::fmt::Display) -> Response {
    tracing::warn!(%error, "the engine does not answer as it should");
    refusal(StatusCode::BAD_GATEWAY, "the engine does not answer as it should")
}
