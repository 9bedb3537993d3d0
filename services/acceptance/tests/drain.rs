//! SIGTERM and ^C: requests in flight finish, the listener closes at once, and the exit code says how it went.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use acceptance::{Service, program};
use testbed::{Program, RedisServer, wait_for};

const PATIENCE: Duration = Duration::from_secs(20);

fn in_flight(service: &Service) -> TcpStream {
    let mut stream = TcpStream::connect(&service.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(b"GET /32 HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    wait_for("the request in service", PATIENCE, || {
        let busy = service.metric("rng_requests_in_service");
        if busy > 0.0 { Ok(()) } else { Err(format!("{busy}")) }
    });
    stream
}

#[test]
fn a_request_in_flight_finishes_and_the_listener_closes_at_once() {
    for signal in ["TERM", "INT"] {
        let mut rng = Service::start("rng", &["--delay", "3s"]);
        let mut stream = in_flight(&rng);
        let idle = TcpStream::connect(&rng.address).expect("an idle connection");
        rng.program.signal(signal);
        wait_for("the listener to close", Duration::from_millis(2500), || {
            TcpStream::connect(&rng.address).map_or(Ok(()), |_| Err("it still takes connections".to_owned()))
        });
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer and an end");
        assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"));
        assert_eq!(rng.program.wait(), Some(0), "{}", rng.program.log());
        drop(idle);
    }
}

#[test]
fn connections_that_the_kernel_has_accepted_are_answered() {
    let mut rng = Service::start("rng", &["--delay", "0", "--concurrency", "0"]);
    // While it stands still, the kernel accepts for it.
    rng.program.signal("STOP");
    let ask = |_| {
        let mut stream = TcpStream::connect(&rng.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(b"GET /32 HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        stream
    };
    let streams: Vec<_> = (0..500).map(ask).collect();
    rng.program.signal("TERM");
    rng.program.signal("CONT");
    for (number, mut stream) in streams.into_iter().enumerate() {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap_or_else(|error| panic!("connection {number}: {error}"));
        assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"), "connection {number}");
    }
    assert_eq!(rng.program.wait(), Some(0), "{}", rng.program.log());
}

#[test]
fn a_large_answer_that_is_read_slowly_arrives_whole() {
    let mut rng = Service::start("rng", &["--delay", "0", "--drain-timeout", "20s"]);
    let mut stream = TcpStream::connect(&rng.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let size = 32 << 20;
    stream.write_all(format!("GET /{size} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("sent");
    let mut answer = vec![0; 64 << 10];
    let mut got = stream.read(&mut answer).expect("the beginning of an answer");
    rng.program.signal("TERM");
    wait_for("the listener to close", PATIENCE, || {
        TcpStream::connect(&rng.address).map_or(Ok(()), |_| Err("it still takes connections".to_owned()))
    });
    // Nobody reads for longer than an idle connection is kept.
    let begin = Instant::now();
    wait_for("a pause of the client", PATIENCE, || {
        if begin.elapsed() > Duration::from_secs(1) { Ok(()) } else { Err(String::new()) }
    });
    loop {
        match stream.read(&mut answer).expect("no reset") {
            0 => break,
            size => got += size,
        }
    }
    assert!(got > size, "{got} of {size} bytes");
    assert_eq!(rng.program.wait(), Some(0), "{}", rng.program.log());
}

#[test]
fn a_request_that_takes_too_long_is_cut_off_and_told() {
    let mut rng = Service::start("rng", &["--delay", "60s", "--drain-timeout", "200ms"]);
    let mut stream = in_flight(&rng);
    rng.program.signal("TERM");
    assert_eq!(rng.program.wait(), Some(1));
    assert!(rng.program.log().contains("longer than the drain timeout"), "{}", rng.program.log());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let mut rng = Service::start("rng", &["--delay", "60s", "--drain-timeout", "60s"]);
        let _stream = in_flight(&rng);
        rng.program.signal(first);
        wait_for("the listener to close", PATIENCE, || {
            TcpStream::connect(&rng.address).map_or(Ok(()), |_| Err("it still takes connections".to_owned()))
        });
        assert!(!rng.program.has_ended(), "it did not wait for the request");
        rng.program.signal(second);
        assert_eq!(rng.program.wait(), Some(130), "{}", rng.program.log());
    }
}

#[test]
fn a_worker_that_cuts_off_who_looks_at_it_says_so() {
    let args = ["--listen", "127.0.0.1:0", "--redis-url", "redis://127.0.0.1:1", "--drain-timeout", "200ms"];
    let mut worker = Program::start(program("worker"), &args);
    let address = worker.address();
    let mut worker = Service { program: worker, address };
    // So many answers, of which nobody reads one, that they fit into no buffer.
    let mut stream = TcpStream::connect(&worker.address).expect("a connection");
    stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    let questions = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    wait_for("the worker to answer no more", PATIENCE, || {
        stream.write_all(questions.as_bytes()).map_or(Ok(()), |()| Err(String::new()))
    });
    worker.program.signal("TERM");
    assert_eq!(worker.program.wait(), Some(1), "{}", worker.program.log());
    assert!(worker.program.log().contains("longer than the drain timeout"), "{}", worker.program.log());
}

#[test]
fn a_worker_that_cannot_hand_over_its_hashes_says_how_many() {
    let mut redis = RedisServer::start();
    let (rng, hasher) = (Service::start("rng", &["--delay", "0"]), Service::start("hasher", &["--delay", "0"]));
    let (rng_url, hasher_url, redis_url) = (rng.url(), hasher.url(), redis.url());
    #[rustfmt::skip]
    let mut worker = Program::start(program("worker"), &[
        "--rng-url", &rng_url, "--hasher-url", &hasher_url, "--redis-url", &redis_url,
        "--think", "1ms", "--flush-interval", "50ms", "--drain-timeout", "500ms",
    ]);
    wait_for("some hashes", PATIENCE, || {
        let done = hasher.metric("hasher_requests_total{code=\"200\"}");
        if done > 20.0 { Ok(()) } else { Err(format!("{done}")) }
    });
    redis.kill();
    worker.wait_for_log("Redis takes nothing");
    let asked = Instant::now();
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(1));
    assert!(asked.elapsed() < PATIENCE);
    assert!(worker.log().contains("they are not counted"), "{}", worker.log());
}
