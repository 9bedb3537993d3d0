//! What `loadgen` draws on a terminal, and that it gives the terminal back.

mod terminal;

use std::net::SocketAddr;

use rustix::process::{Pid, Signal, kill_process};
use terminal::Terminal;

const HIDE: &str = "\x1b[?25l";
const SHOW: &str = "\x1b[?25h";

/// A server that answers every request alike.
fn server() -> SocketAddr {
    testbed::server(testbed::OK).0
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
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
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

/// The sentence that compares two URLs with long names was once as wide as both of them.
#[test]
fn a_comparison_of_pings_is_as_wide_as_the_terminal() {
    let urls = [(); 2].map(|()| format!("http://{}/a-path", server()));
    let mut terminal = Terminal::new(60, 24);
    let child = terminal.print(&["ping", "-c", "1", &urls[0], &urls[1]]);
    let shown = terminal.rest();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{shown} {output:?}");
    let (_, sentence) = shown.split_once("max\r\n").expect("a table");
    let words = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("1 ping cannot prove it"), "{shown}");
    // Below the two rows of the table.
    let lines: Vec<&str> = sentence.lines().skip(2).map(str::trim_end).collect();
    assert!(lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= 60), "{shown}");
}
