//! What comes after the measured time belongs to none of its intervals.

use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::support::{OK, Server, read_request, run};
use instrument::config::{Config, Load};
use instrument::report::Report;
use instrument::result::Bench;
use instrument::schedule::{Arrivals, Stage};

/// Lets a time pass.
fn pass(time: Duration) {
    let begun = Instant::now();
    while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// A server that takes 10 ms for each request, one at a time: 100 a second.
fn hundred_a_second() -> Server {
    let one = Mutex::new(());
    Server::start(move |stream, _| {
        while read_request(stream).is_some() {
            let turn = one.lock().unwrap();
            pass(Duration::from_millis(10));
            drop(turn);
            if stream.write_all(OK).is_err() {
                return;
            }
        }
    })
}

/// 200 requests a second, for a second of ten intervals.
fn twice_as_many(server: &Server, threads: usize) -> Config {
    let mut config = server.config();
    (config.requests, config.duration) = (None, Some(Duration::from_secs(1)));
    (config.connections, config.threads) = (200, threads);
    config.interval = Duration::from_millis(100);
    config.drain = Duration::from_secs(10);
    config.load = Load::Open { stages: vec![Stage::constant(200.0, 1.0)], arrivals: Arrivals::Constant, seed: 1 };
    config
}

/// The successes that the intervals of the run have, and those that came after them.
fn split(report: &Report) -> (u64, u64) {
    let points = report.timeline.points().iter();
    points.fold((0, 0), |(during, after), point| match point.first < 10 {
        true => (during + point.ok, after),
        false => (during, after + point.ok),
    })
}

/// The last interval once had all answers of the drain, so that no backlog was ever seen to grow.
#[test]
fn answers_of_the_drain_are_in_no_interval_of_the_run() {
    let server = hundred_a_second();
    for threads in [1, 2] {
        let config = twice_as_many(&server, threads);
        let report = run(&config);
        let (during, after) = split(&report);
        assert_eq!(during, report.total.completions, "what came within the second, and nothing else");
        assert!(after >= 50, "a second is not enough for 200 requests, of which {after} came after it");
        let bench = Bench::of(&config, &report);
        let windows = bench.timeline.iter().filter(|point| point.to_s > point.from_s);
        assert_eq!(windows.filter_map(|point| point.ok).sum::<u64>(), during, "bench.json says the same");
    }
}

/// The time that its last answers took was once taken for time in which requests were due: 67/s where 100/s were asked for.
#[test]
fn a_slow_service_was_asked_for_as_many_as_a_quick_one() {
    let server = Server::start(|stream, _| {
        while read_request(stream).is_some() {
            pass(Duration::from_millis(300));
            stream.write_all(OK).unwrap();
        }
    });
    let mut config = server.config();
    (config.requests, config.duration, config.connections) = (Some(20), None, 20);
    let stages = vec![Stage::constant(100.0, f64::INFINITY)];
    config.load = Load::Open { stages, arrivals: Arrivals::Constant, seed: 1 };
    let report = run(&config);
    // The histogram is right to one in a thousand. On a machine that does nothing else the slowest is as quick as the quickest.
    let response = &report.total.response;
    let wander = Duration::from_nanos((response.max() - response.min()) + response.max() / 500);
    let elapsed = report.elapsed;
    assert!(elapsed >= Duration::from_millis(200) && elapsed <= Duration::from_millis(200) + wander, "{elapsed:?}");
}
