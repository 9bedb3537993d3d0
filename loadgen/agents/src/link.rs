//! A connection between the coordinator and an agent, on which every message is signed.
//!
//! The agent speaks first, whoever connected: a greeting with its version and a random number. The coordinator answers
//! with a random number of its own and with its first message. From both numbers and the token each direction gets a key,
//! and each message carries its HMAC-SHA-256 over its number and its content. A message that was replayed, changed,
//! reordered or made by somebody without the token fails, and the connection with it. The content itself is not secret:
//! put agents on a network that may see the load, or on an encrypted overlay.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hmac::{Hmac, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::token::Token;

/// What the greeting begins with. The number is that of the protocol: both sides have to be of the same.
const GREETING: &[u8; 16] = b"swarmlab agent 1";

/// Longest first message: it comes from somebody who has not proved anything.
const FIRST: u32 = 1 << 12;

/// Longest message after that; an interval of a run that knows many times is some hundred kilobytes.
const LONGEST: u32 = 1 << 26;

/// How long the other side may take to prove the token, however its bytes come, and for taking a message.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The connection failed or was closed.
    #[error("the connection ended: {0}")]
    Io(#[from] io::Error),
    /// The other side speaks something else, or another version of this.
    #[error("it is no agent of this version of loadgen")]
    Version,
    /// A message was not signed with the token.
    #[error("it does not have the same token")]
    Token,
    /// A message that was signed and makes no sense.
    #[error("it sent a message that cannot be read: {0}")]
    Message(postcard::Error),
}

impl LinkError {
    /// Whether nothing came within the time allowed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, LinkError::Io(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
    }
}

/// One direction: its key and how many messages went through.
struct Signer {
    key: Hmac<Sha256>,
    count: u64,
}

impl Signer {
    fn new(token: &Token, purpose: &str, nonces: &[u8; 32]) -> Self {
        Signer { key: token.key(purpose, nonces), count: 0 }
    }

    fn mac(&mut self, content: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(&self.count.to_be_bytes());
        mac.update(content);
        self.count += 1;
        mac
    }
}

const TO_AGENT: &str = "swarmlab: from the coordinator to an agent";
const TO_COORDINATOR: &str = "swarmlab: from an agent to the coordinator";

/// The half that sends. Clones share the connection and its count.
#[derive(Clone)]
pub struct Sending {
    stream: Arc<Mutex<(TcpStream, Signer)>>,
}

/// The half that receives.
pub struct Receiving {
    stream: TcpStream,
    signer: Signer,
    /// Whether the other side has proved the token.
    proved: bool,
    /// Until when the other side has to prove the token, where its greeting goes on with that.
    until: Option<Instant>,
}

/// Both halves.
pub struct Link {
    /// Sends.
    pub sending: Sending,
    /// Receives.
    pub receiving: Receiving,
    /// Where the other side is.
    pub peer: SocketAddr,
}

impl Link {
    /// The agent's side of a new connection. The coordinator has proved nothing until its first message was received.
    ///
    /// # Errors
    /// When the other side closes or says nothing.
    pub fn of_agent(mut stream: TcpStream, token: &Token) -> Result<Link, LinkError> {
        let until = prepare(&stream)?;
        let mut nonces = [0; 32];
        nonces[..16].copy_from_slice(&rand::random::<u128>().to_be_bytes());
        stream.write_all(GREETING)?;
        stream.write_all(&nonces[..16])?;
        Until { stream: &stream, until }.read_exact(&mut nonces[16..])?;
        let sending = Signer::new(token, TO_COORDINATOR, &nonces);
        Link::new(stream, sending, Signer::new(token, TO_AGENT, &nonces), until)
    }

    /// The coordinator's side of a new connection.
    ///
    /// # Errors
    /// When the other side is no agent.
    pub fn of_coordinator(mut stream: TcpStream, token: &Token) -> Result<Link, LinkError> {
        let until = prepare(&stream)?;
        let (mut greeting, mut nonces) = ([0; 16], [0; 32]);
        let mut reader = Until { stream: &stream, until };
        reader.read_exact(&mut greeting)?;
        if greeting != *GREETING {
            return Err(LinkError::Version);
        }
        reader.read_exact(&mut nonces[..16])?;
        nonces[16..].copy_from_slice(&rand::random::<u128>().to_be_bytes());
        stream.write_all(&nonces[16..])?;
        let sending = Signer::new(token, TO_AGENT, &nonces);
        Link::new(stream, sending, Signer::new(token, TO_COORDINATOR, &nonces), until)
    }

    fn new(stream: TcpStream, sending: Signer, receiving: Signer, until: Instant) -> Result<Link, LinkError> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let peer = stream.peer_addr()?;
        let other = stream.try_clone()?;
        let sending = Sending { stream: Arc::new(Mutex::new((other, sending))) };
        Ok(Link {
            sending,
            receiving: Receiving { stream, signer: receiving, proved: false, until: Some(until) },
            peer,
        })
    }
}

/// Until when the greeting has to be over.
fn prepare(stream: &TcpStream) -> io::Result<Instant> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(Instant::now() + PATIENCE)
}

/// Reads until a moment, also from somebody who sends a byte at a time. It leaves another time-out in the stream.
struct Until<'a> {
    stream: &'a TcpStream,
    until: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

impl Sending {
    /// Sends a message.
    ///
    /// # Errors
    /// When the other side does not take it.
    pub fn send(&self, message: &impl Serialize) -> Result<(), LinkError> {
        let content = postcard::to_stdvec(message).map_err(LinkError::Message)?;
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let (stream, signer) = &mut *stream;
        let mac = signer.mac(&content).finalize().into_bytes();
        let length = u32::try_from(content.len()).map_err(|_| io::Error::other("the message is too long"))?;
        let mut bytes = Vec::with_capacity(36 + content.len());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&mac);
        bytes.extend_from_slice(&content);
        Ok(stream.write_all(&bytes)?)
    }

    /// Ends the connection, in both directions.
    pub fn close(&self) {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended already.
        let _ = stream.0.shutdown(Shutdown::Both);
    }
}

impl Receiving {
    /// Waits for a message. The first one, which proves the token, has to be whole within the time allowed.
    ///
    /// # Errors
    /// When none comes within the time allowed, or it is not signed with the token. The connection is of no use then.
    pub fn receive<T: DeserializeOwned>(&mut self) -> Result<T, LinkError> {
        if self.proved {
            return read(&self.stream, &mut self.signer, LONGEST);
        }
        let patience = self.stream.read_timeout()?;
        let until = self.until.unwrap_or_else(|| Instant::now() + patience.unwrap_or(PATIENCE));
        let message = read(Until { stream: &self.stream, until }, &mut self.signer, FIRST)?;
        self.stream.set_read_timeout(patience)?;
        self.proved = true;
        Ok(message)
    }

    /// Waits for a message; nothing where none begins within the time allowed. One that has begun has to be complete soon.
    ///
    /// # Errors
    /// As [`Receiving::receive`].
    pub fn receive_or_nothing<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LinkError> {
        let mut first = [0];
        match self.stream.peek(&mut first) {
            Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(_) => {
                let patience = self.stream.read_timeout()?;
                self.stream.set_read_timeout(Some(PATIENCE))?;
                let message = self.receive();
                self.stream.set_read_timeout(patience)?;
                message.map(Some)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How long [`Receiving::receive_or_nothing`] waits; and how long the message may take that proves the token, from when it is
    /// waited for or begins, instead of what is left for the greeting.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn patience(&mut self, patience: Duration) -> io::Result<()> {
        self.until = None;
        self.stream.set_read_timeout(Some(patience))
    }
}

/// Reads a message.
fn read<T: DeserializeOwned>(mut stream: impl Read, signer: &mut Signer, longest: u32) -> Result<T, LinkError> {
    let mut head = [0; 36];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    if length > longest {
        return Err(LinkError::Token);
    }
    let mut content = Vec::new();
    // Memory grows with what comes, not with what was announced.
    stream.take(length.into()).read_to_end(&mut content)?;
    if content.len() < length as usize {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    // Compares in constant time.
    signer.mac(&content).verify_slice(&head[4..]).map_err(|_| LinkError::Token)?;
    postcard::from_bytes(&content).map_err(LinkError::Message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let here = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        (here, listener.accept().expect("a connection").0)
    }

    /// The coordinator with one token, the agent with another.
    fn links(here: &'static str, there: &'static str) -> (Link, Link) {
        let (coordinator, agent) = pair();
        let agent =
            std::thread::spawn(move || Link::of_agent(agent, &Token::new(there).expect("good")).expect("greeted"));
        let coordinator = Link::of_coordinator(coordinator, &Token::new(here).expect("good")).expect("greeted");
        (coordinator, agent.join().expect("no panic"))
    }

    #[test]
    fn both_sides_understand_each_other_and_only_with_the_same_token() {
        let (mut coordinator, mut agent) = links("the token of a run", "the token of a run");
        for text in ["one", "two"] {
            coordinator.sending.send(&text).expect("sent");
            assert_eq!(agent.receiving.receive::<String>().expect("received"), text);
            agent.sending.send(&text).expect("sent");
            assert_eq!(coordinator.receiving.receive::<String>().expect("received"), text);
        }
        let (coordinator, mut agent) = links("the token of a run", "the token of a fun");
        coordinator.sending.send(&"one").expect("sent");
        assert!(matches!(agent.receiving.receive::<String>(), Err(LinkError::Token)));
    }

    #[test]
    fn a_message_that_is_sent_again_is_refused() {
        let (coordinator, mut agent) = links("the token of a run", "the token of a run");
        coordinator.sending.send(&"one").expect("sent");
        assert_eq!(agent.receiving.receive::<String>().expect("received"), "one");
        // Somebody who listens sends the same bytes again: the same signature, now under another number.
        coordinator.sending.stream.lock().expect("free").1.count = 0;
        coordinator.sending.send(&"one").expect("sent");
        assert!(matches!(agent.receiving.receive::<String>(), Err(LinkError::Token)));
    }

    #[test]
    fn who_speaks_another_protocol_is_told_apart() {
        let (coordinator, mut other) = pair();
        other.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n............").expect("sent");
        let token = Token::random();
        assert!(matches!(Link::of_coordinator(coordinator, &token), Err(LinkError::Version)));
    }

    #[test]
    fn a_stranger_cannot_make_an_agent_keep_a_long_message() {
        let (mut stranger, agent) = pair();
        stranger.write_all(&[0; 16]).expect("sent");
        let mut head = [0; 36];
        head[..4].copy_from_slice(&(FIRST + 1).to_be_bytes());
        stranger.write_all(&head).expect("sent");
        let mut agent = Link::of_agent(agent, &Token::random()).expect("greeted");
        assert!(matches!(agent.receiving.receive::<String>(), Err(LinkError::Token)));
    }

    /// Its bytes come a tenth of a second after each other, and all of them take 20 s.
    #[test]
    fn a_stranger_that_sends_a_byte_at_a_time_is_not_waited_for() {
        let (mut stranger, agent) = pair();
        std::thread::spawn(move || {
            // Its random number comes at once, as does that of one that is no stranger.
            stranger.write_all(&[0; 16]).expect("sent");
            for byte in [&164_u32.to_be_bytes()[..], &[0; 32 + 164]].concat() {
                if stranger.write_all(&[byte]).is_err() {
                    return;
                }
                std::thread::park_timeout(Duration::from_millis(100));
            }
        });
        let greeted = Link::of_agent(agent, &Token::random());
        let error = greeted.and_then(|mut agent| agent.receiving.receive::<String>()).expect_err("it has no token");
        assert!(error.is_timeout(), "it was heard to its end: {error}");
    }

    #[test]
    fn who_is_asked_late_may_prove_the_token_late() {
        let (mut coordinator, mut agent) = links("the token of a run", "the token of a run");
        for link in [&mut coordinator, &mut agent] {
            link.receiving.until = Some(Instant::now());
            link.receiving.patience(Duration::from_secs(60)).expect("set");
        }
        coordinator.sending.send(&"who are you?").expect("sent");
        assert_eq!(agent.receiving.receive_or_nothing::<String>().expect("read").as_deref(), Some("who are you?"));
        agent.sending.send(&"a node").expect("sent");
        assert_eq!(coordinator.receiving.receive::<String>().expect("read"), "a node");
    }
}
