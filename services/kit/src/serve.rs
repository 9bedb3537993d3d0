//! Serving HTTP/1.1 until told to stop, and then letting requests in flight finish.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::metrics::{Answers, Metrics};
use crate::settings;

/// The most that hyper buffers of one connection. Requests here are small, and bodies are streamed.
const READ_BUFFER: usize = 64 << 10;

/// How long a connection without a request in flight may take to close when the server stops: a request that was
/// already on its way when the listener closed is still answered.
const IDLE_GRACE: Duration = Duration::from_millis(250);

/// A connection without a request is looked at so many times within the limit, so it is closed after one to one and a quarter
/// of it.
const TICKS: u32 = 4;

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

/// What can be served: a router, or one with a route in front of it.
pub trait App:
    Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<A> App for A where
    A: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Serves `app` on `listener` until `stop` is cancelled; then closes the listener at once and waits for the requests in
/// flight, for at most the drain timeout.
///
/// Returns the number of connections that were cut off because they did not finish in time.
pub async fn serve<A: App>(
    listener: TcpListener,
    app: A,
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
pub struct Server<A = Router> {
    http: http1::Builder,
    app: A,
    answers: Answers,
    limits: Limits,
    connections: Mutex<JoinSet<()>>,
    stop: CancellationToken,
}

impl<A: App> Server<A> {
    /// A server of `app` without connections.
    pub fn new(app: A, metrics: &Metrics, limits: &Limits) -> Self {
        let mut http = http1::Builder::new();
        // Hyper's own limit sets a timer anew for each request; `connection` has one that costs nothing a request.
        http.header_read_timeout(None).max_buf_size(READ_BUFFER);
        Self {
            http,
            app,
            answers: metrics.answers().clone(),
            limits: limits.clone(),
            connections: Mutex::default(),
            stop: CancellationToken::new(),
        }
    }

    /// Serves one connection, in a task of its own.
    pub fn take(&self, stream: TcpStream) {
        let service = Counted { app: self.app.clone(), answers: self.answers.clone(), activity: Arc::default() };
        let (http, stop, limit) = (self.http.clone(), self.stop.clone(), self.limits.header_timeout);
        let mut connections = self.connections();
        while connections.try_join_next().is_some() {}
        connections.spawn(async move { connection(&http, stream, service, &stop, limit).await });
    }

    /// Lets the requests in flight finish, for at most the drain timeout; returns how many connections were cut off.
    pub async fn drain(&self) -> usize {
        self.stop.cancel();
        let mut connections = std::mem::take(&mut *self.connections());
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.limits.drain_timeout, all).await.is_ok() {
            return 0;
        }
        let left = connections.len();
        connections.shutdown().await;
        left
    }

    fn connections(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
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

/// How a connection came to its end, or to the beginning of it.
enum End {
    /// By itself.
    Closed(Result<(), hyper::Error>),
    /// The server stops.
    Stopped,
    /// No whole head of a request arrived for too long.
    Idle,
}

async fn connection<A: App>(
    http: &http1::Builder,
    stream: TcpStream,
    service: Counted<A>,
    stop: &CancellationToken,
    limit: Duration,
) {
    let _open = Open::new(&service.answers.connections);
    let activity = service.activity.clone();
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut stopped = pin!(stop.cancelled());
    let mut tick = pin!(tokio::time::sleep(limit / TICKS));
    let mut idle = Idleness::default();
    let mut told = false;
    let end = poll_fn(|context| {
        if let Poll::Ready(outcome) = connection.as_mut().poll(context) {
            return Poll::Ready(End::Closed(outcome));
        }
        // Both keep the waker that they were given once, and a task has but one: they need not be asked at every request.
        if told && !stop.is_cancelled() && !tick.is_elapsed() {
            return Poll::Pending;
        }
        told = true;
        if stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(End::Stopped);
        }
        while tick.as_mut().poll(context).is_ready() {
            if idle.for_ticks(&activity) >= TICKS {
                return Poll::Ready(End::Idle);
            }
            tick.as_mut().reset(tokio::time::Instant::now() + limit / TICKS);
        }
        Poll::Pending
    });
    let outcome = match end.await {
        End::Closed(outcome) => outcome,
        End::Idle => Ok(()),
        End::Stopped => {
            connection.as_mut().graceful_shutdown();
            loop {
                match tokio::time::timeout(IDLE_GRACE, connection.as_mut()).await {
                    Ok(outcome) => break outcome,
                    Err(_) if activity.in_flight.load(Ordering::Relaxed) == 0 => break Ok(()),
                    Err(_) => {}
                }
            }
        }
    };
    if let Err(error) = outcome {
        // The client went away, or sent what is no HTTP; hyper has answered where an answer was possible.
        tracing::debug!(%error, "connection ended");
    }
}

/// A connection that is counted as open for as long as this lives.
struct Open(Gauge);

impl Open {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The requests of a connection.
#[derive(Debug, Default)]
struct Activity {
    /// Those in flight now.
    in_flight: AtomicUsize,
    /// Those that have begun, in all.
    begun: AtomicUsize,
}

/// How long nothing has happened on a connection, counted in ticks of a clock.
#[derive(Debug, Default)]
struct Idleness {
    begun: usize,
    ticks: u32,
}

impl Idleness {
    /// One more tick: for how many has no request begun or been in flight?
    fn for_ticks(&mut self, activity: &Activity) -> u32 {
        let begun = activity.begun.load(Ordering::Relaxed);
        let quiet = begun == self.begun && activity.in_flight.load(Ordering::Relaxed) == 0;
        self.begun = begun;
        self.ticks = if quiet { self.ticks + 1 } else { 0 };
        self.ticks
    }
}

/// The application with a count of its answers and of the requests on this connection.
#[derive(Debug)]
struct Counted<A> {
    app: A,
    answers: Answers,
    activity: Arc<Activity>,
}

impl<A: App> hyper::service::Service<Request<Incoming>> for Counted<A> {
    type Response = Response;
    type Error = Infallible;
    type Future = CountedFuture<A::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.activity.in_flight.fetch_add(1, Ordering::Relaxed);
        self.activity.begun.fetch_add(1, Ordering::Relaxed);
        CountedFuture {
            answer: self.app.clone().call(request),
            answers: self.answers.clone(),
            in_flight: InFlight(self.activity.clone()),
        }
    }
}

/// One request in flight; also one that its client gave up.
#[derive(Debug)]
struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    struct CountedFuture<F> {
        #[pin]
        answer: F,
        answers: Answers,
        in_flight: InFlight,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for CountedFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(context));
        if let Ok(response) = &answer {
            this.answers.count(response.status());
        }
        Poll::Ready(answer)
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
