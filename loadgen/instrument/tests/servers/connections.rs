//! Connections: when they are opened, in which order they are used, and what it takes to give up.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{OK, Server, answer_all, read_request, run};
use instrument::config::{Config, Load, Opening, Resolve};
use instrument::schedule::{Arrivals, Stage};
use std::io::Write;

/// An open loop so slow that a connection is free long before the next request is due.
fn slow(config: &mut Config, connections: usize) {
    config.connections = connections;
    config.requests = Some(40);
    config.load = Load::Open { stages: vec![Stage::constant(100.0, 10.0)], arrivals: Arrivals::Constant, seed: 1 };
}

/// A server that counts the requests on each connection.
fn counting() -> (Server, Arc<Mutex<Vec<u64>>>) {
    let counts = Arc::<Mutex<Vec<u64>>>::default();
    let shared = Arc::clone(&counts);
    let server = Server::start(move |stream, number| {
        while read_request(stream).is_some() {
            let mut counts = shared.lock().unwrap();
            let length = counts.len().max(number + 1);
            counts.resize(length, 0);
            counts[number] += 1;
            drop(counts);
            if stream.write_all(OK).is_err() {
                return;
            }
        }
    });
    (server, counts)
}

#[test]
fn connections_that_are_opened_up_front_are_used_in_turn() {
    let (server, counts) = counting();
    let mut config = server.config();
    slow(&mut config, 4);
    config.opening = Opening::UpFront;
    let report = run(&config);
    assert_eq!((report.total.counts.done, report.total.connections), (40, 4));
    let counts = counts.lock().unwrap().clone();
    // Ten each, or nearly so where the machine has no time for a while.
    assert!(counts.len() == 4 && counts.iter().all(|&count| count >= 5), "{counts:?}");
    assert_eq!(report.usage.busiest, *counts.iter().max().unwrap());
    assert_eq!(report.usage.one_carried(40), None);
}

#[test]
fn one_connection_that_carries_everything_is_noticed() {
    let (server, _) = counting();
    let mut config = server.config();
    config.requests = Some(40);
    let report = run(&config);
    assert_eq!(report.total.connections, 1);
    assert_eq!(report.usage.one_carried(report.total.counts.done), Some(1.0));
}

#[test]
fn a_connection_that_is_too_old_takes_no_further_request() {
    let server = Server::start(|stream, _| answer_all(stream, OK));
    for (max_age, connections) in [(Duration::from_nanos(1), 40), (Duration::from_secs(600), 1)] {
        for load in [
            Load::Closed,
            Load::Open { stages: vec![Stage::constant(1e4, 1.0)], arrivals: Arrivals::Constant, seed: 1 },
        ] {
            let mut config = server.config();
            config.requests = Some(40);
            config.load = load;
            config.max_age = Some(max_age);
            let report = run(&config);
            assert_eq!((report.total.counts.done, report.total.connections), (40, connections));
        }
    }
}

/// Two servers that answer, and an address at which nothing listens.
fn addresses() -> ([Server; 2], SocketAddr) {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = || Server::start(|stream, _| answer_all(stream, OK));
    ([server(), server()], gone)
}

#[test]
fn the_first_of_several_addresses_may_be_dead() {
    let ([alive, _], gone) = addresses();
    let mut config = alive.config();
    config.addresses = vec![gone, alive.address];
    config.connections = 4;
    config.requests = Some(40);
    let report = run(&config);
    assert_eq!((report.total.counts.done, report.total.counts.failures()), (40, 0));
    let answers = |address| report.usage.addresses.iter().find(|used| used.address == address).map(|used| used.answers);
    assert_eq!((answers(alive.address), answers(gone)), (Some(40), Some(0)));
    assert_eq!(report.usage.idle(), (1, 2), "the dead one is told as unused");
}

#[test]
fn each_address_of_a_name_is_counted() {
    let ([one, two], _) = addresses();
    let mut config = one.config();
    config.addresses = vec![one.address, two.address];
    config.resolve = Resolve::Each;
    config.connections = 4;
    config.requests = Some(40);
    config.request.keep_alive = false;
    let report = run(&config);
    let counts: Vec<_> = report.usage.addresses.iter().map(|used| (used.connections, used.answers)).collect();
    assert_eq!(counts, [(20, 20), (20, 20)], "they are taken in turn");
}

#[test]
fn a_connection_up_front_that_is_lost_is_opened_again() {
    // The server ends its first connection before that could carry anything.
    let server = Server::start(|stream, number| {
        if number > 0 {
            answer_all(stream, OK);
        }
    });
    let mut config = server.config();
    slow(&mut config, 4);
    config.opening = Opening::UpFront;
    let report = run(&config);
    let counts = &report.total.counts;
    // The request that comes while the connection is being lost may fail with it.
    assert!(counts.done >= 39 && report.total.connections >= 5, "{counts:?}, {} opened", report.total.connections);
}

#[test]
fn a_server_that_is_not_there_up_front_is_an_error() {
    let ([alive, _], gone) = addresses();
    let mut config = alive.config();
    slow(&mut config, 2);
    config.opening = Opening::UpFront;
    config.addresses = vec![gone];
    config.requests = Some(1);
    let error = instrument::run(&config, &AtomicBool::new(false), &mut ()).unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}
