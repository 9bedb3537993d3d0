//! The `healthcheck` subcommand: an image without a shell or curl asks itself.
//!
//! It asks on a Unix socket of the service's own: on the port it would wait behind the clients of a service that has as many
//! connections as it takes, and a service that is only busy would be killed as an ill one.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use tower::Service;

use crate::serve::{ACCEPT_PAUSE, Server};

/// How long the service has for its answer. Docker's own limit is 30 s unless a compose file sets another.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the service that listens on `listen` for a path, and wants status 200.
///
/// # Errors
/// One line that says what was wrong.
pub fn check(listen: SocketAddr, path: &str) -> Result<(), String> {
    let address = reachable(listen);
    let failed = |error: io::Error| format!("no answer from http://{address}{path}: {error}");
    let own = SockAddr::unix(socket_name(address)).and_then(|name| connect(&name));
    // A service whose socket the system refused has its port.
    let mut stream = own.or_else(|_| connect(&address.into())).map_err(failed)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    // A page that never ends is no healthy answer either.
    let mut answer = Vec::new();
    stream.take(64 << 10).read_to_end(&mut answer).map_err(failed)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).trim();
    Err(format!("http://{address}{path} answered `{status}` {body}"))
}

fn connect(address: &SockAddr) -> io::Result<Socket> {
    let socket = Socket::new(address.domain(), Type::STREAM, None)?;
    socket.connect_timeout(address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Answers the checks of the service that `listener` is of, one at a time, until the handle is dropped. A check that comes
/// while the system has no descriptor for it waits.
pub(crate) fn answer(listener: &TcpListener, server: Arc<Server>) -> io::Result<AbortOnDropHandle<()>> {
    let socket = UnixListener::bind(socket_name(reachable(listener.local_addr()?)))?;
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = socket.accept().await else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let service = service_fn(|request| server.router.clone().call(request));
            // Who asked knows how it ended.
            let _ = timeout(PATIENCE, server.http.serve_connection(TokioIo::new(stream), service)).await;
        }
    })))
}

/// A socket on `[::]` takes IPv4 as well, and does so even where IPv6 is switched off.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = if listen.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { listen.ip() };
    SocketAddr::new(ip, listen.port())
}

/// A name in Linux's abstract namespace: it is no file, and only processes of the same container or machine reach it.
fn socket_name(address: SocketAddr) -> String {
    format!("\0swarmlab {address}")
}
