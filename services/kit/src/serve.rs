//! Serving HTTP/1.1 until told to stop, and then letting what is in flight finish.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::connection::{self, Activity};
use crate::connections::Connections;
use crate::metrics::Metrics;
use crate::{health, host, listen, settings};

/// The most that hyper buffers of one connection: the longest head, and the pieces that a body is read in.
const READ_BUFFER: usize = 64 << 10;

/// How often connections are looked at within the header timeout.
const LOOKS: u32 = 4;

/// How long a handshake may take that was under way when the server was told to stop.
const HANDSHAKE: Duration = Duration::from_millis(20);

/// How long a connection without a request in flight stays open when the server stops: a request that was on its way by then
/// is still answered.
const IDLE_GRACE: Duration = Duration::from_millis(250);

/// How often a server that stops looks whether all connections have ended.
const DRAIN_TICK: Duration = Duration::from_millis(20);

/// How long to wait when no more connections fit: by the server's own limit, or the system's.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Limits of a server.
#[derive(Debug, Clone, clap::Args)]
pub struct Limits {
    /// How long a client may keep the server waiting: with the head of a request, with the next request, or with taking the answer
    #[arg(long, env = "HEADER_TIMEOUT", value_parser = settings::timeout, default_value = "60s", value_name = "TIME")]
    pub header_timeout: Duration,
    /// How long requests in flight may take to finish after SIGTERM or ^C
    #[arg(long, env = "DRAIN_TIMEOUT", value_parser = settings::duration, default_value = "10s", value_name = "TIME")]
    pub drain_timeout: Duration,
    /// How many connections may be open; when there are as many, the one that was idle longest is closed for a new one
    #[arg(long, env = "MAX_CONNECTIONS", value_parser = clap::value_parser!(u32).range(1..), default_value = "1024", value_name = "N")]
    pub max_connections: u32,
}

impl Default for Limits {
    fn default() -> Self {
        settings::defaults()
    }
}

/// Serves `router` on `listener` until `stop` is cancelled. Then it answers what the kernel has accepted by then, closes the
/// listener, and waits for what is in flight, for at most the drain timeout.
///
/// Returns the number of connections that were cut off because they did not finish in time.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    metrics: &Metrics,
    limits: &Limits,
    stop: CancellationToken,
) -> usize {
    let server = Server::new(router, metrics, limits);
    // Where this is refused, a client that takes nothing of its answer may stay.
    let _ = listen::give_up_after(&listener, limits.header_timeout);
    let checks = health::listen(&listener)
        .map(|socket| AbortOnDropHandle::new(tokio::spawn(health::answer(socket, server.clone()))))
        .inspect_err(|error| tracing::debug!(%error, "health checks ask on the port"));
    let accepting = async {
        loop {
            server.make_room().await;
            server.take(accept(&listener).await);
        }
    };
    stop.run_until_cancelled(accepting).await;
    listen::end_handshakes(&listener);
    for _ in 0..listen::BACKLOG {
        let Ok(stream) = timeout(HANDSHAKE, accept(&listener)).await else { break };
        server.take(stream);
    }
    drop((listener, checks));
    server.drain().await
}

/// The next connection. Waits while the system refuses to accept any, which it does when file descriptors run out.
pub async fn accept(listener: &TcpListener) -> TcpStream {
    let mut complained = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // It ended before it was accepted; the next one may be well.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
            }
            Err(error) => {
                if !complained {
                    tracing::warn!(%error, "cannot accept connections at the moment");
                    complained = true;
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves connections that somebody else accepts.
#[derive(Debug)]
pub struct Server {
    pub(crate) http: http1::Builder,
    pub(crate) router: Router,
    pub(crate) metrics: Metrics,
    limits: Limits,
    /// How many connections may be open.
    most: usize,
    connections: Arc<Connections>,
    /// Whether answers are to close their connections.
    pub(crate) stopping: AtomicBool,
}

impl Server {
    /// A server of `router` without connections.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn new(router: Router, metrics: &Metrics, limits: &Limits) -> Arc<Self> {
        let mut http = http1::Builder::new();
        // Hyper's own limit makes a timer anew for each request; one look at all connections now and then costs a request nothing.
        http.header_read_timeout(None).max_buf_size(READ_BUFFER);
        let connections = Connections::new(metrics.connections.clone());
        let (watched, patience) = (Arc::downgrade(&connections), limits.header_timeout);
        tokio::spawn(async move {
            loop {
                sleep(patience / LOOKS).await;
                let Some(connections) = watched.upgrade() else { return };
                connections.close_idle(patience);
            }
        });
        // A request that waits for its delay has a descriptor for its timer beside the one of its connection.
        let most = (host::file_limit() / 2).min(limits.max_connections.into()) as usize;
        let (metrics, limits, stopping) = (metrics.clone(), limits.clone(), AtomicBool::new(false));
        Arc::new(Self { http, router, metrics, limits, most, connections, stopping })
    }

    /// Serves one connection, in a task of its own.
    pub fn take(self: &Arc<Self>, stream: TcpStream) {
        let activity = Activity::new();
        let server = self.clone();
        self.connections.spawn(activity.clone(), move || connection::serve(server, stream, activity));
    }

    /// Returns when one more connection fits. While too many are open, the one idle longest is closed; when none is idle, new
    /// ones wait in the kernel's queue.
    async fn make_room(&self) {
        while self.connections.len() >= self.most {
            // The request of one that was accepted just now is read in a moment.
            self.connections.close_idlest(ACCEPT_PAUSE);
            let _ = timeout(ACCEPT_PAUSE, self.connections.ended()).await;
        }
    }

    /// Lets what is in flight finish, for at most the drain timeout; returns how many connections were cut off.
    pub async fn drain(&self) -> usize {
        self.stopping.store(true, Ordering::Relaxed);
        let began = Instant::now();
        let all_end = async {
            while self.connections.len() > 0 {
                sleep(DRAIN_TICK).await;
                if began.elapsed() >= IDLE_GRACE {
                    self.connections.close_idle(IDLE_GRACE);
                }
            }
        };
        let in_time = timeout(self.limits.drain_timeout, all_end).await.is_ok();
        if in_time { 0 } else { self.connections.cut_off().await }
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
