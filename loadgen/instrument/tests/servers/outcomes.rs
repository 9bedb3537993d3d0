//! An answer is not a success: what came of requests is told apart.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{OK, Server, answer_all, be_silent, read_request, run};
use instrument::config::Load;
use instrument::schedule::{Arrivals, Stage};

const SHED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_server_that_sheds_all_load_answers_nothing() {
    let server = Server::start(|stream, _| answer_all(stream, SHED));
    let mut config = server.config();
    config.requests = Some(40);
    let report = run(&config);
    let (total, counts) = (&report.total, &report.total.counts);
    assert_eq!((counts.due, counts.done, counts.ok, counts.error_answers()), (40, 40, 0, 40));
    assert_eq!((report.rate(), report.error_share()), (0.0, 1.0));
    assert_eq!((total.response.len(), total.service.len(), total.error_response.len()), (0, 0, 40));
    let points = report.timeline.points();
    assert_eq!(
        points.iter().map(|point| (point.ok, point.failed)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)),
        (0, 40)
    );
}

#[test]
fn times_of_successes_and_of_errors_are_kept_apart() {
    let turn = AtomicBool::new(false);
    let server = Server::start(move |stream, _| {
        while read_request(stream).is_some() {
            let bytes = if turn.fetch_xor(true, Ordering::SeqCst) { SHED } else { OK };
            stream.write_all(bytes).unwrap();
        }
    });
    let mut config = server.config();
    config.requests = Some(40);
    let report = run(&config);
    assert_eq!((report.total.counts.ok, report.total.counts.errors()), (20, 20));
    assert_eq!((report.total.response.len(), report.total.error_response.len()), (20, 20));
    config.ok = "200,503".parse().unwrap();
    let report = run(&config);
    assert_eq!((report.total.counts.ok, report.errors()), (40, 0), "it counts as it was asked to");
    config.ok = "404".parse().unwrap();
    assert_eq!(run(&config).errors(), 40, "what was asked for did not come");
}

#[test]
fn a_schedule_lasts_until_its_end_and_not_until_its_last_request() {
    let server = Server::start(|stream, _| answer_all(stream, OK));
    let mut config = server.config();
    config.requests = None;
    config.duration = None;
    let stages = vec![Stage { seconds: 0.2, from: 0.0, to: 100.0 }, Stage::constant(0.0, 0.3)];
    config.load = Load::Open { stages, arrivals: Arrivals::Constant, seed: 1 };
    let report = run(&config);
    assert_eq!(report.elapsed, Duration::from_millis(500));
    assert_eq!(report.due_rate(), 20.0);
    // Ten requests at 100/s take a tenth of a second, and more only where an answer came later.
    config.requests = Some(10);
    config.load = Load::Open { stages: vec![Stage::constant(100.0, 9.0)], arrivals: Arrivals::Constant, seed: 1 };
    assert!(run(&config).due_rate() <= 100.0);
}

#[test]
fn requests_are_due_in_the_interval_that_the_schedule_says_however_late_they_are_sent() {
    // One connection and a silent server: one request is sent, and nothing else happens until the end.
    let server = Server::start(|stream, _| be_silent(stream));
    let mut config = server.config();
    config.requests = None;
    config.duration = Some(Duration::from_millis(300));
    config.drain = Duration::ZERO;
    config.interval = Duration::from_millis(100);
    let stages = vec![Stage { seconds: 0.2, from: 0.0, to: 1000.0 }, Stage::constant(500.0, 0.1)];
    config.load = Load::Open { stages, arrivals: Arrivals::Constant, seed: 1 };
    let report = run(&config);
    let due: Vec<u64> = report.timeline.points().iter().map(|point| point.due).collect();
    assert_eq!(due, [25, 75, 50, 0], "the last point is what had no outcome at the end");
}

/// 20 requests are due in 0.4 s, and each takes 0.3 s: three of four answers come after the measured time.
#[test]
fn a_slow_service_that_answers_all_that_is_due_does_not_do_less_than_a_quick_one() {
    let server = Server::start(|stream, _| {
        while read_request(stream).is_some() {
            std::thread::park_timeout(Duration::from_millis(300));
            stream.write_all(OK).unwrap();
        }
    });
    let mut config = server.config();
    (config.requests, config.duration) = (None, None);
    config.connections = 20;
    config.load = Load::Open { stages: vec![Stage::constant(50.0, 0.4)], arrivals: Arrivals::Constant, seed: 1 };
    let report = run(&config);
    let counts = &report.total.counts;
    assert_eq!((counts.due, counts.ok, counts.unfinished), (20, 20, 0), "{counts:?}");
    assert!((report.rate() - 50.0).abs() < 1e-6, "{}", report.rate());
}
