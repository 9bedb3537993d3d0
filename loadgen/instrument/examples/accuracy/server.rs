//! A server that keeps a log: one station that serves one request after another, each in the same time, and stands still in a
//! given window.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use instrument::clock;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{RecvFlags, SendFlags};
use rustix::time::Timespec;

use crate::processors::Processors;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LISTENER: u64 = u64::MAX;

/// How the server answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Behaviour {
    /// Time that each request takes at the one station, in nanoseconds.
    pub service: u64,
    /// The server stands still from here to there, in nanoseconds from the first request.
    pub stall: Option<(u64, u64)>,
}

impl Behaviour {
    /// When a request is answered that came at a time, where the station is taken until `free`; and until when it is taken
    /// then. Times are in nanoseconds from the first request.
    fn departure(&self, arrival: u64, free: &mut u64) -> u64 {
        *free = arrival.max(*free) + self.service;
        match self.stall {
            Some((from, to)) if (from..to).contains(&*free) => to,
            _ => *free,
        }
    }
}

/// A request in the server's log. Moments are in nanoseconds by the monotonic clock, which all processes share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Served {
    /// When it was read.
    pub arrived: u64,
    /// When its answer was sent, if it was.
    pub answered: Option<u64>,
}

/// A running server.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// When the first request came, by the monotonic clock; 0 before.
    pub first: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Served>>>,
}

impl Server {
    /// Starts a server on a free port, and on the processor that is its own.
    pub fn start(behaviour: Behaviour, processors: &Processors) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let (first, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (shared_first, shared_stop) = (Arc::clone(&first), Arc::clone(&stop));
        let processors = *processors;
        let thread = std::thread::spawn(move || {
            processors.enter_server();
            serve(&listener, behaviour, &shared_first, &shared_stop).expect("the system refused what the server needs")
        });
        Server { address, first, stop, thread: Some(thread) }
    }

    /// Ends it, and gives its log in the order in which the requests came.
    pub fn end(mut self) -> Vec<Served> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A server that failed has said so already.
            let _ = thread.join();
        }
    }
}

fn serve(
    listener: &TcpListener,
    behaviour: Behaviour,
    first: &AtomicU64,
    stop: &AtomicBool,
) -> Result<Vec<Served>, rustix::io::Errno> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut sockets: Vec<Option<OwnedFd>> = Vec::new();
    let mut waiting: VecDeque<(u64, usize, usize)> = VecDeque::new();
    let mut log: Vec<Served> = Vec::with_capacity(1 << 14);
    let mut free = 0;
    let mut events: Vec<epoll::Event> = Vec::with_capacity(1024);
    let mut buffer = vec![0_u8; 16 * 1024];
    while !stop.load(Ordering::Relaxed) {
        // The server never sleeps: the time that a wake-up takes would count as the generator's error.
        let timeout = Timespec { tv_sec: 0, tv_nsec: 0 };
        events.clear();
        match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        for event in &events {
            match event.data.u64() {
                LISTENER => {
                    while let Ok((stream, _)) = listener.accept() {
                        let socket = OwnedFd::from(stream);
                        rustix::io::ioctl_fionbio(&socket, true)?;
                        rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
                        let data = EventData::new_u64(sockets.len() as u64);
                        epoll::add(&epoll, &socket, data, EventFlags::IN)?;
                        sockets.push(Some(socket));
                    }
                }
                place => {
                    let place = place as usize;
                    let Some(socket) = &sockets[place] else { continue };
                    match rustix::net::recv(socket.as_fd(), buffer.as_mut_slice(), RecvFlags::empty()) {
                        Ok((_, count)) if count > 0 => {
                            let now = clock::now();
                            // Whoever stores the first time wins; the outcome is read right below.
                            let _ = first.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
                            let origin = first.load(Ordering::Relaxed);
                            let departure = behaviour.departure(now.saturating_sub(origin), &mut free);
                            // One request a read: the tools that are measured here do not pipeline.
                            waiting.push_back((departure + origin, place, log.len()));
                            log.push(Served { arrived: now, answered: None });
                        }
                        Err(rustix::io::Errno::AGAIN) => {}
                        _ => sockets[place] = None,
                    }
                }
            }
        }
        while waiting.front().is_some_and(|(due, ..)| *due <= clock::now()) {
            let Some((_, place, entry)) = waiting.pop_front() else { break };
            if let Some(socket) = &sockets[place] {
                log[entry].answered = Some(clock::now());
                // A client that has gone is closed when its end is read.
                let _ = rustix::net::send(socket.as_fd(), ANSWER, SendFlags::NOSIGNAL);
            }
        }
    }
    Ok(log)
}
