//! Serving HTTP/1.1 until told to stop, and then letting requests in flight finish.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use pin_project_lite::pin_project;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::metrics::{Answers, Metrics};
use crate::settings;

/// The most that hyper buffers of one connection. Requests here are small, and bodies are streamed.
const READ_BUFFER: usize = 64 << 10;

/// How long a connection without a request in flight may take to close when the server stops: a request that was
/// already on its way when the listener closed is still answered.
const IDLE_GRACE: Duration = Duration::from_millis(250);

/// How long to wait after the system refused to accept a connection, which it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Time limits of a server.
#[derive(Debug, Clone, clap::Args)]
pub struct Limits {
    /// How long a request's head may take to arrive, and how long an idle connection is kept
    #[arg(long, env = "HEADER_TIMEOUT", value_parser = settings::duration, default_value = "60s", value_name = "TIME")]
    pub header_timeout: Duration,
    /// How long requests in flight may take to finish after SIGTERM or ^C
    #[arg(long, env = "DRAIN_TIMEOUT", value_parser = settings::duration, default_value = "10s", value_name = "TIME")]
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { header_timeout: Duration::from_secs(60), drain_timeout: Duration::from_secs(10) }
    }
}

/// Serves `app` on `listener` until `stop` is cancelled; then closes the listener at once and waits for the requests in
/// flight, for at most the drain timeout.
///
/// Returns the number of connections that were cut off because they did not finish in time.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    metrics: &Metrics,
    limits: &Limits,
    stop: CancellationToken,
) -> usize {
    let server = Server::new(app, metrics, limits);
    loop {
        tokio::select! {
            stream = accept(&listener) => server.take(stream),
            () = stop.cancelled() => break,
        }
    }
    drop(listener);
    server.drain().await
}

/// Serves connections that somebody else accepts.
#[derive(Debug)]
pub struct Server {
    http: http1::Builder,
    app: Router,
    answers: Answers,
    drain_timeout: Duration,
    connections: TaskTracker,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Server {
    /// A server of `app` without connections.
    pub fn new(app: Router, metrics: &Metrics, limits: &Limits) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(READ_BUFFER);
        Self {
            http,
            app,
            answers: metrics.answers().clone(),
            drain_timeout: limits.drain_timeout,
            connections: TaskTracker::new(),
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Serves one connection, in a task of its own.
    pub fn take(&self, stream: TcpStream) {
        let service = Counted { app: self.app.clone(), answers: self.answers.clone(), in_flight: Arc::default() };
        let (http, stop, cut) = (self.http.clone(), self.stop.clone(), self.cut.clone());
        self.connections.spawn(async move {
            tokio::select! {
                () = connection(&http, stream, service, &stop) => {}
                () = cut.cancelled() => {}
            }
        });
    }

    /// Lets the requests in flight finish, for at most the drain timeout; returns how many connections were cut off.
    pub async fn drain(&self) -> usize {
        self.stop.cancel();
        self.connections.close();
        if tokio::time::timeout(self.drain_timeout, self.connections.wait()).await.is_ok() {
            return 0;
        }
        let left = self.connections.len();
        self.cut.cancel();
        self.connections.wait().await;
        left
    }
}

/// The next connection. Waits while the system refuses to accept any, which it does when file descriptors run out.
pub async fn accept(listener: &TcpListener) -> TcpStream {
    let mut complained = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it the second small write of an answer waits for the client's delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                if !complained {
                    tracing::warn!(%error, "cannot accept connections at the moment");
                    complained = true;
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Errors of a connection that ended before it was accepted; the next one may be well.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(http: &http1::Builder, stream: TcpStream, service: Counted, stop: &CancellationToken) {
    let answers = service.answers.clone();
    let in_flight = service.in_flight.clone();
    answers.connections.inc();
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            loop {
                match tokio::time::timeout(IDLE_GRACE, connection.as_mut()).await {
                    Ok(outcome) => break outcome,
                    Err(_) if in_flight.load(Ordering::Relaxed) == 0 => break Ok(()),
                    Err(_) => {}
                }
            }
        }
    };
    answers.connections.dec();
    if let Err(error) = outcome {
        // The client went away, or sent what is no HTTP; hyper has answered where an answer was possible.
        tracing::debug!(%error, "connection ended");
    }
}

/// The application with a count of its answers and of the requests in flight on this connection.
#[derive(Debug)]
struct Counted {
    app: Router,
    answers: Answers,
    in_flight: Arc<AtomicUsize>,
}

impl hyper::service::Service<Request<Incoming>> for Counted {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = CountedFuture;

    fn call(&self, request: Request<Incoming>) -> CountedFuture {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        CountedFuture {
            answer: self.app.clone().call(request),
            answers: self.answers.clone(),
            in_flight: InFlight(self.in_flight.clone()),
        }
    }
}

/// One request in flight; also one that its client gave up.
#[derive(Debug)]
struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    struct CountedFuture {
        #[pin]
        answer: RouteFuture<std::convert::Infallible>,
        answers: Answers,
        in_flight: InFlight,
    }
}

impl Future for CountedFuture {
    type Output = Result<Response, std::convert::Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(context));
        if let Ok(response) = &answer {
            this.answers.count(response.status());
        }
        Poll::Ready(answer)
    }
}
