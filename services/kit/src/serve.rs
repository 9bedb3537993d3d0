//! Serving HTTP/1.1 until told to stop, and then letting what is in flight finish.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

pub use crate::server::Server;
use crate::{health, listen, settings};

/// How long a handshake may take that was under way when the server was told to stop.
const HANDSHAKE: Duration = Duration::from_millis(20);

/// How long to wait when no more connections fit: by the server's own limit, or the system's.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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

/// Has `server` serve on `listener` until `stop` is cancelled. Then it answers what the kernel has accepted by then, as far as
/// connections fit, closes the listener, and waits for what is in flight: all of this for at most the drain timeout.
///
/// Returns the number of connections that were cut off because they did not finish in time.
pub async fn serve(listener: TcpListener, server: Arc<Server>, stop: CancellationToken) -> usize {
    // Where this is refused, a client that takes nothing of its answer may stay.
    let _ = listen::give_up_after(&listener, server.limits.header_timeout);
    let checks = health::answer(&listener, server.clone())
        .inspect_err(|error| tracing::debug!(%error, "health checks ask on the port"));
    let accepting = async {
        loop {
            server.make_room().await;
            server.take(accept(&listener).await);
        }
    };
    stop.run_until_cancelled(accepting).await;
    listen::end_handshakes(&listener);
    let accepted_by_the_kernel = async {
        for _ in 0..listen::BACKLOG {
            server.make_room().await;
            match timeout(HANDSHAKE, listener.accept()).await {
                Ok(Ok((stream, _))) => server.take(stream),
                Ok(Err(_)) => sleep(ACCEPT_PAUSE).await,
                Err(_) => break,
            }
        }
        drop((listener, checks));
    };
    server.drain_after(accepted_by_the_kernel).await
}

/// The next connection. Waits while the system refuses to accept any, which it does when file descriptors run out.
pub async fn accept(listener: &TcpListener) -> TcpStream {
    let mut complained = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // It ended before it was accepted; the next one may be well.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if !std::mem::replace(&mut complained, true) {
                    tracing::warn!(%error, "cannot accept connections at the moment");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
