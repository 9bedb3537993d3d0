//! A way to a server on which a host can lose its power.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Passes connections on to a server. What it passes on can fall silent, as a host does that loses its power: nothing arrives
/// any more, and no connection is closed; connections that are made later reach whatever is at the server's address then.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How often the host has lost its power. A connection lives as long as the host that it was made to.
    outages: AtomicU64,
    stopped: AtomicBool,
}

impl Proxy {
    /// A proxy on a loopback port, to a server on another.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::spawn(move || accept(&listener, server, &shared));
        Self { port, state }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host loses its power: all connections fall silent.
    pub fn lose_power(&self) {
        self.state.outages.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn accept(listener: &TcpListener, server: u16, state: &Arc<State>) {
    while let Ok((near, _)) = listener.accept() {
        if state.stopped.load(Ordering::SeqCst) {
            return;
        }
        // A server that is down refuses: this connection is closed then.
        let Ok(far) = TcpStream::connect(("127.0.0.1", server)) else { continue };
        let copies = near.try_clone().and_then(|copy| Ok((copy, far.try_clone()?)));
        let Ok((near_copy, far_copy)) = copies else { continue };
        let born = state.outages.load(Ordering::SeqCst);
        for (from, to) in [(near, far_copy), (far, near_copy)] {
            let state = state.clone();
            thread::spawn(move || pass_on(from, to, born, &state));
        }
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, born: u64, state: &State) {
    let mut bytes = [0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes);
        if state.outages.load(Ordering::SeqCst) != born {
            // What still arrives is for nobody. The other side keeps its connection until it gives it up by itself.
            if read.is_ok_and(|size| size > 0) {
                continue;
            }
            return;
        }
        let sent = match read {
            Ok(size) if size > 0 => to.write_all(&bytes[..size]),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        };
        if sent.is_err() {
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
    }
}
