//! Agents that really send, in this process.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use agents::{Fleet, Heard, Token};
use instrument::config::{Config, Load};
use instrument::schedule::{Arrivals, Stage};
use instrument::target::Target;
use instrument::{Interval, Observer};

/// A server that answers everything.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
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

/// An agent in a thread, and what it says.
struct Agent {
    address: String,
    heard: Receiver<String>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Agent {
    fn start(token: &Token) -> Agent {
        Agent::on(TcpListener::bind("127.0.0.1:0").expect("a port"), token)
    }

    fn on(listener: TcpListener, token: &Token) -> Agent {
        let address = listener.local_addr().expect("bound").to_string();
        let (stop, (tell, heard), token) = (Arc::new(AtomicBool::new(false)), channel(), token.clone());
        let flag = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let tell = std::sync::Mutex::new(tell);
            let watch = |heard: Heard| {
                // A test that has seen enough listens no more.
                let _ = tell.lock().expect("nobody panics").send(format!("{heard:?}"));
            };
            agents::serve(&listener, &token, &flag, &watch).expect("it can wait");
        });
        Agent { address, heard, stop, thread: Some(thread) }
    }

    /// Waits until it says this.
    fn says(&self, what: &str) {
        let bound = Duration::from_secs(120);
        while !self.heard.recv_timeout(bound).expect("it says it in time").contains(what) {}
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic was printed already.
            let _ = thread.join();
        }
    }
}

fn config(seconds: f64) -> Config {
    let mut config = Config::new(Target::parse(&server().to_string()).expect("a URL"));
    config.load = Load::Open { stages: vec![Stage::constant(300.0, seconds)], arrivals: Arrivals::Poisson, seed: 3 };
    config.duration = Some(Duration::from_secs_f64(seconds));
    (config.connections, config.interval) = (60, Duration::from_millis(100));
    // A machine that is busy with other things answers late, not never.
    config.drain = Duration::from_secs(60);
    config
}

fn addresses(agents: &[Agent]) -> Vec<String> {
    agents.iter().map(|agent| agent.address.clone()).collect()
}

/// Does something when the first interval came.
struct First<F: FnMut()>(Option<F>);

impl<F: FnMut()> Observer for First<F> {
    fn interval(&mut self, _: &Interval<'_>) {
        if let Some(mut then) = self.0.take() {
            then();
        }
    }
}

#[test]
fn three_agents_send_exactly_what_one_would() {
    let token = Token::random();
    let agents: Vec<Agent> = (0..3).map(|_| Agent::start(&token)).collect();
    let config = config(1.0);
    let alone = instrument::run(&config, &AtomicBool::new(false), &mut ()).expect("a run");
    let mut fleet = Fleet::dial(&addresses(&agents), &token).expect("all obey");
    for _ in 0..2 {
        let outcome = fleet.run(&config, &AtomicBool::new(false), &mut ()).expect("a run");
        let counts = outcome.report.total.counts;
        assert_eq!(counts.due, alone.total.counts.due, "one schedule");
        assert!(counts.balances() && counts.unfinished == 0, "{counts:?}");
        assert_eq!(outcome.report.total.response.len(), counts.due);
        assert_eq!(outcome.parts.iter().map(|part| part.done).sum::<u64>(), counts.done);
        assert!(outcome.parts.iter().all(|part| part.lost.is_none() && part.due > 0), "{:?}", outcome.parts);
        assert!(outcome.parts.iter().all(|part| part.clock_error_ms.is_finite()), "{:?}", outcome.parts);
    }
}

#[test]
fn another_token_is_refused_and_the_agent_stays_at_its_post() {
    let token = Token::random();
    let agents = [Agent::start(&token)];
    let error = Fleet::dial(&addresses(&agents), &Token::random()).err().expect("it is refused");
    assert!(error.to_string().contains("does not have the same token"), "{error}");
    agents[0].says("Refused");
    assert!(Fleet::dial(&addresses(&agents), &token).is_ok(), "the right one is still welcome");
}

#[test]
fn a_second_coordinator_is_told_that_the_agent_is_busy() {
    let token = Token::random();
    let agents = [Agent::start(&token)];
    let _first = Fleet::dial(&addresses(&agents), &token).expect("it obeys");
    let error = Fleet::dial(&addresses(&agents), &token).err().expect("it is busy");
    assert!(error.to_string().contains("works for another coordinator"), "{error}");
}

#[test]
fn an_agent_that_is_ended_in_mid_run_is_missing_and_the_run_goes_on() {
    let token = Token::random();
    let mut agents: Vec<Agent> = (0..2).map(|_| Agent::start(&token)).collect();
    let mut fleet = Fleet::dial(&addresses(&agents), &token).expect("all obey");
    let dying = agents.remove(0);
    let flag = Arc::clone(&dying.stop);
    let mut observer = First(Some(|| flag.store(true, Ordering::Relaxed)));
    let outcome = fleet.run(&config(3.0), &AtomicBool::new(false), &mut observer).expect("one is left");
    assert!(outcome.parts[0].lost.is_some() && outcome.parts[1].lost.is_none(), "{:?}", outcome.parts);
    assert!(outcome.report.generator_was_the_limit());
    assert!(outcome.report.total.counts.balances());
}

#[test]
fn who_stops_the_coordinator_stops_the_agents() {
    let token = Token::random();
    let agents = [Agent::start(&token)];
    let mut fleet = Fleet::dial(&addresses(&agents), &token).expect("it obeys");
    let stop = AtomicBool::new(false);
    let mut observer = First(Some(|| stop.store(true, Ordering::Relaxed)));
    // An hour, unless it is stopped.
    let outcome = fleet.run(&config(3600.0), &stop, &mut observer).expect("a run");
    assert!(outcome.report.interrupted && outcome.parts[0].lost.is_none(), "{:?}", outcome.parts);
    drop(fleet);
    agents[0].says("Gone");
    assert!(Fleet::dial(&addresses(&agents), &token).is_ok(), "it waits for the next");
}

#[test]
fn an_agent_that_nobody_can_reach_comes_by_itself() {
    let token = Token::random();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let coordinator = listener.local_addr().expect("bound").to_string();
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (coordinator, token, stop) = (coordinator.clone(), token.clone(), Arc::clone(&stop));
            thread::spawn(move || agents::join(&coordinator, &token, &stop, &|_| {}))
        })
        .collect();
    let mut fleet =
        Fleet::gather(&listener, 2, &token, Duration::from_secs(60), &stop, &mut |_| {}).expect("both come");
    let outcome = fleet.run(&config(0.5), &stop, &mut ()).expect("a run");
    assert!(outcome.report.total.counts.balances() && outcome.parts.len() == 2);
    drop(fleet);
    for thread in threads {
        thread.join().expect("no panic").expect("it ends with its coordinator");
    }
}

#[test]
fn a_plan_that_no_agent_can_do_is_an_error_and_not_a_result() {
    let token = Token::random();
    let agents = [Agent::start(&token)];
    let mut fleet = Fleet::dial(&addresses(&agents), &token).expect("it obeys");
    let mut config = config(1.0);
    config.target = Target::parse("http://no-such-host.invalid/").expect("a URL");
    let error = fleet.run(&config, &AtomicBool::new(false), &mut ()).expect_err("there is no such host");
    assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
}

/// They speak as agents do, and then say nothing. One after the other they would take longer than an agent waits.
#[test]
fn strangers_that_say_nothing_hold_up_no_agent() {
    let token = Token::random();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let coordinator = listener.local_addr().expect("bound").to_string();
    let stranger = |_| {
        let mut stream = TcpStream::connect(&coordinator).expect("it listens");
        stream.write_all(b"swarmlab agent 10123456789abcdef").expect("sent");
        stream
    };
    let strangers: Vec<TcpStream> = (0..30).map(stranger).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let agent = thread::spawn({
        let (coordinator, token, stop) = (coordinator.clone(), token.clone(), Arc::clone(&stop));
        move || agents::join(&coordinator, &token, &stop, &|_| {})
    });
    let fleet = Fleet::gather(&listener, 1, &token, Duration::from_secs(120), &stop, &mut |_| {}).expect("it comes");
    drop((fleet, strangers));
    agent.join().expect("no panic").expect("it ends with its coordinator");
}

/// It once closed the ninth connection, which was the coordinator's.
#[test]
fn strangers_that_say_nothing_hold_up_no_coordinator() {
    let token = Token::random();
    let agent = Agent::start(&token);
    let strangers: Vec<TcpStream> = (0..30).map(|_| TcpStream::connect(&agent.address).expect("it listens")).collect();
    let fleet = Fleet::dial(std::slice::from_ref(&agent.address), &token).expect("it obeys");
    drop((fleet, strangers));
}

/// Set in the process that has no file descriptors left.
const WITHOUT_FILES: &str = "AGENT_WITHOUT_FILES";

/// The limit is a process's own, so the test is one of its own.
#[test]
fn an_agent_without_file_descriptors_waits_until_there_are_some() {
    let name = "an_agent_without_file_descriptors_waits_until_there_are_some";
    if std::env::var_os(WITHOUT_FILES).is_none() {
        let itself = std::env::current_exe().expect("its own file");
        let limited = format!("ulimit -n 64; exec '{}' --exact {name} --nocapture", itself.display());
        let output = Command::new("sh").args(["-c", &limited]).env(WITHOUT_FILES, "1").output().expect("a shell");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let token = Token::random();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let all: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let agents = [Agent::on(listener, &token)];
    agents[0].says("Deaf");
    drop(all);
    assert!(Fleet::dial(&addresses(&agents), &token).is_ok(), "it waits on");
}
