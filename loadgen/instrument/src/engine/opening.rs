//! How connections come and go.

use std::sync::atomic::Ordering;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;

use crate::clock;
use crate::engine::connection::Phase;
use crate::engine::transport::{self, Transport};
use crate::engine::{Engine, LEAVING, TICK, token};
use crate::failure::Failure;
use crate::report::Error;

impl Engine<'_> {
    /// Opens a connection for every vacant place, ahead of any request.
    pub(super) fn open_vacant(&mut self, now: u64) {
        while let Some(place) = self.vacant.pop() {
            self.connections[place as usize].begun = now;
            self.open(place as usize);
        }
    }

    /// Opens a connection for a vacant place, asking for its address first where that was asked for.
    pub(super) fn open(&mut self, place: usize) {
        let connection = &mut self.connections[place];
        connection.written = 0;
        connection.attempt = 0;
        match (&self.shared.resolver, &self.mailbox) {
            (Some(resolver), Some(mailbox)) => {
                connection.phase = Phase::Resolving;
                resolver.ask(token(place, connection.generation), mailbox);
            }
            _ => {
                connection.addresses = self.shared.addresses.clone();
                connection.first = self.shared.preferred.load(Ordering::Relaxed);
                self.connect(place);
            }
        }
    }

    pub(super) fn connect(&mut self, place: usize) {
        loop {
            match self.try_connect(place) {
                Ok(()) => return,
                Err(error) => {
                    if !self.next_address(place, error) {
                        return;
                    }
                }
            }
        }
    }

    pub(super) fn try_connect(&mut self, place: usize) -> Result<(), Errno> {
        let connection = &mut self.connections[place];
        let address = connection.target().ok_or(Errno::DESTADDRREQ)?;
        let tls = match &self.shared.tls {
            Some(tls) => Some(tls.connect().map_err(|_| Errno::PROTO)?),
            None => None,
        };
        // A connection for one request does not live long enough to win back the call that this costs.
        let small = self.shared.config.request.keep_alive && self.shared.bytes.len() <= transport::SMALL;
        let transport = transport::connect(address, tls, small)?;
        // Registered once, for both directions, until it is closed: no further call is needed for any request.
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let data = EventData::new_u64(token(place, connection.generation));
        epoll::add(&self.epoll, transport.socket(), data, flags)?;
        connection.transport = Some(transport);
        connection.phase = Phase::Connecting;
        Ok(())
    }

    /// After a failed attempt to connect: whether there is another address to try. Otherwise the request has failed.
    pub(super) fn next_address(&mut self, place: usize, error: Errno) -> bool {
        let connection = &mut self.connections[place];
        connection.attempt += 1;
        connection.transport = None;
        connection.generation = connection.generation.wrapping_add(1);
        if connection.addresses.as_ref().is_some_and(|addresses| connection.attempt < addresses.len()) {
            return true;
        }
        let kind = Failure::of_connect(error);
        self.unreachable(kind, Some(error));
        self.fail(place, kind);
        false
    }

    /// A connection could not be made.
    pub(super) fn unreachable(&self, kind: Failure, error: Option<Errno>) {
        self.shared.unreachable(clock::now(), || Error::Unreachable {
            target: self.shared.config.target.to_string(),
            kind,
            reason: error.map_or_else(|| kind.describe().to_owned(), |error| error.to_string()),
        });
    }

    pub(super) fn connect_event(&mut self, place: usize, flags: EventFlags) {
        let connection = &mut self.connections[place];
        let Some(transport) = &connection.transport else { return };
        match transport.connected() {
            Ok(()) if flags.contains(EventFlags::OUT) => {
                if let Some(address) = connection.target() {
                    connection.address = self.usage.place(address);
                    self.usage.addresses[connection.address].connections += 1;
                }
                connection.opened = clock::now();
                self.tally.connections += 1;
                connection.phase = Phase::Handshaking;
                self.handshake(place);
            }
            Ok(()) => {}
            Err(error) => {
                if self.next_address(place, error) {
                    self.connect(place);
                }
            }
        }
    }

    pub(super) fn handshake(&mut self, place: usize) {
        let Some(transport) = &mut self.connections[place].transport else {
            return;
        };
        match transport.handshake() {
            Ok(true) => self.ready(place),
            Ok(false) => {}
            Err(kind) => {
                self.unreachable(kind, None);
                self.prefer(place, 1);
                self.fail(place, kind);
            }
        }
    }

    /// A connection can carry requests.
    fn ready(&mut self, place: usize) {
        self.shared.reached.store(true, Ordering::Relaxed);
        self.prefer(place, 0);
        let now = clock::now();
        let connection = &mut self.connections[place];
        connection.misses = 0;
        if connection.loaded {
            self.write(place, now);
        } else {
            connection.phase = Phase::Idle;
            connection.free_since = self.awake.could_see();
            self.idle.push_back(place as u32);
        }
    }

    /// Begins with this place's address for the next connections, or with one `after` it where this one was no good.
    fn prefer(&self, place: usize, after: usize) {
        let connection = &self.connections[place];
        if let (None, Some(addresses)) = (&self.shared.resolver, &connection.addresses) {
            let preferred = (connection.first + connection.attempt + after) % addresses.len();
            self.shared.preferred.store(preferred, Ordering::Relaxed);
        }
    }

    /// Names were resolved for places that wait for them.
    pub(super) fn resolved(&mut self) {
        let Some(mailbox) = self.mailbox.clone() else { return };
        for (token, addresses) in mailbox.take() {
            let (place, generation) = ((token & 0xffff_ffff) as usize, (token >> 32) as u32);
            let connection = &mut self.connections[place];
            if connection.generation != generation || connection.phase != Phase::Resolving {
                continue;
            }
            match addresses {
                Some(addresses) => {
                    connection.addresses = Some(addresses);
                    connection.first = 0;
                    self.connect(place);
                }
                None => {
                    self.unreachable(Failure::Resolve, None);
                    self.fail(place, Failure::Resolve);
                }
            }
        }
    }

    /// Lets a socket go whose server has said that it closes it.
    pub(super) fn leave(&mut self, transport: Transport, now: u64) {
        let socket = transport.into_socket();
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        if epoll::modify(&self.epoll, &socket, EventData::new_u64(LEAVING), flags).is_ok() {
            self.leaving.push((now + TICK, socket));
        }
    }

    pub(super) fn leaving_ended(&mut self) {
        let mut byte = [0u8; 512];
        let gone = |socket: &OwnedFd, byte: &mut [u8]| {
            !matches!(rustix::net::recv(socket.as_fd(), byte, rustix::net::RecvFlags::empty()), Err(Errno::AGAIN))
        };
        self.leaving.retain(|(_, socket)| !gone(socket, &mut byte));
    }
}
