//! Where the time of one request went.

use std::net::SocketAddr;
use std::time::Duration;

/// One answered request.
///
/// The phases follow one another without gaps: `total` is the sum of all but `close`, from the start of the request to
/// the last byte of the answer. Closing is no part of what a caller waits for; httping draws the same line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timing {
    /// Finding the host's addresses; about zero where the URL has an address.
    pub resolve: Duration,
    /// Opening the TCP connection, tries on several addresses included.
    pub connect: Duration,
    /// The TLS handshake; zero for http.
    pub tls: Duration,
    /// Handing the request to the kernel.
    pub write: Duration,
    /// From the last byte of the request to the first of the answer.
    pub wait: Duration,
    /// From the first byte of the answer to the last.
    pub read: Duration,
    /// Closing the connection; zero where it is kept open.
    pub close: Duration,
    /// All of it except closing.
    pub total: Duration,
    /// The status code.
    pub status: u16,
    /// The words beside the status code.
    pub reason: String,
    /// Bytes of the answer's head, the empty line included.
    pub head_bytes: u64,
    /// Bytes of the answer's body, without chunk framing.
    pub body_bytes: u64,
    /// The address that answered.
    pub peer: Option<SocketAddr>,
    /// True where an open connection was used again.
    pub reused: bool,
    /// True where the kept connection was found closed and a new one was opened.
    pub reconnected: bool,
}

impl Timing {
    /// Head and body together.
    pub fn bytes(&self) -> u64 {
        self.head_bytes + self.body_bytes
    }
}
