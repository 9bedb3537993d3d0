//! A rolling update under load: the new task is there before the old one is told to stop, and no client notices.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::Service;
use testbed::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);

/// How often the service is replaced.
const UPDATES: u64 = 4;

/// A number from the environment, for those who want more than the default.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// One request on a connection of its own; `None` where the connection was refused, which tells a client to ask elsewhere.
fn ask(address: &str, size: usize) -> Result<Option<()>, String> {
    let mut stream = match TcpStream::connect(address) {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(None),
        Err(error) => return Err(format!("connect: {error}")),
    };
    let request = format!("GET /{size} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| format!("write: {error}"))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(|error| format!("read: {error}, after {} bytes", answer.len()))?;
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("no head")? + 4;
    let whole = answer.starts_with(b"HTTP/1.1 200") && answer.len() - head == size;
    if whole { Ok(Some(())) } else { Err(format!("{} of {size} bytes", answer.len() - head)) }
}

/// The answers that a task says it gave, once it has ended well.
fn ended_with(task: &mut Service) -> u64 {
    assert_eq!(task.program.wait(), Some(0), "{}", task.program.log());
    let log = task.program.log();
    let told = log.split_once("answers=").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    told.unwrap_or_else(|| panic!("no number of answers in {log}"))
}

#[test]
fn no_request_is_lost_and_none_is_cut_off() {
    // Clients that ask at once, each with a new connection for each request, as fast as they are answered; and the requests that
    // are answered before each update. A client whose handshake is refused by the old task tries it again after a second, so it
    // takes many clients to keep the rate up.
    let (clients, between) = (setting("ROLLING_CLIENTS", 16), setting("ROLLING_BETWEEN", 2000));
    let start = || Service::start("rng", &["--delay", "0", "--concurrency", "0"]);
    let mut old = start();
    let tasks = Arc::new(RwLock::new(vec![old.address.clone()]));
    let (answered, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..clients)
        .map(|number| {
            let (tasks, answered, ended) = (tasks.clone(), answered.clone(), ended.clone());
            thread::spawn(move || {
                let mut failures = Vec::new();
                for turn in number.. {
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    let tasks = tasks.read().expect("no client panics").clone();
                    let address = &tasks[turn as usize % tasks.len()];
                    // One in fifty is larger than what is sent in one piece.
                    match ask(address, if turn % 50 == 0 { 1 << 20 } else { 32 }) {
                        Ok(Some(())) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        Ok(None) => {}
                        Err(failure) => failures.push(failure),
                    }
                }
                failures
            })
        })
        .collect();
    let mut counted = 0;
    let begin = Instant::now();
    for update in 1..=UPDATES {
        wait_for("requests between two updates", PATIENCE, || match answered.load(Ordering::Relaxed) {
            enough if enough >= update * between => Ok(()),
            few => Err(format!("{few}")),
        });
        let new = start();
        // Nobody tells the clients that the old one is to stop: they go on asking it until it refuses them.
        tasks.write().expect("no client panics").push(new.address.clone());
        old.program.signal("TERM");
        counted += ended_with(&mut old);
        tasks.write().expect("no client panics").remove(0);
        old = new;
    }
    ended.store(true, Ordering::Relaxed);
    let failures: Vec<String> = clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect();
    let rate = answered.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64();
    old.program.signal("TERM");
    counted += ended_with(&mut old);
    println!("{rate:.0} connections a second");
    assert!(failures.is_empty(), "{} of {answered:?} failed: {failures:?}", failures.len());
    assert_eq!(answered.load(Ordering::Relaxed), counted, "answers that clients read, and that tasks gave");
}
