//! Whatever a server does, each request that was due has exactly one outcome.

use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use crate::support::{OK, Server, read_request, reset, run};
use instrument::config::{Load, Opening};
use instrument::schedule::{Arrivals, Stage};
use proptest::prelude::*;

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
enum Act {
    Answer,
    AnswerError,
    AnswerAndClose,
    AnswerTooMuch,
    Close,
    Reset,
    Garbage,
    Half,
    Stall,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => Just(Act::Answer),
        2 => Just(Act::AnswerError),
        1 => Just(Act::AnswerAndClose),
        1 => Just(Act::AnswerTooMuch),
        1 => Just(Act::Close),
        1 => Just(Act::Reset),
        1 => Just(Act::Garbage),
        1 => Just(Act::Half),
        1 => Just(Act::Stall),
    ]
}

/// A server that goes through the acts in turn, whichever connection the requests come on.
fn server(acts: Vec<Act>) -> Server {
    let turn = Mutex::new(0);
    Server::start(move |stream, _| {
        while read_request(stream).is_some() {
            let act = {
                let mut turn = turn.lock().unwrap();
                *turn += 1;
                acts[*turn % acts.len()]
            };
            let (bytes, on): (&[u8], bool) = match act {
                Act::Answer => (OK, true),
                Act::AnswerError => (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", true),
                Act::AnswerAndClose => (OK, false),
                Act::AnswerTooMuch => (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhi", true),
                Act::Close => (b"", false),
                Act::Reset => {
                    reset(stream);
                    (b"", false)
                }
                Act::Garbage => (b"*1\r\n$4\r\nPING\r\n", true),
                Act::Half => (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhi", false),
                Act::Stall => (b"", true),
            };
            if stream.write_all(bytes).is_err() || !on {
                return;
            }
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn due_is_done_and_failed_and_unfinished(
        acts in prop::collection::vec(act(), 1..20),
        connections in 1_usize..12,
        threads in 1_usize..4,
        keep_alive: bool,
        counted: bool,
        warm_up in prop_oneof![Just(0_u64), Just(30)],
        up_front: bool,
        max_age in prop_oneof![Just(None), Just(Some(5))],
        rate in prop_oneof![Just(None), (100.0..4000.0_f64).prop_map(Some)],
    ) {
        let server = server(acts);
        let mut config = server.config();
        config.connections = connections;
        config.threads = threads.min(connections);
        config.request.keep_alive = keep_alive;
        config.requests = counted.then_some(60);
        config.duration = Some(Duration::from_millis(150));
        config.warm_up = Duration::from_millis(warm_up);
        config.drain = Duration::from_millis(20);
        config.timeout = Duration::from_millis(60);
        config.interval = Duration::from_millis(40);
        if let Some(rate) = rate {
            let stages = vec![Stage::constant(rate, 0.15)];
            config.load = Load::Open { stages, arrivals: Arrivals::Poisson, seed: 3 };
        }
        config.opening = if up_front { Opening::UpFront } else { Opening::AsNeeded };
        config.max_age = max_age.map(Duration::from_millis);
        let report = run(&config);
        let (total, counts) = (&report.total, &report.total.counts);
        if let Some(asked) = config.requests {
            prop_assert!(counts.due <= asked, "{counts:?}");
        }
        if rate.is_some() {
            prop_assert_eq!(total.slip.len(), counts.due - total.unsent);
        }
    }
}
