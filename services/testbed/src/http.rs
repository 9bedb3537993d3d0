//! One HTTP request over a plain connection, for looking at a service from outside; and the simplest server, for looking at a client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// An answer, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The lines before the body.
    pub head: String,
    /// The body as it came, as text where it is text.
    pub body: String,
}

/// Asks `address` (as `127.0.0.1:8001`) for a path.
///
/// # Errors
/// What went wrong, in words.
pub fn get(address: &str, path: &str) -> Result<Answer, String> {
    request(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"), b"")
}

/// Posts bytes.
///
/// # Errors
/// What went wrong, in words.
pub fn post(address: &str, path: &str, body: &[u8]) -> Result<Answer, String> {
    let length = body.len();
    let kind = "application/octet-stream";
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    request(address, &head, body)
}

/// Sends a head and a body as they are, and reads until the other side closes.
///
/// # Errors
/// What went wrong, in words.
pub fn request(address: &str, head: &str, body: &[u8]) -> Result<Answer, String> {
    let told = |error: std::io::Error| format!("{address}: {error}");
    let mut stream = TcpStream::connect(address).map_err(told)?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).map_err(told)?;
    stream.write_all(head.as_bytes()).map_err(told)?;
    stream.write_all(body).map_err(told)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map_err(told)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| format!("no head in {text:?}"))?;
    let status =
        head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| format!("no status in {head:?}"))?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// Starts a server that gives every request the same answer, until the process ends; tells of each request that it has got.
///
/// # Panics
/// There is no free port.
pub fn server(answer: &'static str) -> (SocketAddr, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, tell) = (stream.expect("a connection"), tell.clone());
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|count| count > 0) {
                    // Whoever does not want to know does not listen.
                    let _ = tell.send(());
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, told)
}

/// An answer with a body of two bytes.
pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
