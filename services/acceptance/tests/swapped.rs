//! The public application's parts beside ours: any of them can be taken from the other side.
//!
//! The peers are written in Python with the libraries that the public ones use; `apt-get install python3-flask
//! python3-redis python3-requests` installs what they need.

use std::process::Command;
use std::time::Duration;

use acceptance::{Service, program};
use testbed::{Program, RedisServer, free_port, get, post, wait_for};

const PATIENCE: Duration = Duration::from_secs(30);

/// The system's Python, for which the packages are.
const PYTHON: &str = "/usr/bin/python3";

fn peer(name: &str) -> Command {
    let mut command = Command::new(PYTHON);
    command.arg(format!("{}/peers/{name}.py", env!("CARGO_MANIFEST_DIR"))).env("DELAY", "0").env("THINK", "0.01");
    command
}

/// A peer that serves HTTP, and its address.
fn serving(name: &str, further: &[&str]) -> (Program, String) {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let program = Program::spawn(peer(name).arg(port.to_string()).args(further));
    wait_for(&format!("{name}.py"), PATIENCE, || {
        let log = program.log();
        assert!(!log.contains("ModuleNotFoundError"), "install python3-flask python3-redis python3-requests:\n{log}");
        get(&address, "/json").map(drop).map_err(|error| format!("{error}, log:\n{log}"))
    });
    (program, address)
}

/// What `/json` of a page says, as (coins, hashes); the public one gives hashes as a string, as Redis does.
fn numbers(page: &str) -> Option<(u64, u64)> {
    let body = get(page, "/json").ok().filter(|answer| answer.status == 200)?.body;
    let field = |name: &str| {
        let rest = body.split(&format!("\"{name}\":")).nth(1)?.trim_start().trim_start_matches('"');
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
    };
    assert!(body.contains("\"now\":"), "{body}");
    Some((field("coins")?, field("hashes")?))
}

fn mines(page: &str, program: &Program) -> (u64, u64) {
    wait_for("a coin among some hashes", PATIENCE, || match numbers(page) {
        Some((coins, hashes)) if coins > 0 && hashes > 20 => Ok((coins, hashes)),
        other => Err(format!("{other:?}, log:\n{}", program.log())),
    })
}

#[test]
fn their_worker_with_our_rng_and_hasher_and_both_pages() {
    let redis = RedisServer::start();
    let (rng, hasher) = (Service::start("rng", &["--delay", "0"]), Service::start("hasher", &["--delay", "0"]));
    let ours = Service::start("webui", &["--redis-url", &redis.url()]);
    let mut command = peer("worker");
    let mut worker =
        Program::spawn(command.env("RNG", rng.url()).env("HASHER", hasher.url()).env("REDIS", redis.url()));
    mines(&ours.address, &worker);
    worker.signal("TERM");
    worker.wait();
    let (_theirs, address) = serving("webui", &[&redis.url()]);
    let theirs = numbers(&address).expect("their page reads the same Redis");
    // Our page looks about once a second.
    wait_for("our page to show the same", PATIENCE, || match numbers(&ours.address) {
        Some(shown) if shown == theirs => Ok(()),
        other => Err(format!("{other:?} against {theirs:?}")),
    });
}

#[test]
fn our_worker_with_their_rng_and_hasher_and_page() {
    let redis = RedisServer::start();
    let ((rng, rng_at), (hasher, hasher_at)) = (serving("rng", &[]), serving("hasher", &[]));
    for keep_alive in ["false", "true"] {
        let (rng_url, hasher_url, redis_url) = (format!("http://{rng_at}"), format!("http://{hasher_at}"), redis.url());
        #[rustfmt::skip]
        let mut worker = Program::start(program("worker"), &[
            "--rng-url", &rng_url, "--hasher-url", &hasher_url, "--redis-url", &redis_url,
            "--think", "10ms", "--flush-interval", "100ms", "--keep-alive", keep_alive,
        ]);
        worker.wait_for_log("mining");
        wait_for("some hashes", PATIENCE, || {
            let posts = hasher.log().matches("POST / HTTP/1.1\" 200").count();
            if posts > 40 { Ok(()) } else { Err(format!("{posts}, log:\n{}", worker.log())) }
        });
        worker.signal("TERM");
        assert_eq!(worker.wait(), Some(0), "{}\n{}", worker.log(), rng.log());
        assert!(!worker.log().contains("WARN"), "{}", worker.log());
    }
    let (page, address) = serving("webui", &[&redis.url()]);
    mines(&address, &page);
}

#[test]
fn both_sides_answer_alike() {
    let ((_rng, their_rng), (_hasher, their_hasher)) = (serving("rng", &[]), serving("hasher", &[]));
    let (rng, hasher) = (Service::start("rng", &["--delay", "0"]), Service::start("hasher", &["--delay", "0"]));
    let kind = |head: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-type:")).expect("a type");
        line.split([':', ';']).nth(1).expect("a value").trim().to_ascii_lowercase()
    };
    for (ours, theirs, path) in [(&rng.address, &their_rng, "/"), (&hasher.address, &their_hasher, "/")] {
        let (ours, theirs) = (get(ours, path).expect("ours"), get(theirs, path).expect("theirs"));
        assert_eq!((ours.status, &ours.body, kind(&ours.head)), (theirs.status, &theirs.body, kind(&theirs.head)));
    }
    let (ours, theirs) = (get(&rng.address, "/32").expect("ours"), get(&their_rng, "/32").expect("theirs"));
    assert_eq!((ours.status, kind(&ours.head)), (theirs.status, kind(&theirs.head)));
    for body in [&b""[..], b"abc", &[0; 5000]] {
        let (ours, theirs) =
            (post(&hasher.address, "/", body).expect("ours"), post(&their_hasher, "/", body).expect("theirs"));
        assert_eq!((ours.status, ours.body, kind(&ours.head)), (theirs.status, theirs.body, kind(&theirs.head)));
    }
}
