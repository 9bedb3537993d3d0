//! The requests of one connection, and whether it has one in flight.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderValue, Request, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::Service;

use crate::server::Server;

/// What a host and a port consist of beside letters and digits: RFC 3986, 3.2.2.
const HOST_MARKS: &[u8] = b"-._~%!$&'()*+,;=:[]";

/// Answers the requests of one connection until either side closes it.
pub async fn serve(server: &Server, stream: TcpStream, activity: Arc<Activity>) {
    let service = service_fn(|request| {
        let in_flight = InFlight::begin(&activity, Bytes::new());
        async move {
            let mut response = answer(server.router.clone(), request).await;
            server.metrics.count(response.status());
            if server.stopping.load(Ordering::Relaxed) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            // Hyper lets go of a request when the head of its answer is ready, and of a body when it has its last piece; but
            // it drops a piece when the socket has taken it.
            Ok::<_, Infallible>(response.map(|body| {
                body.map_frame(move |frame| {
                    frame.map_data(|data| Bytes::from_owner(InFlight::begin(&in_flight.activity, data)))
                })
            }))
        }
    });
    // A connection that becomes a websocket leaves here; whoever has it then ends it.
    if let Err(error) = server.http.serve_connection(TokioIo::new(stream), service).with_upgrades().await {
        // The client went away, or sent what is no HTTP; hyper has answered where an answer was possible.
        tracing::debug!(%error, "connection ended");
    }
}

async fn answer(mut router: Router, request: Request<Incoming>) -> Response {
    if names_its_host(&request) {
        let Ok(response) = router.call(request).await;
        return response;
    }
    let reason = "a request needs one Host header (RFC 9112, 3.2)\n";
    (StatusCode::BAD_REQUEST, [(CONNECTION, "close")], reason).into_response()
}

/// Whether a request says once, and readably, which host it is for; HTTP/1.0 need not. RFC 9112, 3.2.
fn names_its_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let Some(host) = hosts.next() else { return request.version() == Version::HTTP_10 };
    let is_readable = |byte: &u8| byte.is_ascii_alphanumeric() || HOST_MARKS.contains(byte);
    hosts.next().is_none() && host.as_bytes().iter().all(is_readable)
}

/// Whether a connection has requests in flight, and else since when it has none.
#[derive(Debug)]
pub struct Activity(Mutex<(usize, Instant)>);

impl Activity {
    /// Idle from now on.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new((0, Instant::now()))))
    }

    /// Since when it is idle, if it is.
    pub fn idle_since(&self) -> Option<Instant> {
        let (in_flight, since) = *self.0.lock();
        (in_flight == 0).then_some(since)
    }
}

/// A request in flight without data, or with it a piece of its answer that the socket has not taken yet, for as long as this
/// lives.
struct InFlight {
    activity: Arc<Activity>,
    data: Bytes,
}

impl InFlight {
    fn begin(activity: &Arc<Activity>, data: Bytes) -> Self {
        activity.0.lock().0 += 1;
        Self { activity: activity.clone(), data }
    }
}

impl AsRef<[u8]> for InFlight {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let (in_flight, since) = &mut *self.activity.0.lock();
        *in_flight -= 1;
        if *in_flight == 0 {
            *since = Instant::now();
        }
    }
}
