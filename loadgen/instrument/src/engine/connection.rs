//! One place for a connection, and the request that is on it.

use crate::engine::transport::Transport;
use crate::resolve::Addresses;
use crate::response::Parser;

/// What a place for a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is no connection.
    Vacant,
    /// Its name is being resolved.
    Resolving,
    /// It is being connected.
    Connecting,
    /// TLS is being agreed on.
    Handshaking,
    /// A request is being written; the number of bytes is what is written so far.
    Writing(usize),
    /// An answer is awaited.
    Reading,
    /// It is connected and free.
    Idle,
}

/// A place for a connection.
#[derive(Debug)]
pub struct Connection {
    /// What it is doing.
    pub phase: Phase,
    /// The socket, in every phase but the first two.
    pub transport: Option<Transport>,
    /// Whether a request is on it. One that is opened ahead of any has none until it is ready.
    pub loaded: bool,
    /// When it was connected.
    pub opened: u64,
    /// Measured requests that it has carried to their answer.
    pub carried: u64,
    /// Place of its address in the thread's list of them.
    pub address: usize,
    /// Counts the sockets that were here, so that an event for an earlier one can be told.
    pub generation: u32,
    /// Reads the answers.
    pub parser: Parser,
    /// Since when it had no request: when a thread that is always ready could have noticed that.
    pub free_since: u64,
    /// When the request was due.
    pub due: u64,
    /// When the generator began to act on the request.
    pub begun: u64,
    /// When the first byte of the request was about to be written; 0 before.
    pub written: u64,
    /// Whether an earlier request was answered on this connection.
    pub reused: bool,
    /// The addresses to try.
    pub addresses: Option<Addresses>,
    /// Which of them was tried first.
    pub first: usize,
    /// Which of them is being tried, counted from the first.
    pub attempt: usize,
    /// Attempts to connect that failed in a row, for the pause before the next.
    pub misses: u32,
}

impl Connection {
    /// An empty place.
    pub fn new() -> Self {
        Connection {
            phase: Phase::Vacant,
            loaded: false,
            opened: 0,
            carried: 0,
            address: 0,
            transport: None,
            generation: 0,
            parser: Parser::default(),
            free_since: 0,
            due: 0,
            begun: 0,
            written: 0,
            reused: false,
            addresses: None,
            first: 0,
            attempt: 0,
            misses: 0,
        }
    }

    /// Whether a request is on it, or it is being opened.
    pub fn busy(&self) -> bool {
        !matches!(self.phase, Phase::Vacant | Phase::Idle)
    }

    /// Whether it is too old for another request.
    #[inline]
    pub fn aged(&self, now: u64, max_age: u64) -> bool {
        now.saturating_sub(self.opened) >= max_age
    }

    /// The address that is being tried, of those that there are.
    pub fn target(&self) -> Option<std::net::SocketAddr> {
        let addresses = self.addresses.as_ref()?;
        addresses.get((self.first + self.attempt) % addresses.len()).copied()
    }

    /// Takes the socket out, so that the place is vacant.
    pub fn vacate(&mut self) -> Option<Transport> {
        self.phase = Phase::Vacant;
        self.generation = self.generation.wrapping_add(1);
        self.reused = false;
        self.loaded = false;
        self.carried = 0;
        self.written = 0;
        self.parser.reset();
        self.transport.take()
    }
}
