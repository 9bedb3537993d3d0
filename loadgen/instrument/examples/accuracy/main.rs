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
//! client's reading takes just before and after, or sends a request before it is due. A run from which the kernel or the host took the
//! processor, and not so from the bare client, is made again, and so is one about which the bare client's own runs differ too
//! much. With `--off-by-us 20` before the names, what loadgen says is made wrong by 20 µs, and the suite has to fail. Takes about
//! five minutes; the machine should have nothing else to do and two processors at least, one of which the server keeps busy.

mod floor;
mod processors;
mod server;
mod tools;
mod verdict;

use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use instrument::clock;
use instrument::schedule::{Arrivals, Schedule, Stage};
use instrument::tally::histogram;
use rustix::process::{Pid, Signal, kill_process};

use floor::{Floor, PARTS};
use processors::Processors;
use server::{Behaviour, Served, Server};
use tools::{Load, Percentiles, SHARES, Said, Tool};
use verdict::{Judge, is_disturbed, stolen, tolerance};

/// What loadgen says is made wrong by this before it is judged, to see that the suite finds it.
const OFF_BY: &str = "--off-by-us";

const SECOND: u64 = 1_000_000_000;

/// How often a run is made again at the most because the machine disturbed it.
const AGAIN: usize = 3;

/// The case that needs no server.
const HISTOGRAM: &str = "histogram of 1 million samples";

/// The clocks of two processes are read with this error, in nanoseconds.
const CLOCKS: u64 = 5_000;

/// A case: what the server does, what is asked of the tool, and whether the tool itself is stopped.
struct Case {
    name: &'static str,
    behaviour: Behaviour,
    load: Load,
    /// The tool is stopped from here to there, in nanoseconds from the first request.
    stopped: Option<Range<u64>>,
}

/// A tool's run of a case.
struct Measured {
    said: Said,
    /// What the server saw of it.
    log: Vec<Served>,
    /// When its first request was due by its own word, in nanoseconds by the monotonic clock.
    began: Option<u64>,
    /// The share of its time in which the tool could have run and had no processor, or the host had it.
    starved: f64,
}

impl Case {
    /// When requests are due, in nanoseconds from the begin.
    fn due(&self) -> Schedule {
        let arrivals = if self.load.poisson { Arrivals::Poisson } else { Arrivals::Constant };
        Schedule::new(&[Stage::constant(self.load.rate, self.load.seconds)], arrivals, 1)
    }

    /// The response times that are right, in nanoseconds and sorted: from when each request was due, by the schedule, to when
    /// the server sent its answer, by its log, and from then on what a client that only reads takes. What is not answered at
    /// the end of the run counts with its age.
    fn truth(&self, back: &[u64], measured: &Measured) -> Vec<u64> {
        let began = measured.began.unwrap_or_default();
        let end = began + (self.load.seconds * 1e9) as u64;
        let answers = measured.log.iter().map(|served| served.answered).chain(std::iter::repeat(None));
        let mut times: Vec<u64> = self
            .due()
            .zip(answers)
            .zip(back.iter().cycle())
            .map(|((due, answered), back)| {
                let read = answered.map_or(end, |answered| (answered + back).min(end));
                read.saturating_sub(began + due)
            })
            .collect();
        times.sort_unstable();
        times
    }

    /// How many requests came before they were due.
    fn early(&self, measured: &Measured) -> usize {
        let Some(began) = measured.began else { return 0 };
        self.due().zip(&measured.log).filter(|(due, served)| served.arrived + CLOCKS < began + due).count()
    }

    /// Runs a tool.
    fn measure(&self, tool: Tool, processors: &Processors) -> Option<Measured> {
        let server = Server::start(self.behaviour, processors);
        let before = stolen();
        let mut child = tool.start(&format!("http://{}/", server.address), self.load, processors).ok()?;
        let pid = Pid::from_child(&child);
        let first = loop {
            match server.first.load(Ordering::Relaxed) {
                // One that cannot reach the server ends and says why.
                0 if child.try_wait().ok()?.is_some() => break 0,
                0 => std::thread::park_timeout(Duration::from_millis(1)),
                first => break first,
            }
        };
        processors.make_ordinary(pid);
        if let Some(window) = &self.stopped {
            until(first + window.start);
            kill_process(pid, Signal::STOP).ok()?;
            until(first + window.end);
            kill_process(pid, Signal::CONT).ok()?;
        }
        let said = tool.said(&child.wait_with_output().ok()?)?;
        let starved = (said.starved_s + stolen() - before) / self.load.seconds;
        // The two clocks go at the same speed; how far they are apart is known by looking at both.
        let apart = UNIX_EPOCH.elapsed().ok()?.as_nanos() as f64 - clock::now() as f64;
        let began = said.started_unix_s.map(|at| (at * 1e9 - apart) as u64);
        Some(Measured { said, log: server.end(), began, starved })
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
        let times = self.truth(&floor.back(), measured);
        let by_part: Vec<Vec<u64>> = floor.parts.iter().map(|part| self.truth(&part.back, measured)).collect();
        let within = SHARES.map(|share| {
            tolerance(at(&times, share), &by_part.iter().map(|times| at(times, share)).collect::<Vec<_>>())
        });
        Judge {
            truth: SHARES.map(|share| at(&times, share)),
            within,
            neighbours: SHARES.map(|share| neighbours(&times, share)),
            max: at(&times, 1.0),
            early: self.early(measured),
        }
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

/// The response times just below and above a percentile, by rank, in milliseconds.
fn neighbours(sorted: &[u64], share: f64) -> (f64, f64) {
    let one = 1.0 / sorted.len() as f64;
    (at(sorted, share - one), at(sorted, share + one))
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

/// A verdict on a tool's figures.
fn in_words(misses: usize, by_rank: usize) -> String {
    match (misses, by_rank) {
        (0, _) => "right".to_owned(),
        (misses, 0) => format!("{misses} wrong"),
        (misses, by_rank) => format!("{misses} wrong, {by_rank} by a rank"),
    }
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
    if arguments.next_if(|argument| argument == processors::AWAKE).is_some() {
        processors::stay_awake();
    }
    let processors = Processors::divide();
    let _awake = processors.keep_awake();
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
        let (floor, ours) = case.measure_undisturbed(Tool::Loadgen, &processors);
        let Some(mut ours) = ours else {
            println!("| {:<43} | loadgen  | no figures |||||failed|", case.name);
            all_right = false;
            continue;
        };
        for figure in &mut ours.said.percentiles {
            *figure += off_by_ms;
        }
        let judge = case.judge(&floor, &ours);
        row(case.name, "truth", judge.truth, judge.max, &format!("floor {:.3}", floor.median() as f64 / 1e6));
        row("", "within", judge.within, f64::NAN, if judge.is_sharp() { "" } else { "too blunt" });
        if case.load.poisson {
            let rho = case.load.rate * case.behaviour.service as f64 / 1e9;
            let theory = SHARES.map(|share| m_d_1(rho, case.behaviour.service as f64 / 1e6, share));
            row("", "endless", theory, f64::INFINITY, "");
        }
        let misses = judge.misses(ours.said.percentiles);
        let mut verdict = in_words(misses, judge.by_rank(ours.said.percentiles));
        if judge.early > 0 {
            verdict += &format!(", {} early", judge.early);
        }
        all_right &= judge.is_sharp() && misses == 0 && judge.early == 0;
        row("", Tool::Loadgen.name(), ours.said.percentiles, ours.said.max, &verdict);
        // What a user of another tool reads about the same server.
        for tool in [Tool::Wrk, Tool::Wrk2, Tool::Oha] {
            if tool.program().is_none() || case.load.poisson || case.load.connections > 10 {
                continue;
            }
            let Some(Measured { said, .. }) = case.measure(tool, &processors) else {
                println!("| {:<43} | {:<8} | no figures |||||failed|", "", tool.name());
                continue;
            };
            // wrk prints no p99.9, which is no error of its own.
            let untold = said.percentiles.iter().filter(|value| value.is_nan()).count();
            let misses = judge.misses(said.percentiles) - untold;
            let verdict = in_words(misses, judge.by_rank(said.percentiles));
            row("", tool.name(), said.percentiles, said.max, &verdict);
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
