//! ^C, ^\, and a reader that goes away.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::command::{BOUND, command, finish};
use super::server::Server;

/// Starts the command and reads until its first ping is shown.
fn pinging(args: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = command(args).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    until(&mut out, "seq=0");
    (child, out)
}

/// Reads lines up to the one that has `part`.
fn until(out: &mut impl BufRead, part: &str) {
    let mut line = String::new();
    while !line.contains(part) {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "the output ended before {part}");
    }
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn quit_prints_statistics_and_goes_on_and_interrupt_ends() {
    let server = Server::start();
    let (child, mut out) = pinging(&["-i", "10ms", &server.url()]);
    send(&child, Signal::QUIT);
    until(&mut out, "ping statistics");
    until(&mut out, "connected to");
    send(&child, Signal::INT);
    until(&mut out, "ping statistics");
    until(&mut out, "percentiles");
    assert_eq!(finish(child).code, 0, "without -c, ^C is how it ends");
}

#[test]
fn interrupt_before_the_count_is_reached_exits_130() {
    let server = Server::start();
    let (child, mut out) = pinging(&["-c", "1000000", "-i", "10ms", &server.url()]);
    send(&child, Signal::INT);
    until(&mut out, "ping statistics");
    assert_eq!(finish(child).code, 130);
}

#[test]
fn a_ping_that_waits_is_not_lost_in_the_summary() {
    let server = Server::start_with(60_000);
    let mut child = command(&[&server.url()]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    until(&mut out, "PING");
    let begun = Instant::now();
    while server.requests().is_empty() {
        assert!(begun.elapsed() < BOUND, "no request came within {BOUND:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    send(&child, Signal::TERM);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("1 connects, 0 ok, 0.00% failed"), "{rest}");
    assert!(rest.contains("1 of them has waited "), "{rest}");
    assert_eq!(finish(child).code, 127);
}

#[test]
fn a_reader_that_goes_away_ends_it_in_peace() {
    let server = Server::start();
    let (child, out) = pinging(&["-f", &server.url()]);
    drop(out);
    let done = finish(child);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
}
