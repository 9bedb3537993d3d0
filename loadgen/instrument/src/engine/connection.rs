//! One place for a connection, and the request that is on it.

use crate::engine::transport::Transport;
use crate::resolve::Addresses;
use crate::response::Parser;

/// What a place for a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is no connection.
    Vacant,
    /// Its name is being resolved, for a request.
    Resolving,
    /// It is being connected, for a request.
    Connecting,
    /// TLS is being agreed on, for a request.
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
    /// Which of them is being tried, counted from the one that is preferred.
    pub attempt: usize,
    /// Attempts to connect that failed in a row, for the pause before the next.
    pub misses: u32,
}

impl Connection {
    /// An empty place.
    pub fn new() -> Self {
        Connection {
            phase: Phase::Vacant,
            transport: None,
            generation: 0,
            parser: Parser::default(),
            free_since: 0,
            due: 0,
            begun: 0,
            written: 0,
            reused: false,
            addresses: None,
            attempt: 0,
            misses: 0,
        }
    }

    /// Whether a request is on it.
    pub fn busy(&self) -> bool {
        !matches!(self.phase, Phase::Vacant | Phase::Idle)
    }

    /// Takes the socket out, so that the place is vacant.
    pub fn vacate(&mut self) -> Option<Transport> {
        self.phase = Phase::Vacant;
        self.generation = self.generation.wrapping_add(1);
        self.reused = false;
        self.written = 0;
        self.parser.reset();
        self.transport.take()
    }
}
