//! The requests of one connection, and whether it has one in flight.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderValue, Request, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use crate::connections::Connections;
use crate::metrics::Metrics;

/// What a host and a port consist of beside letters and digits: RFC 3986, 3.2.2.
const HOST_MARKS: &[u8] = b"-._~%!$&'()*+,;=:[]";

/// Answers the requests of one connection until either side closes it.
pub async fn serve(
    http: http1::Builder,
    stream: TcpStream,
    router: Router,
    metrics: Metrics,
    activity: Arc<Activity>,
    connections: Arc<Connections>,
) {
    let service = service_fn(move |request| {
        let in_flight = InFlight::begin(&activity);
        let (router, metrics, connections) = (router.clone(), metrics.clone(), connections.clone());
        async move {
            let mut response = answer(router, request).await;
            metrics.count(response.status());
            if connections.are_stopping() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| InFlightBody { body, in_flight }))
        }
    });
    // A connection that becomes a websocket leaves here; whoever has it then ends it.
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await {
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
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            host.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || HOST_MARKS.contains(byte))
        }
        (None, _) => request.version() == Version::HTTP_10,
        (Some(_), Some(_)) => false,
    }
}

/// The requests of a connection, counted.
#[derive(Debug, Default)]
pub struct Activity {
    in_flight: AtomicUsize,
    /// Grows with all that happens.
    progress: AtomicUsize,
}

impl Activity {
    /// Whether no request is in flight.
    pub fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0
    }

    /// A number that is another one whenever a request has begun or ended since.
    pub fn progress(&self) -> usize {
        self.progress.load(Ordering::Relaxed)
    }
}

/// A request in flight, for as long as any clone of this lives.
struct InFlight(Arc<Activity>);

impl InFlight {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.in_flight.fetch_add(1, Ordering::Relaxed);
        activity.progress.fetch_add(1, Ordering::Relaxed);
        Self(activity.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.progress.fetch_add(1, Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer. Hyper lets go of a request when the head of its answer is ready, and of a body when it has its last
/// piece; a piece is dropped when the socket has taken it, so the pieces keep the request in flight.
struct InFlightBody {
    body: Body,
    in_flight: InFlight,
}

impl HttpBody for InFlightBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let in_flight = InFlight::begin(&self.in_flight.0);
        let piece = |data| Bytes::from_owner(Piece { data, _in_flight: in_flight });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Piece {
    data: Bytes,
    _in_flight: InFlight,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}
