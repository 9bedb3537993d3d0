//! Bytes to and from one socket, encrypted or not, without ever waiting.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustls::ClientConnection;

use crate::failure::Failure;

/// A request of this many bytes fits into the first window of TCP, ten segments of 536 bytes or more (RFC 6928), so that
/// congestion control never holds a part of it back.
pub const SMALL: usize = 5360;

/// A connection's socket, and TLS over it where there is TLS.
#[derive(Debug)]
pub struct Transport {
    socket: OwnedFd,
    tls: Option<Box<ClientConnection>>,
}

/// What became of an attempt to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// This many bytes came, and there may be more.
    Bytes(usize),
    /// Nothing is there at the moment.
    Nothing,
    /// The server has ended its side.
    End,
}

/// A socket as the standard traits that the TLS library wants.
struct Socket<'a>(BorrowedFd<'a>);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(self.0, buffer, RecvFlags::empty())?.1)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts connecting; the socket becomes writable when the outcome is known. `small` says that all that will ever be
/// under way on it at a time is one request of at most [`SMALL`] bytes.
pub fn connect(address: SocketAddr, tls: Option<ClientConnection>, small: bool) -> Result<Transport, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
    if small {
        // The plainest congestion control, which every kernel has: where nothing is ever congested, the others (BBR with
        // its model of the path and its pacing) are work without effect. Where it is refused, they do that work.
        let _ = rustix::net::sockopt::set_tcp_congestion(&socket, "reno");
    }
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(Transport { socket, tls: tls.map(Box::new) }),
        Err(error) => Err(error),
    }
}

impl Transport {
    /// The socket, for epoll.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Gives the socket away, dropping TLS.
    pub fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// How the attempt to connect ended.
    pub fn connected(&self) -> Result<(), Errno> {
        rustix::net::sockopt::socket_error(&self.socket)?
    }

    /// Whether requests can be written: at once without TLS, after the handshake with it. Carries the handshake on.
    pub fn handshake(&mut self) -> Result<bool, Failure> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        loop {
            while tls.wants_write() {
                match tls.write_tls(&mut Socket(self.socket.as_fd())) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                    Err(_) => return Err(Failure::Tls),
                }
            }
            if !tls.is_handshaking() {
                return Ok(true);
            }
            match tls.read_tls(&mut Socket(self.socket.as_fd())) {
                Ok(0) => return Err(Failure::Tls),
                Ok(_) => tls.process_new_packets().map_err(|_| Failure::Tls)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(_) => return Err(Failure::Tls),
            };
        }
    }

    /// Writes what the socket takes of the bytes, and gives their number. With TLS all of them are taken, and are
    /// written by this call and by [`Transport::flush`].
    #[inline]
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        match &mut self.tls {
            None => match rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => Ok(sent),
                Err(Errno::AGAIN | Errno::INTR) => Ok(0),
                Err(error) => Err(Failure::of_stream(error)),
            },
            Some(tls) => {
                tls.writer().write_all(bytes).map_err(|_| Failure::Tls)?;
                self.flush()?;
                Ok(bytes.len())
            }
        }
    }

    /// Writes what TLS has ready.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut Socket(self.socket.as_fd())) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Err(Failure::Reset),
            }
        }
        Ok(())
    }

    /// Reads what is there.
    #[inline]
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Failure> {
        match &mut self.tls {
            None => match rustix::net::recv(&self.socket, buffer, RecvFlags::empty()) {
                Ok((_, 0)) => Ok(Received::End),
                Ok((_, count)) => Ok(Received::Bytes(count)),
                Err(Errno::AGAIN | Errno::INTR) => Ok(Received::Nothing),
                Err(error) => Err(Failure::of_stream(error)),
            },
            Some(tls) => receive_tls(tls, self.socket.as_fd(), buffer),
        }
    }

    /// Whether a read that filled only a part of the buffer has emptied the socket.
    #[inline]
    pub fn short_read_empties(&self) -> bool {
        self.tls.is_none()
    }
}

fn receive_tls(tls: &mut ClientConnection, socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Received, Failure> {
    loop {
        match tls.reader().read(buffer) {
            Ok(0) => return Ok(Received::End),
            Ok(count) => return Ok(Received::Bytes(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // The connection was cut without TLS's own farewell; many servers do so.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Received::End),
            Err(_) => return Err(Failure::Tls),
        }
        match tls.read_tls(&mut Socket(socket)) {
            Ok(0) => {
                tls.process_new_packets().map_err(|_| Failure::Tls)?;
                return Ok(Received::End);
            }
            Ok(_) => {
                tls.process_new_packets().map_err(|_| Failure::Tls)?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Failure::Reset),
        }
    }
}
