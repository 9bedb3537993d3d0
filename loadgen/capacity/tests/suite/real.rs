//! The search against a real server, with the engine itself.

use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use agents::Sender;
use capacity::{Capacity, Driver as _, Evidence, Objective, Options, Trials, search};
use instrument::config::{Config, Load};
use instrument::schedule::{Arrivals, Stage};
use instrument::target::Target;
use testbed::{Program, binary, free_port, wait_for};

/// 2 slots of 20 ms: 100 a second. A machine that is busy makes it do less, and nothing makes it do more.
const MOST: f64 = 100.0;

/// The server, until it is dropped, and its port.
fn server() -> (Program, u16) {
    let port = free_port();
    let server =
        Program::start(binary("known"), &["serve", "--port", &port.to_string(), "--time", "20ms", "--slots", "2"]);
    wait_for("the server", Duration::from_secs(30), || {
        TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())
    });
    (server, port)
}

fn config(port: u16) -> Config {
    let mut config = Config::new(Target::parse(&format!("127.0.0.1:{port}")).expect("a URL"));
    config.load = Load::Open { stages: vec![Stage::constant(1.0, 1.0)], arrivals: Arrivals::Constant, seed: 1 };
    config.connections = 1000;
    config
}

/// So loose that the times of a short trial keep them at any rate.
fn loose() -> Vec<Objective> {
    Objective::all(vec!["mean < 5s".parse().expect("an objective")])
}

/// The answers of the drain once stood in the last slice, as if the server had caught up in it.
#[test]
fn a_trial_at_twice_the_capacity_shows_that_the_backlog_grows() {
    let (_server, port) = server();
    let (mut sender, stop) = (Sender::Here, AtomicBool::new(false));
    let mut trials = Trials::new(config(port), &mut sender, &stop);
    let mut evidence = Evidence::new(2.0 * MOST);
    evidence.add(&trials.trial(2.0 * MOST, Duration::from_secs(3), &loose()).expect("it can be run"));
    let judgement = evidence.judge(&loose());
    assert!(!judgement.holds && judgement.sure, "{judgement:?}");
    assert!(judgement.reason.contains("the backlog grows"), "{judgement:?}");
}

/// It once found more than twice as much.
#[test]
fn with_loose_objectives_a_server_of_slots_over_time_is_found_to_do_no_more() {
    let (_server, port) = server();
    let (mut sender, stop) = (Sender::Here, AtomicBool::new(false));
    let mut trials = Trials::new(config(port), &mut sender, &stop);
    let (step, confirm) = (Duration::from_secs(1), Duration::from_secs(2));
    let options = Options { step, confirm, tolerance: 0.2, ..Options::default() };
    let (answer, evidence) = search(&mut trials, &loose(), &options, &mut |_| {}).expect("it can be run");
    let found = Capacity::of("known", "constant", &loose(), &options, &answer, &evidence);
    // A starved machine may end the search as one whose generator was the limit.
    assert!(found.capacity_per_second.is_none_or(|rate| rate < 1.5 * MOST), "{}", found.sentence);
}
