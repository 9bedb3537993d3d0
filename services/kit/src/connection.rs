//! One connection: its requests, and what it is doing meanwhile.
//!
//! Hyper lets go of a request as soon as the head of its answer is ready. Whether a body is still on its way is told by the
//! body itself, and whether the client takes what is sent by the socket: both are wrapped here, and tell the [`Activity`].

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

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
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
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
    let socket = Socket { stream, activity: activity.clone() };
    let service = service_fn(move |request| {
        let in_flight = InFlight::begin(&activity);
        let (router, metrics, connections) = (router.clone(), metrics.clone(), connections.clone());
        async move {
            let mut response = answer(router, request).await;
            metrics.count(response.status());
            if connections.are_stopping() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| InFlightBody { body, _in_flight: in_flight }))
        }
    });
    if let Err(error) = http.serve_connection(TokioIo::new(socket), service).await {
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

/// What a connection is doing.
#[derive(Debug, Default)]
pub struct Activity {
    in_flight: AtomicUsize,
    /// Whether the client is slow to take what is to be sent.
    unsent: AtomicBool,
    /// Requests begun and ended, and pieces sent.
    progress: AtomicUsize,
}

impl Activity {
    /// Whether no request is in flight, and nothing is left to be sent.
    pub fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0 && !self.unsent.load(Ordering::Relaxed)
    }

    /// Whether the next move is the client's: a request, or taking more of an answer.
    pub fn awaits_client(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0 || self.unsent.load(Ordering::Relaxed)
    }

    /// A number that grows with whatever happens.
    pub fn progress(&self) -> usize {
        self.progress.load(Ordering::Relaxed)
    }

    fn advance(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }
}

/// A request in flight: until its answer is handed to the socket, or its client has given up.
struct InFlight(Arc<Activity>);

impl InFlight {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.in_flight.fetch_add(1, Ordering::Relaxed);
        activity.advance();
        Self(activity.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.advance();
    }
}

/// The body of an answer, which is in flight until its end.
struct InFlightBody {
    body: Body,
    _in_flight: InFlight,
}

impl HttpBody for InFlightBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket that tells whether the client takes what is sent.
struct Socket {
    stream: TcpStream,
    activity: Arc<Activity>,
}

impl Socket {
    fn told(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.activity.unsent.store(written.is_pending(), Ordering::Relaxed);
        if written.is_ready() {
            self.activity.advance();
        }
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, data);
        self.told(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, data);
        self.told(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
