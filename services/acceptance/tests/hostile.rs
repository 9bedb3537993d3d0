//! Clients that send what they should not, too slowly, or nothing at all.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use acceptance::{Service, program};
use testbed::{Program, get, post, request, wait_for};

const PATIENCE: Duration = Duration::from_secs(20);

fn connect(service: &Service) -> TcpStream {
    let stream = TcpStream::connect(&service.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("neither an answer nor an end: {error}"),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn garbage_is_answered_with_400_or_closed() {
    let rng = Service::start("rng", &["--delay", "0"]);
    for garbage in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{16}\u{3}\u{1}hello\r\n\r\n"] {
        let mut stream = connect(&rng);
        stream.write_all(garbage.as_bytes()).expect("sent");
        let answer = rest(stream);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{garbage:?}: {answer}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "9".repeat(300_000));
    let mut stream = connect(&rng);
    // The server may answer and close before all of it is sent.
    let _ = stream.write_all(long.as_bytes());
    let answer = rest(stream);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{}", &answer[..answer.len().min(200)]);
    assert_eq!(get(&rng.address, "/8").expect("it still answers").status, 200);
}

#[test]
fn a_request_names_its_host_once() {
    let rng = Service::start("rng", &["--delay", "0"]);
    for (head, status) in [
        ("GET /8 HTTP/1.1\r\nHost: x\r\n", 200),
        ("GET /8 HTTP/1.1\r\nHost: [::1]:80\r\n", 200),
        ("GET /8 HTTP/1.1\r\nHost:\r\n", 200),
        ("GET /8 HTTP/1.0\r\n", 200),
        ("GET /8 HTTP/1.1\r\n", 400),
        ("GET /8 HTTP/1.1\r\nHost: x\r\nHost: y\r\n", 400),
        ("GET /8 HTTP/1.1\r\nHost: x\r\nHost: x\r\n", 400),
        ("GET /8 HTTP/1.1\r\nHost: x/y\r\n", 400),
    ] {
        let answer = request(&rng.address, &format!("{head}Connection: close\r\n\r\n"), b"").expect("an answer");
        assert_eq!(answer.status, status, "{head:?}: {answer:?}");
    }
}

#[test]
fn a_body_over_the_limit_gets_413_and_the_connection_goes_on_or_ends_cleanly() {
    let hasher = Service::start("hasher", &["--delay", "0", "--max-body", "1MiB"]);
    let large = vec![b'x'; 8 << 20];
    // The body is sent to its end although the answer is known from its head: the client must read it and no reset.
    let answer = post(&hasher.address, "/", &large).expect("an answer and no reset");
    assert_eq!(answer.status, 413);
    assert!(answer.body.contains("1 MiB"), "{}", answer.body);
    let chunk = format!("{:x}\r\n{}\r\n", 2 << 20, "x".repeat(2 << 20));
    let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let answer =
        request(&hasher.address, head, format!("{chunk}0\r\n\r\n").as_bytes()).expect("an answer and no reset");
    assert_eq!(answer.status, 413);
    // A client that asks first is told before it sends anything.
    let mut stream = connect(&hasher);
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    assert!(rest(stream).starts_with("HTTP/1.1 413"));
    assert_eq!(hasher.metric("hasher_requests_total{code=\"413\"}"), 3.0);
}

#[test]
fn a_truncated_body_is_not_hashed() {
    let hasher = Service::start("hasher", &["--delay", "0"]);
    let mut stream = connect(&hasher);
    stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this").expect("sent");
    stream.shutdown(std::net::Shutdown::Write).expect("half closed");
    let answer = rest(stream);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(post(&hasher.address, "/", b"abc").expect("it still answers").status, 200);
    assert_eq!(hasher.metric("hasher_requests_total{code=\"200\"}"), 1.0);
}

#[test]
fn a_body_that_pauses_too_long_gets_408() {
    let hasher = Service::start("hasher", &["--delay", "0", "--body-timeout", "100ms"]);
    let mut stream = connect(&hasher);
    stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this").expect("sent");
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("100ms"), "{answer}");
}

#[test]
fn a_head_that_never_ends_is_cut_off_and_stops_nobody() {
    let rng = Service::start("rng", &["--delay", "0", "--header-timeout", "300ms"]);
    let mut slow = connect(&rng);
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").expect("sent");
    assert_eq!(get(&rng.address, "/8").expect("an answer beside the slow client").status, 200);
    let answer = rest(slow);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

/// Ten thousand connections that send nothing, from processes that may open few files each.
fn crowd(address: &str) -> Vec<Program> {
    let hold = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/hold.py");
    let crowd: Vec<_> = (0..20).map(|_| Program::start("python3", &[hold, address, "500"])).collect();
    crowd.iter().for_each(|holder| holder.wait_for_log("connected 500"));
    crowd
}

#[test]
fn ten_thousand_idle_connections_stop_nobody() {
    // As many files as a system allows by default, for the client of this test too, which is a part of the shell's children.
    for files in ["1024", "200"] {
        let rng = program("rng");
        let command = format!("ulimit -n {files}; exec {rng} --listen 127.0.0.1:0 --delay 1ms");
        let mut program = Program::start("sh", &["-c", &command]);
        let address = program.address();
        let rng = Service { program, address };
        let crowd = crowd(&rng.address);
        let most = files.parse::<f64>().expect("a number") / 2.0;
        assert!(rng.metric("rng_connections") <= most, "{files} files: {}", rng.metric("rng_connections"));
        for _ in 0..100 {
            assert_eq!(get(&rng.address, "/8").expect("an answer").status, 200);
        }
        assert!(!rng.program.log().contains("cannot accept"), "{}", rng.program.log());
        drop(crowd);
    }
}

#[test]
fn a_crowd_does_not_close_a_connection_with_a_request_in_flight() {
    let rng = Service::start("rng", &["--delay", "3s", "--max-connections", "10"]);
    let mut stream = connect(&rng);
    stream.write_all(b"GET /8 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    wait_for("the request in service", PATIENCE, || match rng.metric("rng_requests_in_service") {
        1.0 => Ok(()),
        other => Err(format!("{other}")),
    });
    let idle: Vec<TcpStream> = (0..50).map(|_| connect(&rng)).collect();
    assert!(rng.metric("rng_connections") <= 10.0);
    assert!(rest(stream).starts_with("HTTP/1.1 200"));
    drop(idle);
}

#[test]
fn a_service_that_is_only_busy_passes_its_health_check() {
    let rng = Service::start("rng", &["--delay", "60s", "--max-connections", "4"]);
    let mut clients: Vec<TcpStream> = (0..20).map(|_| connect(&rng)).collect();
    for client in &mut clients {
        client.write_all(b"GET /8 HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    }
    // Who connects now waits behind them.
    for check in [&["healthcheck"] as &[_], &["healthcheck", "--ready"]] {
        let mut check = Program::start(program("rng"), &[&["--listen", &rng.address], check].concat());
        assert_eq!(check.wait(), Some(0), "{}", check.log());
    }
    for client in clients {
        client.set_nonblocking(true).expect("a socket");
        assert_eq!(client.peek(&mut [0]).expect_err("no answer yet").kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn a_client_that_gives_up_leaves_the_queue() {
    let rng = Service::start("rng", &["--delay", "200ms"]);
    let quitters: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = connect(&rng);
            stream.write_all(b"GET /32 HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
            stream
        })
        .collect();
    wait_for("the queue", PATIENCE, || {
        let queue = rng.metric("rng_queue_length");
        if queue >= 49.0 { Ok(()) } else { Err(format!("{queue}")) }
    });
    drop(quitters);
    // Fifty requests would take ten seconds; nobody waits for those whose client is gone.
    let start = std::time::Instant::now();
    assert_eq!(get(&rng.address, "/").expect("an answer").status, 200);
    assert!(start.elapsed() < Duration::from_secs(5), "waited {:?} behind clients that are gone", start.elapsed());
}

#[test]
fn two_gigabytes_are_hashed_in_a_few_megabytes() {
    let hasher = Service::start("hasher", &["--delay", "0"]);
    let size: u64 = 2_000_000_000;
    let mut stream = connect(&hasher);
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    let piece = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        let part = left.min(piece.len() as u64);
        stream.write_all(&piece[..part as usize]).expect("sent");
        left -= part;
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", hasher.program.id())).expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak of memory");
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    let answer = rest(stream);
    // The digest of so many zero bytes, as `head -c 2000000000 /dev/zero | sha256sum` prints it.
    assert!(answer.ends_with("2e0c654b6cba3a1e816726bae0eac481eb7fd0351633768c3c18392e0f02b619"), "{answer}");
    assert!(peak < 16 << 10, "the peak was {peak} kB");
}
