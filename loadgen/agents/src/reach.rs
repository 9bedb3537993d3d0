//! The way to the other side.

use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// Longest try: the end that somebody asks for is seen in between.
const TRY: Duration = Duration::from_secs(1);

/// Connects to the first of a name's addresses that takes it, with so long for each.
pub(crate) fn connect(address: &str, within: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, within) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Tries to connect to who may not be there yet, until it is, the time is over, or `stop` is set.
///
/// # Errors
/// What the last try said.
pub fn reach(address: &str, within: Duration, stop: &AtomicBool) -> io::Result<TcpStream> {
    let until = Instant::now() + within;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match connect(address, left.clamp(PAUSE, TRY)) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() >= until || stop.load(Ordering::Relaxed) => return Err(error),
            Err(_) => thread::park_timeout(PAUSE),
        }
    }
}
