//! The `healthcheck` subcommand: an image without a shell or curl asks itself.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long the service has for its answer. Docker's own limit is 30 s unless a compose file sets another.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the service that listens on `listen` for a path, and wants status 200.
///
/// # Errors
/// One line that says what was wrong.
pub fn check(listen: SocketAddr, path: &str) -> Result<(), String> {
    // A socket on `[::]` takes IPv4 as well, and does so even where IPv6 is switched off.
    let ip = if listen.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { listen.ip() };
    let address = SocketAddr::new(ip, listen.port());
    let failed = |error: std::io::Error| format!("no answer from http://{address}{path}: {error}");
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
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
