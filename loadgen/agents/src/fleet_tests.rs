//! The coordinator against agents that only speak.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use instrument::config::{Config, Load};
use instrument::machine::Machine;
use instrument::schedule::{Arrivals, Schedule, Stage};
use instrument::segment::Segment;
use instrument::tally::Tally;
use instrument::target::Target;
use instrument::{Interval, Observer};

use crate::counted::Counted;
use crate::link::Link;
use crate::message::{Answer, Finished, Order};
use crate::{Fleet, SILENCE, Token, clock};

/// Times of one generator, in the order of its requests.
fn response(request: u64) -> u64 {
    1_000_000 + request * 7_919 % 50_000_000
}

/// The open loop that is shared out: 4,000 requests in two seconds.
fn config() -> Config {
    let mut config = Config::new(Target::parse("http://nowhere.invalid/").expect("a URL"));
    config.load = Load::Open { stages: vec![Stage::constant(2000.0, 2.0)], arrivals: Arrivals::Poisson, seed: 5 };
    config.connections = 1000;
    config.duration = Some(Duration::from_secs(2));
    config
}

/// What an agent says at its end.
fn finished(due: u64) -> Finished {
    Finished {
        elapsed: 2_000_000_000,
        interrupted: false,
        due,
        threads: 1,
        cpu: 1_000_000,
        busy: 0.5,
        times: [0; 4],
        pauses: 0,
        longest_pause: None,
        limits: Vec::new(),
        slip: Some((Some(1_000), 2_000)),
        busiest: 1,
        addresses: Vec::new(),
    }
}

/// What each agent hands over, interval by interval: each of its requests takes what [`response`] says, and one request
/// is open at the end of each interval but the last.
fn parts(config: &Config, agents: usize) -> Vec<Vec<Counted>> {
    let Load::Open { stages, arrivals, seed } = &config.load else { panic!("an open loop") };
    let mut tally = Tally::default();
    let mut part = |index: usize| {
        let segment = Segment::new(index as u64, agents as u64).expect("it exists");
        let mut requests = Schedule::segment(stages, *arrivals, *seed, segment).zip(0..).peekable();
        let interval = |interval: u64| {
            tally.clear();
            let mut ended = 0;
            while let Some((_, k)) = requests.next_if(|(at, _)| at / 500_000_000 == interval) {
                // The number of a request is its place in the whole plan.
                tally.response.record(response(segment.first() + k * segment.step())).expect("within the bounds");
                ended += 1;
            }
            (tally.counts.done, tally.counts.ok) = (ended, ended);
            tally.counts.due = ended + u64::from(interval < 3) - u64::from(interval > 0);
            Counted::of(&tally, &[(interval, tally.counts.due)])
        };
        (0..4).map(interval).collect()
    };
    (0..agents).map(&mut part).collect()
}

/// An agent that sends nothing: it hands over what was prepared, and goes away without a word after so many intervals.
fn pretend(address: SocketAddr, token: &Token, parts: &[Vec<Counted>], intervals: usize) {
    let stream = TcpStream::connect(address).expect("the coordinator listens");
    let Link { sending, mut receiving, .. } = Link::of_agent(stream, token).expect("greeted");
    let mut own = None;
    // The coordinator ends it by closing the connection.
    while let Ok(order) = receiving.receive() {
        let sent = match order {
            Order::Hello => sending.send(&Answer::Hello(Machine::default())),
            Order::Beat => sending.send(&Answer::Beat),
            Order::Time { sent } => sending.send(&Answer::Time { sent, now: clock::now() }),
            Order::Prepare(plan) => {
                own = Some(plan.config().expect("a sound plan").segment.first() as usize);
                sending.send(&Answer::Ready)
            }
            Order::Begin { .. } => {
                let part = &parts[own.take().expect("prepared")];
                for (index, counted) in part.iter().enumerate().take(intervals) {
                    let answer = Answer::Interval { index: index as u64, counted: Box::new(counted.clone()) };
                    sending.send(&answer).expect("the coordinator listens");
                }
                if intervals < part.len() {
                    return;
                }
                let due = part.iter().flat_map(|counted| &counted.due).map(|(_, due)| due).sum();
                sending.send(&Answer::Finished(Box::new(finished(due))))
            }
            Order::Stop => Ok(()),
            Order::Quit => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// A fleet of so many, of which the first goes away after some intervals.
fn fleet(agents: usize, first: usize) -> Fleet {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, token) = (listener.local_addr().expect("bound"), Token::random());
    let parts = Arc::new(parts(&config(), agents));
    for index in 0..agents {
        let (token, parts) = (token.clone(), Arc::clone(&parts));
        thread::spawn(move || pretend(address, &token, &parts, if index == 0 { first } else { usize::MAX }));
    }
    let stop = AtomicBool::new(false);
    Fleet::gather(&listener, agents, &token, Duration::from_secs(120), &stop, &mut |_| {}).expect("all come")
}

/// Counts what an observer is told.
#[derive(Default)]
struct Seen(u64);

impl Observer for Seen {
    fn interval(&mut self, _: &Interval<'_>) {
        self.0 += 1;
    }
}

#[test]
fn two_hundred_agents_are_one_generator_with_the_same_arrivals() {
    let config = config();
    let mut seen = Seen::default();
    let outcome = fleet(200, usize::MAX).run(&config, &AtomicBool::new(false), &mut seen).expect("a run");
    let Load::Open { stages, arrivals, seed } = &config.load else { panic!("an open loop") };
    let mut alone = Tally::default();
    for number in 0..Schedule::new(stages, *arrivals, *seed).count() as u64 {
        alone.response.record(response(number)).expect("within the bounds");
    }
    let total = &outcome.report.total;
    assert_eq!(total.response, alone.response, "merged histograms are those of one generator");
    assert_eq!(total.counts.due, alone.response.len());
    assert!(total.counts.balances() && total.counts.unfinished == 0, "{:?}", total.counts);
    assert_eq!(seen.0, 800, "four intervals of each");
    assert_eq!(outcome.report.timeline.points().iter().map(|point| point.due).sum::<u64>(), total.counts.due);
    assert_eq!(outcome.parts.iter().map(|part| part.due).sum::<u64>(), total.counts.due);
    assert!(outcome.parts.iter().all(|part| part.lost.is_none()) && !outcome.report.generator_was_the_limit());
}

#[test]
fn agents_wait_until_there_is_something_to_do() {
    let mut fleet = fleet(2, usize::MAX);
    // Replicas that become healthy take longer than either side may be silent.
    let until = Instant::now() + SILENCE + Duration::from_secs(2);
    while Instant::now() < until {
        thread::park_timeout(until.saturating_duration_since(Instant::now()));
    }
    let outcome = fleet.run(&config(), &AtomicBool::new(false), &mut ()).expect("both are there");
    assert!(outcome.parts.iter().all(|part| part.lost.is_none()), "{:?}", outcome.parts);
}

#[test]
fn the_part_of_an_agent_that_dies_is_missing_and_the_others_stay_true() {
    let config = config();
    let outcome = fleet(3, 2).run(&config, &AtomicBool::new(false), &mut ()).expect("two are left");
    let lost: Vec<_> = outcome.parts.iter().filter(|part| part.lost.is_some()).collect();
    assert_eq!(lost.len(), 1, "{:?}", outcome.parts);
    let missing = lost[0].missing.expect("an open loop with an end can be counted out");
    let planned = {
        let Load::Open { stages, arrivals, seed } = &config.load else { panic!("an open loop") };
        Schedule::new(stages, *arrivals, *seed).count() as u64
    };
    let counts = outcome.report.total.counts;
    assert_eq!(counts.due + missing, planned, "what is missing is known to the request");
    assert!(counts.balances(), "{counts:?}");
    assert_eq!((lost[0].unfinished, counts.unfinished), (1, 1), "one request was under way when it died");
    let limits = &outcome.report.generator.limits;
    assert!(limits.len() == 1 && limits[0].contains("is missing from"), "{limits:?}");
    assert!(outcome.report.generator_was_the_limit(), "exit code 4");
    for part in outcome.parts.iter().filter(|part| part.lost.is_none()) {
        assert_eq!(part.due, part.done + part.failed + part.unfinished);
        assert!(part.due >= planned / 3);
    }
}

#[test]
fn a_fleet_that_lost_an_agent_runs_nothing_more() {
    let mut fleet = fleet(2, 1);
    fleet.run(&config(), &AtomicBool::new(false), &mut ()).expect("one is left");
    let error = fleet.run(&config(), &AtomicBool::new(false), &mut ()).expect_err("its part would be missing");
    assert!(error.to_string().starts_with("agent 127.0.0.1:"), "{error}");
}
