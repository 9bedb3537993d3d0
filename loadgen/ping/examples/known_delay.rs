//! A web server that answers every request after a known delay: `known_delay 100` for 100 ms.
//!
//! It prints its address, and ends when its standard input does. It has a thread for each connection and waits with
//! the kernel's precise timers, so that what differs between two clients is the clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn main() -> std::io::Result<()> {
    let delay = std::env::args().nth(1).and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    let delay = delay.ok_or_else(|| std::io::Error::other("usage: known_delay MILLISECONDS"))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream, delay));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn serve(mut stream: TcpStream, delay: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let due = Instant::now() + delay;
    while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
    stream.write_all(ANSWER)
}
