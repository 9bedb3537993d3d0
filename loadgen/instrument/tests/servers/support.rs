//! A server on loopback that does what a script says, one thread a connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use instrument::config::Config;
use instrument::failure::Failure;
use instrument::report::Report;
use instrument::target::Target;

/// A server that ends with the value.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Connections that it accepted.
    pub accepted: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    /// Runs the script for each connection, with the connection's number.
    pub fn start(script: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let stopped = Arc::new(AtomicBool::new(false));
        let (count, stop, script) = (Arc::clone(&accepted), Arc::clone(&stopped), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let number = count.fetch_add(1, Ordering::SeqCst);
                let script = Arc::clone(&script);
                std::thread::spawn(move || {
                    stream.set_nodelay(true).unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                    script(&mut stream, number);
                });
            }
        });
        Server { address, accepted, stopped }
    }

    /// A configuration for one request on one connection.
    pub fn config(&self) -> Config {
        let mut config = Config::new(Target::parse(&self.address.to_string()).unwrap());
        config.connections = 1;
        config.requests = Some(1);
        config.duration = Some(Duration::from_secs(20));
        config.timeout = Duration::from_secs(10);
        config
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread so that it sees the flag; that it is gone already is no error.
        let _ = TcpStream::connect(self.address);
    }
}

/// Runs, and checks what holds for every run.
pub fn run(config: &Config) -> Report {
    let report = instrument::run(config, &AtomicBool::new(false), &mut ()).unwrap();
    check(&report);
    report
}

/// What holds for every run.
pub fn check(report: &Report) {
    let (total, counts) = (&report.total, &report.total.counts);
    assert!(counts.balances(), "{counts:?}");
    assert!(total.warm_up.balances(), "{:?}", total.warm_up);
    let timeouts = counts.failed[Failure::Timeout as usize];
    assert_eq!(total.response.len(), counts.ok + counts.unfinished + timeouts, "{counts:?}");
    assert_eq!(total.error_response.len(), counts.error_answers(), "{counts:?}");
    assert!(total.service.len() <= total.response.len());
    assert_eq!(total.statuses().map(|(_, count)| count).sum::<u64>(), counts.done);
    let points = report.timeline.points();
    assert_eq!(points.iter().map(|point| point.due).sum::<u64>(), counts.due);
    assert_eq!(points.iter().map(|point| point.done).sum::<u64>(), counts.done);
    assert_eq!(points.iter().map(|point| point.ok).sum::<u64>(), counts.ok);
    assert_eq!(report.usage.addresses.iter().map(|used| used.answers).sum::<u64>(), counts.done);
    assert!(report.usage.busiest <= counts.done);
}

/// Reads one request with its body, or nothing when the client has closed.
pub fn read_request(stream: &mut impl Read) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// Answers every request of a connection with the same bytes.
pub fn answer_all(stream: &mut (impl Read + Write), answer: &[u8]) {
    while read_request(stream).is_some() {
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

/// Keeps the connection open and silent until the client closes it.
pub fn be_silent(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest), Ok(count) if count > 0) {}
}

/// Closes a connection by a reset.
pub fn reset(stream: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
}

/// A short good answer.
pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
