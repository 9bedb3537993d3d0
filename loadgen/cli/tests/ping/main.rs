//! `loadgen ping` as a process: what it prints, and how it exits.

mod command;
mod https;
mod server;
mod signals;

use command::ping;
use server::{Server, nobody};

#[test]
fn lines_and_summary_have_httpings_shape() {
    let server = Server::start();
    let done = ping(&["-c", "2", "-i", "1ms", "-s", &server.url()]);
    assert_eq!(done.code, 0, "{done:?}");
    let lines: Vec<_> = done.out.lines().collect();
    let at = server.address;
    assert_eq!(lines[0], format!("PING {at} (/):"));
    for seq in [0, 1] {
        let line = lines[seq + 1];
        assert!(line.starts_with(&format!("connected to {at} (38 bytes), seq={seq} time=")), "{line}");
        assert!(line.ends_with(" ms 200 OK"), "{line}");
    }
    assert_eq!(lines[3], format!("--- http://{at}/ ping statistics ---"));
    assert!(lines[4].starts_with("2 connects, 2 ok, 0.00% failed, time "), "{}", lines[4]);
    assert!(lines[5].starts_with("round-trip min/avg/max = "), "{}", lines[5]);
    assert!(lines[6].starts_with("percentiles p50 = "), "{}", lines[6]);
    assert_eq!(lines.len(), 7, "{done:?}");
    assert!(server.requests()[0].starts_with("HEAD / HTTP/1.1\r\n"), "{:?}", server.requests());
}

#[test]
fn nothing_is_slept_after_the_last_ping() {
    // With the pause in it this would take a day; the harness ends it long before.
    assert_eq!(ping(&["-c", "1", "-i", "1440m", &Server::start().url()]).code, 0);
}

#[test]
fn method_headers_and_body_arrive() {
    let server = Server::start();
    let done = ping(&["-c", "1", "-H", "X-Lab: three", "--body", "hello", &server.url()]);
    assert_eq!(done.code, 0, "{done:?}");
    let sent = &server.requests()[0];
    assert!(
        sent.starts_with("POST / ") && sent.contains("X-Lab: three\r\n") && sent.ends_with("\r\n\r\nhello"),
        "{sent}"
    );
    ping(&["-c", "1", "-G", &server.url()]);
    ping(&["-c", "1", "-X", "options", &server.url()]);
    let sent = server.requests();
    assert!(sent[1].starts_with("GET / ") && sent[2].starts_with("OPTIONS / "), "{sent:?}");
}

#[test]
fn a_kept_connection_is_used_again() {
    let server = Server::start();
    let done = ping(&["-c", "5", "-i", "1ms", "-Q", &server.url()]);
    assert!(done.out.contains("pinged host") && !done.out.contains("ms C"), "{done:?}");
    assert_eq!((server.requests().len(), server.connections()), (5, 1));
    ping(&["-c", "5", "-f", &server.url()]);
    assert_eq!((server.requests().len(), server.connections()), (10, 6), "without -Q each ping has its own");
}

#[test]
fn nobody_there_exits_127_and_says_what_to_do() {
    let nobody = nobody();
    let done = ping(&["-c", "2", "-i", "1ms", &nobody.to_string()]);
    assert_eq!(done.code, 127, "{done:?}");
    let refused = format!("could not connect to {nobody} (Connection refused), seq=0; is the service running");
    assert!(done.out.contains(&refused), "{done:?}");
    assert!(done.out.contains("2 connects, 0 ok, 100.00% failed"), "{done:?}");

    let done = ping(&["-c", "3", "no-such-host.invalid"]);
    assert_eq!(done.code, 127, "{done:?}");
    assert!(
        done.out.contains("could not resolve no-such-host.invalid (") && done.out.contains("1 connects"),
        "{done:?}"
    );
    let done = ping(&["-c", "3", "-i", "1ms", "-W", "no-such-host.invalid"]);
    assert!(done.out.contains("3 connects, 0 ok"), "with -W it goes on: {done:?}");
}

#[test]
fn one_answer_is_enough_for_exit_0() {
    let server = Server::start();
    let done = ping(&["-c", "1", &nobody().to_string(), &server.url()]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("gave no answer"), "{done:?}");
}

#[test]
fn wrong_usage_exits_2_and_names_the_fault() {
    for (args, says) in [
        (&["ftp://x"] as &[&str], "neither http nor https"),
        (&["-i", "0", "x"], "write -f"),
        (&["-i", "soon", "x"], "'soon' for '--interval"),
        (&["-f", "-i", "1", "x"], "cannot be used with"),
        (&["-4", "-6", "x"], "cannot be used with"),
        (&["-G", "-X", "PUT", "x"], "cannot be used with"),
        (&["-q", "-M", "x"], "cannot be used with"),
        (&["-6", "127.0.0.1"], "only IPv6"),
        (&["-t", "0", "x"], "timeout of zero"),
        (&["-c", "0", "x"], "'--count"),
        (&["-n", "5,3", "x"], "warning's limit"),
        (&["-H", "nonsense", "x"], "Name: value"),
        (&["-H", "Content-Length: 3", "x"], "cannot be set"),
        (&["--body", "@/no/such/file", "x"], "No such file"),
        (&["-o", "20", "x"], "no answer has that status"),
        (&["--live", "x"], "terminal"),
        (&[], "<URL>"),
    ] {
        let done = ping(args);
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{args:?}: {done:?}");
        assert!(done.err.contains(says), "{args:?}: {done:?}");
    }
}

#[test]
fn json_has_every_phase_and_a_summary() {
    let server = Server::start();
    let done = ping(&["-c", "2", "-i", "1ms", "-M", &server.url(), &nobody().to_string()]);
    let all: Vec<serde_json::Value> =
        serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done:?}"));
    let of = |kind: &str| all.iter().filter(|value| value["type"] == kind).collect::<Vec<_>>();
    let (pings, summaries) = (of("ping"), of("summary"));
    assert_eq!((pings.len(), summaries.len(), of("comparison").len()), (4, 2, 1));
    for ok in pings.iter().filter(|ping| ping["status"] == 1) {
        let phases = ["resolve_ms", "connect_ms", "tls_ms", "write_ms", "wait_ms", "read_ms"];
        let sum: f64 = phases.iter().map(|name| ok[name].as_f64().unwrap()).sum();
        assert!((sum - ok["total_ms"].as_f64().unwrap()).abs() < 1e-4, "{ok}");
        assert_eq!((&ok["http_code"], &ok["msg"]), (&200.into(), &"200 OK".into()));
    }
    assert_eq!(pings.iter().filter(|ping| ping["error"] == "refused").count(), 2);
    assert_eq!((&summaries[0]["ok"], &summaries[1]["failures"]["refused"]), (&2.into(), &2.into()));
    assert!(summaries[0]["p50_ms"].as_f64() >= summaries[0]["min_ms"].as_f64());
}

#[test]
fn scripts_get_numbers_and_the_quiet_get_nothing() {
    let server = Server::start();
    let done = ping(&["-c", "3", "-i", "1ms", "-m", "-s", &server.url()]);
    let rows: Vec<Vec<_>> = done.out.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(rows.len(), 3, "{done:?}");
    assert!(rows.iter().all(|row| row[0].parse::<f64>().unwrap() > 0.0 && row[1..] == ["200"]), "{done:?}");
    let done = ping(&["-c", "1", "-q", &server.url()]);
    assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (0, "", ""));
    assert_eq!(ping(&["-c", "1", "-q", &nobody().to_string()]).code, 127);
}

#[test]
fn nagios_gets_its_line_and_codes() {
    let server = Server::start();
    let check = |limits: &str, url: &str| ping(&["-c", "1", "-n", limits, url]);
    let fine = check("60000,60000", &server.url());
    assert!(fine.code == 0 && fine.out.starts_with("OK - average ping time is "), "{fine:?}");
    assert!(fine.out.contains("|ping=") && fine.out.lines().count() == 1, "{fine:?}");
    let slow = check("0,60s", &server.url());
    assert!(slow.code == 1 && slow.out.starts_with("WARNING - "), "{slow:?}");
    let bad = check("0,0", &server.url());
    assert!(bad.code == 2 && bad.out.starts_with("CRITICAL - "), "{bad:?}");
    let dead = check("100,200", &nobody().to_string());
    assert!(dead.code == 2 && dead.out.starts_with("CRITICAL - connecting failed: could not connect"), "{dead:?}");
}

#[test]
fn two_urls_are_compared() {
    let (slow, fast) = (Server::start_with(30), Server::start());
    let done = ping(&["-c", "8", "-i", "1ms", &slow.url(), &fast.url()]);
    let last = done.out.lines().last().unwrap();
    assert!(last.starts_with(&format!("{} is ", slow.address)), "{done:?}");
    assert!(last.contains(&format!(" times slower than {} (", fast.address)) && last.ends_with(" at p50)"), "{last}");
    assert!(done.out.contains("     ok  failed       min       p50       p90       max"), "{done:?}");
}

#[test]
fn codes_that_are_not_ok_are_failures() {
    let done = ping(&["-c", "1", "-o", "204,301", &Server::start().url()]);
    assert_eq!(done.code, 127, "{done:?}");
    assert!(done.out.contains("was 200 OK, seq=0"), "{done:?}");
}

#[test]
fn a_timeout_is_a_failure_with_its_phase() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let done = ping(&["-c", "1", "-t", "0.05", &silent.local_addr().unwrap().to_string()]);
    assert_eq!(done.code, 127);
    assert!(done.out.contains("no answer within 50ms (while waiting for the first byte), seq=0; -t sets"), "{done:?}");
}

#[test]
fn colours_stay_out_of_files() {
    let done = ping(&["-c", "1", "-Y", &Server::start().url()]);
    assert!(!done.out.contains('\x1b'), "{done:?}");
}

#[test]
fn help_has_examples_and_exit_codes() {
    let done = ping(&["--help"]);
    assert_eq!(done.code, 0);
    for part in ["Examples:", "which is slower?", "Exit codes:", "127", "SIGQUIT", "--insecure"] {
        assert!(done.out.contains(part), "{part} is missing: {}", done.out);
    }
}
