//! Every way in which a server can answer, or fail to, ends in the right count and never in a hang.

use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{OK, Server, answer_all, be_silent, check, read_request, reset, run};
use instrument::config::{Config, Load, Opening, Resolve};
use instrument::failure::Failure;
use instrument::report::{Error, Report};
use instrument::schedule::{Arrivals, Stage};
use instrument::segment::Segment;
use instrument::target::Target;

fn failed(report: &Report, kind: Failure) -> u64 {
    report.total.counts.failed[kind as usize]
}

#[test]
fn every_framing_is_read_to_its_end() {
    let many: String = (0..300).map(|n| format!("X-{n}: {}\r\n", "v".repeat(400))).collect();
    let giant = format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 2\r\n\r\nhi");
    let answers: [(&str, &[u8], u16, usize); 9] = [
        ("length", OK, 200, 1),
        ("chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nT: x\r\n\r\n", 200, 1),
        ("no content", b"HTTP/1.1 204 No Content\r\n\r\n", 204, 1),
        ("not modified", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, 1),
        ("interim", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 1),
        ("last", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", 200, 3),
        ("http/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, 3),
        ("too much", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more", 200, 3),
        ("giant head", giant.as_bytes(), 200, 1),
    ];
    for (name, answer, status, connections) in answers {
        let answer: Arc<[u8]> = answer.into();
        let server = Server::start(move |stream, _| answer_all(stream, &answer));
        let mut config = server.config();
        config.requests = Some(3);
        let report = run(&config);
        assert_eq!(report.total.counts.done, 3, "{name}: {:?}", report.total.counts);
        assert_eq!(report.total.statuses().collect::<Vec<_>>(), [(status, 3)], "{name}");
        assert_eq!(report.total.connections as usize, connections, "{name}");
        assert_eq!(server.accepted.load(Ordering::SeqCst), connections, "{name}");
    }
}

/// What a server said and did at once came with the event that connected, and was once never looked at again.
#[test]
fn a_server_may_answer_and_close_its_side_before_it_is_asked() {
    let server = Server::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        be_silent(stream);
    });
    let mut config = server.config();
    // While the engine opens so many, the server speaks on the first.
    (config.connections, config.requests) = (100, Some(300));
    for opening in [Opening::AsNeeded, Opening::UpFront] {
        config.opening = opening;
        let report = run(&config);
        assert_eq!(report.total.counts.error_answers(), 300, "{opening:?}: {:?}", report.total.counts);
    }
}

#[test]
fn an_answer_may_come_byte_by_byte() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let server = Server::start(move |stream, _| {
        while read_request(stream).is_some() {
            for byte in answer {
                stream.write_all(&[*byte]).unwrap();
                std::thread::yield_now();
            }
        }
    });
    let mut config = server.config();
    config.requests = Some(5);
    let report = run(&config);
    assert_eq!((report.total.counts.done, report.total.body_bytes), (5, 25));
}

#[test]
fn an_answer_without_length_ends_when_the_server_closes() {
    let server = Server::start(|stream, _| {
        read_request(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nuntil the end").unwrap();
    });
    let mut config = server.config();
    config.requests = Some(3);
    let report = run(&config);
    assert_eq!((report.total.counts.done, report.total.body_bytes, report.total.connections), (3, 39, 3));
}

#[test]
fn what_is_no_whole_answer_is_a_failure_of_its_kind() {
    let answers: [(&str, &[u8], Failure); 6] = [
        ("garbage", b"SSH-2.0-OpenSSH\r\n\r\n", Failure::Parse),
        ("nothing", b"", Failure::Closed),
        ("half a head", b"HTTP/1.1 200 OK\r\nConte", Failure::Closed),
        ("half a body", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi", Failure::Closed),
        ("half a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", Failure::Closed),
        ("a wrong chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Failure::Parse),
    ];
    for (name, answer, kind) in answers {
        let server = Server::start(move |stream, _| {
            read_request(stream);
            stream.write_all(answer).unwrap();
        });
        let mut config = server.config();
        config.requests = Some(3);
        let report = run(&config);
        assert_eq!(failed(&report, kind), 3, "{name}: {:?}", report.total.counts);
        assert_eq!(report.total.counts.due, 3, "{name}");
    }
}

#[test]
fn a_reset_is_told_from_a_close() {
    let server = Server::start(|stream, _| {
        read_request(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi").unwrap();
        reset(stream);
    });
    let mut config = server.config();
    config.requests = Some(3);
    let report = run(&config);
    assert_eq!(failed(&report, Failure::Reset), 3, "{:?}", report.total.counts);
}

#[test]
fn a_server_may_close_a_kept_connection_at_any_time() {
    // It says nothing of it: after each second answer the connection is simply closed. Whether the next request is on
    // its way by then is a matter of luck, and either way each request has one outcome.
    let server = Server::start(|stream, _| {
        for _ in 0..2 {
            read_request(stream);
            stream.write_all(OK).unwrap();
        }
    });
    let mut config = server.config();
    config.connections = 4;
    config.requests = Some(400);
    let report = run(&config);
    let counts = &report.total.counts;
    assert_eq!(counts.due, 400);
    assert_eq!(counts.done + failed(&report, Failure::Stale), 400, "{counts:?}");
    assert!(counts.done >= 200, "{counts:?}");
}

#[test]
fn bodies_arrive_whole_even_when_they_do_not_fit_the_socket() {
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let expected = body.clone();
    let server = Server::start(move |stream, _| {
        while let Some((head, body)) = read_request(stream) {
            assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
            let answer = if body == expected { OK } else { b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n" };
            stream.write_all(answer).unwrap();
        }
    });
    let mut config = server.config();
    config.requests = Some(3);
    config.request.method = "POST".into();
    config.request.body = body;
    let report = run(&config);
    assert_eq!(report.total.statuses().collect::<Vec<_>>(), [(200, 3)]);
}

#[test]
fn head_has_no_body_whatever_it_says() {
    let server = Server::start(|stream, _| answer_all(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"));
    let mut config = server.config();
    config.requests = Some(3);
    config.request.method = "HEAD".into();
    let report = run(&config);
    assert_eq!((report.total.counts.done, report.total.connections), (3, 1));
}

#[test]
fn without_keep_alive_each_request_has_a_connection() {
    let server = Server::start(|stream, _| {
        let (head, _) = read_request(stream).unwrap();
        assert!(head.contains("Connection: close\r\n"));
        stream.write_all(OK).unwrap();
        be_silent(stream);
    });
    let mut config = server.config();
    config.requests = Some(20);
    config.request.keep_alive = false;
    let report = run(&config);
    assert_eq!((report.total.counts.done, report.total.connections), (20, 20));
    assert_eq!(server.accepted.load(Ordering::SeqCst), 20);
}

#[test]
fn a_silent_server_is_a_timeout_recorded_with_its_time() {
    let server = Server::start(|stream, _| be_silent(stream));
    let mut config = server.config();
    config.connections = 2;
    config.requests = Some(4);
    config.timeout = Duration::from_millis(80);
    let report = run(&config);
    assert_eq!(failed(&report, Failure::Timeout), 4);
    assert!(report.total.response.min() >= 79_900_000, "{}", report.total.response.min());
}

#[test]
fn unfinished_requests_are_recorded_with_their_age() {
    let server = Server::start(|stream, _| be_silent(stream));
    let mut config = server.config();
    config.requests = None;
    config.connections = 3;
    config.duration = Some(Duration::from_millis(200));
    config.drain = Duration::ZERO;
    let report = run(&config);
    assert_eq!((report.total.counts.due, report.total.counts.unfinished), (3, 3));
    // Their age is what is left of 200 ms after the thread got to send them.
    assert!(report.total.response.min() >= 1_000_000, "{}", report.total.response.min());
}

#[test]
fn an_open_loop_accounts_for_every_request_of_its_schedule() {
    // One connection and a silent server: the first request is sent, the rest never is, and all have been due.
    let server = Server::start(|stream, _| be_silent(stream));
    let mut config = server.config();
    config.requests = None;
    config.duration = Some(Duration::from_millis(300));
    config.drain = Duration::ZERO;
    config.load = Load::Open { stages: vec![Stage::constant(1000.0, 0.3)], arrivals: Arrivals::Constant, seed: 1 };
    let report = run(&config);
    let total = &report.total;
    assert_eq!((total.counts.due, total.counts.unfinished, total.unsent), (300, 300, 299));
    // Their ages go evenly from 0 to 300 ms, so that half of them is over 150 ms.
    let median = total.response.value_at_quantile(0.5) as f64 / 1e6;
    assert!(median >= 149.0, "{median} ms");
}

#[test]
fn an_open_loop_sends_a_number_of_requests_from_several_threads() {
    let server = Server::start(|stream, _| answer_all(stream, OK));
    let mut config = server.config();
    config.connections = 8;
    config.threads = 3;
    config.requests = Some(101);
    config.load =
        Load::Open { stages: vec![Stage::constant(2000.0, f64::INFINITY)], arrivals: Arrivals::Poisson, seed: 5 };
    let report = run(&config);
    assert_eq!((report.total.counts.due, report.total.counts.done), (101, 101));
    assert_eq!(report.total.slip.len(), 101);
}

#[test]
fn the_warm_up_is_kept_apart() {
    let server = Server::start(|stream, _| answer_all(stream, OK));
    let mut config = server.config();
    config.requests = Some(50);
    config.warm_up = Duration::from_millis(100);
    config.load =
        Load::Open { stages: vec![Stage::constant(500.0, f64::INFINITY)], arrivals: Arrivals::Constant, seed: 1 };
    let report = run(&config);
    assert_eq!((report.total.warm_up.due, report.total.counts.due), (50, 50));
}

#[test]
fn a_warm_up_before_a_ramp_has_the_rate_with_which_the_ramp_begins() {
    let server = Server::start(|stream, _| answer_all(stream, OK));
    for (from, expected) in [(200.0, 20), (0.0, 0)] {
        let mut config = server.config();
        config.requests = Some(20);
        config.warm_up = Duration::from_millis(100);
        let stages = vec![Stage { seconds: 0.4, from, to: 400.0 }];
        config.load = Load::Open { stages, arrivals: Arrivals::Constant, seed: 1 };
        let report = run(&config);
        assert_eq!((report.total.warm_up.due, report.total.counts.due), (expected, 20), "from {from}/s");
    }
}

#[test]
fn generators_with_a_segment_each_send_one_plan_together() {
    let server = Server::start(|stream, _| answer_all(stream, OK));
    let mut sent = Vec::new();
    for index in 0..3 {
        let mut config = server.config();
        config.connections = 4;
        config.threads = 2;
        config.requests = Some(100);
        config.segment = Segment::new(index, 3).unwrap();
        config.load = Load::Open { stages: vec![Stage::constant(1000.0, 1.0)], arrivals: Arrivals::Constant, seed: 1 };
        sent.push(run(&config).total.counts.due);
        config.load = Load::Closed;
        sent.push(run(&config).total.counts.due);
    }
    assert_eq!(sent, [34, 34, 33, 33, 33, 33]);
}

#[test]
fn a_server_that_is_not_there_is_an_error_and_no_measurement() {
    let address = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap()
    };
    let config = Config::new(Target::parse(&address.to_string()).unwrap());
    let error = instrument::run(&config, &AtomicBool::new(false), &mut ()).unwrap_err();
    assert!(matches!(error, Error::Unreachable { kind: Failure::Refused, .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    let config = Config::new(Target::parse("http://no-such-host.invalid/").unwrap());
    let error = instrument::run(&config, &AtomicBool::new(false), &mut ()).unwrap_err();
    assert!(matches!(error, Error::Resolve { .. }), "{error}");
}

#[test]
fn a_name_with_several_addresses_is_tried_until_one_answers() {
    let server = Server::start(|stream, _| answer_all(stream, OK));
    for resolve in [Resolve::Once, Resolve::Each] {
        let mut config = server.config();
        config.target = Target::parse(&format!("localhost:{}", server.address.port())).unwrap();
        config.resolve = resolve;
        config.requests = Some(10);
        config.request.keep_alive = false;
        assert_eq!(run(&config).total.counts.done, 10);
    }
}

#[test]
fn a_run_that_is_stopped_reports_what_there_was() {
    let server = Server::start(|stream, _| answer_all(stream, OK));
    let mut config = server.config();
    config.requests = None;
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let report = std::thread::scope(|scope| {
        let run = scope.spawn(|| instrument::run(&config, &stop, &mut ()).unwrap());
        while server.accepted.load(Ordering::SeqCst) == 0 {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        stop.store(true, Ordering::SeqCst);
        run.join().unwrap()
    });
    check(&report);
    assert!(report.interrupted);
    assert!(report.elapsed < Duration::from_secs(20) && begun.elapsed() < Duration::from_secs(20));
}

/// Whoever is told of the run panics.
struct Panics;

impl instrument::Observer for Panics {
    fn started(&mut self, _at: std::time::SystemTime) {
        panic!("on purpose");
    }
}

#[test]
fn a_panic_of_the_first_thread_ends_the_others() {
    let server = Server::start(|stream, _| answer_all(stream, OK));
    let mut config = server.config();
    (config.connections, config.threads) = (2, 2);
    config.duration = Some(Duration::from_secs(3600));
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let running = std::thread::spawn(move || {
        let _told = tell;
        instrument::run(&config, &AtomicBool::new(false), &mut Panics).map(drop)
    });
    let waited = told.recv_timeout(Duration::from_secs(60));
    assert_eq!(waited, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "the threads wait at the gate for ever");
    assert!(running.join().is_err(), "it did not panic");
}
