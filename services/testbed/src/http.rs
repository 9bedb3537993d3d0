//! One HTTP request over a plain connection, for looking at a service from outside.

use std::io::{Read, Write};
use std::net::TcpStream;
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
