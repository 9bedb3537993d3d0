//! Why there was no answer.

use std::fmt;
use std::io;
use std::time::Duration;

/// The kinds of failure, told apart because each has another cause and another remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The name has no address (of the wanted family).
    Resolve,
    /// The host answered that nothing listens on the port.
    Refused,
    /// There is no way to the host.
    Unreachable,
    /// The connection was reset.
    Reset,
    /// The bound on the whole request passed.
    Timeout,
    /// The TLS handshake failed, or the certificate is not trusted.
    Tls,
    /// What came is not HTTP/1.
    Protocol,
    /// The connection ended before the answer was complete.
    Closed,
    /// The answer came, and its status is not one that the caller wants. [`Probe`](crate::Probe) itself takes any status.
    Status,
    /// This machine could not do it: no free port, no free file descriptor, no permission.
    Local,
}

impl Kind {
    /// The name of the kind, as one lower-case word.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Resolve => "resolve",
            Kind::Refused => "refused",
            Kind::Unreachable => "unreachable",
            Kind::Reset => "reset",
            Kind::Timeout => "timeout",
            Kind::Tls => "tls",
            Kind::Protocol => "protocol",
            Kind::Closed => "closed",
            Kind::Status => "status",
            Kind::Local => "local",
        }
    }

    /// The kind of an error of the operating system.
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Kind::Refused,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Kind::Reset,
            io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => Kind::Closed,
            io::ErrorKind::TimedOut => Kind::Timeout,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
                Kind::Unreachable
            }
            // rustls reports its own errors as invalid data.
            io::ErrorKind::InvalidData => Kind::Tls,
            _ => Kind::Local,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A request that got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure it was.
    pub kind: Kind,
    /// What failed, on what, and what to do, in one line.
    pub message: String,
    /// The time from the start of the request until it failed.
    pub after: Duration,
}

impl Failure {
    /// A failure whose time is filled in by the probe.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), after: Duration::ZERO }
    }

    /// A failure of the operating system while `doing`.
    pub(crate) fn io(doing: &str, error: &io::Error) -> Self {
        Self::new(Kind::of(error), format!("{doing} ({})", plain(error)))
    }
}

/// The error's text without the operating system's number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
