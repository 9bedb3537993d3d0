//! The ways in which a request can fail.

use rustix::io::Errno;

/// Why a request got no complete answer. An answer with a status of 400 or more is no failure of this kind: it is
/// counted by its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// The name could not be resolved.
    Resolve,
    /// Nothing listens at the address.
    Refused,
    /// No connection could be made for another reason: no route, no free local port, no file descriptor.
    Connect,
    /// The TLS handshake or the TLS record layer failed.
    Tls,
    /// The server reset the connection.
    Reset,
    /// A kept connection was closed by the server before any byte of the answer came. Any client that keeps
    /// connections can meet this: the server closed while the request was on its way.
    Stale,
    /// The connection was closed before the answer was complete.
    Closed,
    /// No complete answer within the time allowed.
    Timeout,
    /// The answer is not HTTP, or breaks its rules so that its end cannot be found.
    Parse,
}

impl Failure {
    /// How many kinds there are.
    pub const COUNT: usize = 9;

    /// All kinds, in the order in which they are shown.
    pub const ALL: [Failure; Self::COUNT] = [
        Failure::Resolve,
        Failure::Refused,
        Failure::Connect,
        Failure::Tls,
        Failure::Reset,
        Failure::Stale,
        Failure::Closed,
        Failure::Timeout,
        Failure::Parse,
    ];

    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Failure::Resolve => "resolve",
            Failure::Refused => "refused",
            Failure::Connect => "connect",
            Failure::Tls => "tls",
            Failure::Reset => "reset",
            Failure::Stale => "stale",
            Failure::Closed => "closed",
            Failure::Timeout => "timeout",
            Failure::Parse => "parse",
        }
    }

    /// What it means, for a person.
    pub fn describe(self) -> &'static str {
        match self {
            Failure::Resolve => "the name could not be resolved",
            Failure::Refused => "connection refused",
            Failure::Connect => "no connection could be made",
            Failure::Tls => "TLS failed",
            Failure::Reset => "connection reset by the server",
            Failure::Stale => "kept connection closed by the server before it answered",
            Failure::Closed => "connection closed before the answer was complete",
            Failure::Timeout => "no complete answer within the timeout",
            Failure::Parse => "the answer is not valid HTTP/1.1",
        }
    }

    /// The failure that an error while connecting stands for.
    pub fn of_connect(error: Errno) -> Failure {
        match error {
            Errno::CONNREFUSED => Failure::Refused,
            Errno::CONNRESET => Failure::Reset,
            Errno::TIMEDOUT => Failure::Timeout,
            _ => Failure::Connect,
        }
    }

    /// The failure that an error while reading or writing stands for.
    pub fn of_stream(error: Errno) -> Failure {
        match error {
            Errno::TIMEDOUT => Failure::Timeout,
            _ => Failure::Reset,
        }
    }
}
