//! Puts load generators to the test where the right answer is known by arithmetic.
//!
//! ```text
//! cargo build --release -p loadgen
//! cargo run --release -p instrument --example accuracy
//! cargo run --release -p instrument --example accuracy -- M/D/1     # only the cases with this in their name
//! ```
//!
//! Prints the table that stands in docs/accuracy.md, for loadgen and for whichever of wrk, wrk2 and oha is installed, and
//! ends with code 1 when loadgen misses a percentile by more than 1 % and by more than three times the spread of what a bare
//! client sees on the machine just before and after. A run from which the kernel or the host took the processor, and not so
//! from the bare client, is made again, and so is one about which the bare client's own runs differ too much. With
//! `--off-by-us 20` before the names, what loadgen says is made wrong by 20 µs, and the suite has to fail. Takes about four minutes; the machine should have nothing else to do and two
//! processors at least, one of which the server keeps busy.

mod floor;
mod processors;
mod server;
mod tools;
mod verdict;

use std::collections::VecDeque;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use instrument::clock;
use instrument::schedule::{Arrivals, Schedule, Stage};
use instrument::tally::histogram;
use rustix::process::{Pid, Signal, kill_process};

use floor::{Floor, PARTS, Wakes};
use processors::Processors;
use server::{Behaviour, Server};
use tools::{Load, Percentiles, SHARES, Tool};
use verdict::{Judge, is_disturbed, stolen, tolerance};

/// What loadgen says is made wrong by this before it is judged, to see that the suite finds it.
const OFF_BY: &str = "--off-by-us";

const SECOND: u64 = 1_000_000_000;

/// How often a run is made again at the most because the machine disturbed it.
const AGAIN: usize = 3;

/// The case that needs no server.
const HISTOGRAM: &str = "histogram of 1 million samples";

/// A bare client that reads an answer later than this, in nanoseconds, had no processor meanwhile.
const ASLEEP: u64 = 500_000;

/// A case: what the server does, what is asked of the tool, and whether the tool itself is stopped.
struct Case {
    name: &'static str,
    behaviour: Behaviour,
    load: Load,
    /// The tool is stopped from here to there, in nanoseconds from the first request.
    stopped: Option<Range<u64>>,
}

/// A tool's run of a case. Moments are in nanoseconds from the first request.
struct Measured {
    /// What the tool said, in milliseconds.
    percentiles: Percentiles,
    /// The longest response time that it said, in milliseconds.
    max: f64,
    /// When the tool was really stopped: a signal comes when it comes.
    stopped: Option<Range<u64>>,
    /// When the server had no processor.
    away: Vec<Range<u64>>,
    /// The share of its time in which the tool could have run and had no processor, or the host had it.
    starved: f64,
}

impl Case {
    /// The response times that are right, in nanoseconds, for requests that are due as scheduled, on a machine that wakes
    /// a bare client as late as it was seen to. A client that wakes late for one request is late for those that became due
    /// meanwhile, and what it sends late waits in the server's queue behind what it sent late before. A server that has no
    /// processor reads and answers when it has one again.
    fn truth(&self, floor: &[Wakes], measured: &Measured) -> Vec<u64> {
        let arrivals = if self.load.poisson { Arrivals::Poisson } else { Arrivals::Constant };
        let stages = [Stage::constant(self.load.rate, self.load.seconds)];
        let due: Vec<u64> = Schedule::new(&stages, arrivals, 1).collect();
        let origin = due[0];
        let end = (self.load.seconds * 1e9) as u64;
        let attended = |at: u64| {
            let next = measured.away.partition_point(|window| window.end <= at);
            measured.away.get(next).filter(|window| window.contains(&at)).map_or(at, |window| window.end)
        };
        let (mut free, mut last_sent) = (0, 0);
        // While the client did not run: from when it should have read an answer to when it did.
        let mut asleep: VecDeque<Range<u64>> = VecDeque::new();
        let mut times: Vec<u64> = due
            .iter()
            .zip(floor.iter().cycle())
            .map(|(due, wakes)| {
                let stopped = measured.stopped.as_ref().filter(|window| window.contains(&(due - origin)));
                let sendable = stopped.map_or(due - origin, |window| window.end);
                while asleep.front().is_some_and(|window| window.end <= sendable) {
                    asleep.pop_front();
                }
                let awake = asleep.front().filter(|window| window.contains(&sendable)).map_or(sendable, |w| w.end);
                let sent = last_sent.max(awake + wakes.late);
                last_sent = sent;
                let departure = attended(self.behaviour.departure(attended(sent), &mut free));
                let read = departure + wakes.rest;
                if wakes.rest > ASLEEP {
                    asleep.push_back(departure..read);
                }
                // What is not answered at the end of the run counts with its age.
                (read + origin).min(end) - due
            })
            .collect();
        times.sort_unstable();
        times
    }

    /// Runs a tool.
    fn measure(&self, tool: Tool, processors: &Processors) -> Option<Measured> {
        let server = Server::start(self.behaviour, processors);
        let before = stolen();
        let child = tool.start(&format!("http://{}/", server.address), self.load, processors).ok()?;
        let mut stopped = None;
        if let Some(window) = &self.stopped {
            let pid = Pid::from_child(&child);
            let first = loop {
                match server.first.load(Ordering::Relaxed) {
                    0 => std::thread::park_timeout(Duration::from_millis(1)),
                    first => break first,
                }
            };
            until(first + window.start);
            kill_process(pid, Signal::STOP).ok()?;
            let from = clock::now() - first;
            until(first + window.end);
            kill_process(pid, Signal::CONT).ok()?;
            stopped = Some(from..clock::now() - first);
        }
        let (percentiles, max, starved) = tool.percentiles(&child.wait_with_output().ok()?)?;
        let starved = (starved + stolen() - before) / self.load.seconds;
        let first = server.first.load(Ordering::Relaxed);
        let away = server.away().into_iter().filter(|window| window.end > first);
        let away = away.map(|window| window.start.saturating_sub(first)..window.end - first).collect();
        Some(Measured { percentiles, max, stopped, away, starved })
    }

    /// Runs the bare client until the floor has so many undisturbed runs, or too often.
    fn bare(&self, floor: &mut Floor, parts: usize, processors: &Processors) {
        for _ in 0..=AGAIN {
            let missing = parts.saturating_sub(floor.parts.len());
            floor.measure(missing, self.load, self.behaviour.service, processors).expect("loopback works");
            let before = floor.parts.len();
            floor.drop_disturbed();
            match before - floor.parts.len() {
                0 => break,
                dropped => {
                    eprintln!("accuracy: {}: disturbed runs of the bare client, made again: {dropped}", self.name)
                }
            }
        }
    }

    /// Runs a tool between two halves of the floor, again where the machine disturbed it more than the bare client or treated
    /// the bare client so differently from run to run that nothing can be told.
    fn measure_undisturbed(&self, tool: Tool, processors: &Processors) -> (Floor, Option<Measured>) {
        let mut tries = 0;
        loop {
            let mut floor = Floor::default();
            self.bare(&mut floor, PARTS / 2, processors);
            let measured = self.measure(tool, processors);
            self.bare(&mut floor, PARTS, processors);
            let Some(seen) = measured.as_ref().filter(|_| tries < AGAIN) else { return (floor, measured) };
            if is_disturbed(seen.starved, floor.starved()) {
                eprintln!(
                    "accuracy: {}: no processor in {:.2} % of the time, {:.2} % for the bare client: once more",
                    self.name,
                    100.0 * seen.starved,
                    100.0 * floor.starved(),
                );
            } else if !self.judge(&floor, seen).is_sharp() {
                eprintln!("accuracy: {}: the bare client's own runs differ too much: once more", self.name);
            } else {
                return (floor, measured);
            }
            tries += 1;
        }
    }

    /// What is right, and what may be missed.
    fn judge(&self, floor: &Floor, measured: &Measured) -> Judge {
        let times = self.truth(&floor.whole(), measured);
        let by_part: Vec<Vec<u64>> = floor.parts.iter().map(|part| self.truth(&part.wakes, measured)).collect();
        let within = SHARES.map(|share| {
            tolerance(at(&times, share), &by_part.iter().map(|times| at(times, share)).collect::<Vec<_>>())
        });
        Judge { truth: SHARES.map(|share| at(&times, share)), within, max: at(&times, 1.0) }
    }
}

fn until(at: u64) {
    while let Some(left) = at.checked_sub(clock::now()) {
        std::thread::park_timeout(Duration::from_nanos(left));
    }
}

fn at(sorted: &[u64], share: f64) -> f64 {
    let rank = ((share * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
    sorted[rank - 1] as f64 / 1e6
}

/// The quantile of the response time of an endless M/D/1 queue, for a load and a service time: what the figures of this
/// one sequence of arrivals lie around.
fn m_d_1(rho: f64, service_ms: f64, share: f64) -> f64 {
    // P(W <= t), with t in service times (Erlang 1909). Its terms alternate and cancel, so that it holds for small t only.
    let exact = |t: f64| {
        let mut factorial = 1.0;
        let mut sum = 0.0;
        for k in 0..=t.floor() as i32 {
            factorial *= f64::from(k.max(1));
            let x = rho * (f64::from(k) - t);
            sum += x.powi(k) / factorial * (-x).exp();
        }
        (1.0 - rho) * sum
    };
    // Beyond, the tail is exponential: its rate η solves ρ (e^η - 1) = η.
    let (mut low, mut high) = (1e-6, 10.0_f64);
    for _ in 0..100 {
        let eta = (low + high) / 2.0;
        if rho * eta.exp_m1() < eta { low = eta } else { high = eta }
    }
    let (eta, join) = (low, 12.0);
    let below = |t: f64| if t <= join { exact(t) } else { 1.0 - (1.0 - exact(join)) * (-eta * (t - join)).exp() };
    let (mut low, mut high) = (0.0, 1000.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if below(middle) < share { low = middle } else { high = middle }
    }
    service_ms * (1.0 + high)
}

fn cases() -> Vec<Case> {
    let load = Load { rate: 500.0, seconds: 10.0, connections: 10, poisson: false };
    let plain = Behaviour::default();
    let serial = |name, service, rate, seconds, poisson| Case {
        name,
        behaviour: Behaviour { service, stall: None },
        load: Load { rate, seconds, connections: 2000, poisson },
        stopped: None,
    };
    vec![
        Case {
            name: "server stalls 2 s in the middle",
            behaviour: Behaviour { stall: Some((4 * SECOND, 6 * SECOND)), ..plain },
            load,
            stopped: None,
        },
        Case {
            name: "server stalls to the end of the run",
            behaviour: Behaviour { stall: Some((8 * SECOND, 11 * SECOND)), ..plain },
            load,
            stopped: None,
        },
        Case { name: "generator stopped for 2 s", behaviour: plain, load, stopped: Some(4 * SECOND..6 * SECOND) },
        serial("service of 1 ms, 800/s (faster than due)", 1_000_000, 800.0, 5.0, false),
        serial("service of 1 ms, 1500/s (slower than due)", 1_000_000, 1500.0, 3.0, false),
        serial("M/D/1, service 2 ms, load 0.5", 2_000_000, 250.0, 16.0, true),
        serial("M/D/1, service 2 ms, load 0.8", 2_000_000, 400.0, 12.0, true),
        serial("M/D/1, service 2 ms, load 0.95", 2_000_000, 475.0, 12.0, true),
    ]
}

fn row(name: &str, who: &str, values: Percentiles, max: f64, verdict: &str) {
    print!("| {name:<43} | {who:<8} |");
    for value in values.into_iter().chain([max]) {
        if value.is_nan() { print!(" {:>9} |", "-") } else { print!(" {value:>9.3} |") }
    }
    println!(" {verdict} |");
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == floor::ARGUMENT).is_some() {
        floor::client(arguments);
        return ExitCode::SUCCESS;
    }
    let processors = Processors::divide();
    println!(
        "| {:<43} | {:<8} | {:>9} | {:>9} | {:>9} | {:>9} | {:>9} | |",
        "case (times in ms)", "who", "p50", "p90", "p99", "p99.9", "max"
    );
    println!("|{:-<45}|{:-<10}|{:->10}:|{:->10}:|{:->10}:|{:->10}:|{:->10}:|---|", "", "", "", "", "", "", "");
    let mut all_right = true;
    let off_by_ms = arguments.next_if(|argument| argument == OFF_BY).map_or(0.0, |_| {
        arguments.next().and_then(|number| number.parse::<f64>().ok()).expect("--off-by-us wants a number") / 1000.0
    });
    let wanted: Vec<String> = arguments.collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part));
    for case in cases().into_iter().filter(|case| is_wanted(case.name)) {
        let (floor, mut ours) = case.measure_undisturbed(Tool::Loadgen, &processors);
        for figure in ours.iter_mut().flat_map(|measured| &mut measured.percentiles) {
            *figure += off_by_ms;
        }
        let mut sorted: Vec<u64> = floor.whole().iter().map(|wakes| wakes.late + wakes.rest).collect();
        sorted.sort_unstable();
        let median = at(&sorted, 0.5);
        let others = [Tool::Wrk, Tool::Wrk2, Tool::Oha]
            .into_iter()
            .filter(|tool| tool.program().is_some() && !case.load.poisson && case.load.connections <= 10);
        let others = others.map(|tool| (tool, case.measure(tool, &processors)));
        for (tool, measured) in [(Tool::Loadgen, ours)].into_iter().chain(others) {
            let Some(measured) = measured else {
                println!("| {:<43} | {:<8} | no figures |||||failed|", case.name, tool.name());
                all_right &= tool != Tool::Loadgen;
                continue;
            };
            let judge = case.judge(&floor, &measured);
            if tool == Tool::Loadgen {
                row(case.name, "truth", judge.truth, judge.max, &format!("floor {median:.3}"));
                row("", "within", judge.within, f64::NAN, if judge.is_sharp() { "" } else { "too blunt" });
                all_right &= judge.is_sharp();
                if case.load.poisson {
                    let rho = case.load.rate * case.behaviour.service as f64 / 1e9;
                    let theory = SHARES.map(|share| m_d_1(rho, case.behaviour.service as f64 / 1e6, share));
                    row("", "endless", theory, f64::INFINITY, "");
                }
            }
            let values = measured.percentiles;
            // wrk prints no p99.9, which is no error of its own.
            let untold = values.iter().filter(|value| value.is_nan() && tool != Tool::Loadgen).count();
            let misses = judge.misses(values) - untold;
            all_right &= tool != Tool::Loadgen || misses == 0;
            let verdict = if misses == 0 { "right".to_owned() } else { format!("{misses} wrong") };
            row("", tool.name(), values, measured.max, &verdict);
        }
    }
    if is_wanted(HISTOGRAM) {
        all_right &= histogram_case();
    }
    if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The histogram beside an exact sort of the same samples, over six decades.
fn histogram_case() -> bool {
    let mut times = histogram();
    let mut samples: Vec<u64> = Schedule::new(&[Stage::constant(1e6, 1.0)], Arrivals::Poisson, 3)
        .scan(0, |last, due| Some(due - std::mem::replace(last, due)))
        .map(|gap| ((gap as f64 / 1000.0).powi(4) * 1000.0) as u64 + 20_000)
        .collect();
    for sample in &samples {
        times.saturating_record(*sample);
    }
    samples.sort_unstable();
    let exact = SHARES.map(|share| at(&samples, share));
    let ours = SHARES.map(|share| times.value_at_quantile(share) as f64 / 1e6);
    let good = ours.iter().zip(exact).all(|(ours, exact)| (ours - exact).abs() <= 0.001 * exact);
    row(HISTOGRAM, "sorted", exact, at(&samples, 1.0), "");
    row("", "loadgen", ours, times.max() as f64 / 1e6, if good { "right" } else { "wrong" });
    good
}
