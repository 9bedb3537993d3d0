//! What `loadgen bench` draws on a terminal, and that it gives the terminal back.

mod terminal;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use rustix::process::{Pid, Signal, kill_process};
use terminal::Terminal;

const HIDE: &str = "\x1b[?25l";
const SHOW: &str = "\x1b[?25h";

/// A server that answers every request alike.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|count| count > 0) {
                    if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// How many lines of a terminal the pictures in some output take. Each begins where the last one began, or the terminal
/// would show a part of one twice.
fn heights(output: &str) -> Vec<usize> {
    let pictures: Vec<&str> = output.split("\x1b[J").filter(|picture| picture.contains('\n')).collect();
    let heights: Vec<usize> = pictures.iter().map(|picture| picture.matches('\n').count()).collect();
    for (height, next) in heights.iter().zip(&pictures[1..]) {
        assert!(next.starts_with(&format!("\r\x1b[{height}A")), "{height} lines up in {next:?}");
    }
    heights
}

#[test]
fn the_picture_is_drawn_in_place_and_the_cursor_comes_back_at_an_interrupt() {
    let mut terminal = Terminal::new(80, 24);
    let url = server().to_string();
    let child = terminal.run(&["bench", "--rate", "200", "-d", "10m", &url], &[("NO_COLOR", "1")]);
    let mut drawn = terminal.read_until("slip p99");
    drawn += &terminal.read_until("slip p99");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    drawn += &terminal.read_until(SHOW);
    assert!(drawn.starts_with(HIDE) && drawn.matches(HIDE).count() == 1, "{drawn:?}");
    for part in ["offered", "answered", "response  p50", "in flight", "█"] {
        assert!(drawn.contains(part), "{part} is missing in {drawn:?}");
    }
    let heights = heights(&drawn);
    assert!(heights.len() >= 3 && heights.iter().all(|height| *height <= 12), "{heights:?}");
    assert!(!drawn.contains("\x1b[1m"), "NO_COLOR was set: {drawn:?}");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("(interrupted)"));
}

#[test]
fn the_cursor_comes_back_when_two_signals_end_the_program() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = listener.local_addr().unwrap().to_string();
    let mut terminal = Terminal::new(80, 24);
    let child = terminal.run(&["bench", "-c", "1", "-d", "10m", &url], &[]);
    terminal.read_until(HIDE);
    // Stopped, it cannot end by itself before both have come; one of each kind, since two of the same would be one.
    let pid = Pid::from_child(&child);
    for signal in [Signal::STOP, Signal::INT, Signal::TERM, Signal::CONT] {
        kill_process(pid, signal).unwrap();
    }
    terminal.read_until(SHOW);
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success(), "{output:?}");
}

#[test]
fn there_is_no_picture_where_it_is_not_wanted() {
    let url = server().to_string();
    for wish in ["--quiet", "--json"] {
        let mut terminal = Terminal::new(80, 24);
        let child = terminal.run(&["bench", "-n", "20", "--rate", "100", wish, &url], &[]);
        let output = child.wait_with_output().unwrap();
        assert!(!output.stdout.is_empty(), "{output:?}");
        assert_eq!(terminal.rest(), "", "with {wish}");
    }
}
