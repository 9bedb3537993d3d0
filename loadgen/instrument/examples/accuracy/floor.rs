//! How long an answer takes from the server to a client that only reads: a bare loop of sleep, write and read.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use instrument::clock;
use instrument::schedule::{Arrivals, Schedule, Stage};
use rustix::thread::ClockId;
use rustix::time::Timespec;

use crate::processors::Processors;
use crate::server::{Behaviour, Server};
use crate::tools::Load;
use crate::verdict::{is_disturbed, stolen};

/// As the first argument: this process is the bare client.
pub const ARGUMENT: &str = "--bare-client";

const SECOND: u64 = 1_000_000_000;

/// A run of the bare client.
pub struct Part {
    /// From when the server sent each answer to when the client had read it, in nanoseconds.
    pub back: Vec<u64>,
    /// From when each request was due to when the client had read its answer, in nanoseconds.
    pub whole: Vec<u64>,
    /// For how long it had no processor though it could have run, or the host had it, as a share of its time.
    pub starved: f64,
}

/// Runs of the bare client before and after a load generator's.
#[derive(Default)]
pub struct Floor {
    /// Its runs.
    pub parts: Vec<Part>,
}

/// How many runs make up a floor: their differences are its spread.
pub const PARTS: usize = 8;

impl Floor {
    /// For how long the client had no processor, as a share of its time.
    pub fn starved(&self) -> f64 {
        self.parts.iter().map(|part| part.starved).sum::<f64>() / self.parts.len().max(1) as f64
    }

    /// The runs from which so much more of the processor was taken than from the others that they say nothing.
    pub fn drop_disturbed(&mut self) {
        let mut shares: Vec<f64> = self.parts.iter().map(|part| part.starved).collect();
        shares.sort_by(f64::total_cmp);
        let usual = shares[shares.len() / 2];
        self.parts.retain(|part| !is_disturbed(part.starved, usual));
    }

    /// Adds runs of the bare client, each as long as a [`PARTS`]-th of the load.
    ///
    /// A run is a bare loop on one blocking socket against a server that is free whenever a request comes. It is a process
    /// of its own, with the priority that the load generators have. The service time is part of it since a processor that
    /// was idle for 2 ms wakes later than one that was idle for 20 µs.
    pub fn measure(&mut self, runs: usize, load: Load, service: u64, processors: &Processors) -> std::io::Result<()> {
        for _ in 0..runs {
            let before = stolen();
            let server = Server::start(Behaviour { service, stall: None }, processors);
            let rate = if service > 0 { load.rate.min(0.8e9 / service as f64) } else { load.rate };
            let seconds = load.seconds / PARTS as f64;
            let output = processors
                .client(std::env::current_exe()?)
                .args([ARGUMENT, &server.address.to_string(), &rate.to_string(), &seconds.to_string()])
                .stdin(Stdio::null())
                .stderr(Stdio::inherit())
                .output()?;
            let text = String::from_utf8_lossy(&output.stdout);
            let starved = text.lines().find_map(|line| line.strip_prefix(STARVED)?.parse::<f64>().ok());
            let starved = (starved.unwrap_or(0.0) / 1e9 + stolen() - before) / seconds;
            let times: Vec<(u64, u64)> = text
                .lines()
                .filter_map(|line| {
                    let (due, read) = line.split_once(' ')?;
                    Some((due.parse().ok()?, read.parse().ok()?))
                })
                .collect();
            // One connection, and one request at a time: the two are in the same order.
            let log = server.end();
            let answered = log.iter().filter_map(|served| served.answered);
            let back: Vec<u64> =
                times.iter().zip(answered).map(|((_, read), sent)| read.saturating_sub(sent)).collect();
            if back.is_empty() || back.len() != times.len() {
                return Err(std::io::Error::other("the bare client and the server did not see the same requests"));
            }
            let whole = times.iter().map(|(due, read)| read - due).collect();
            self.parts.push(Part { back, whole, starved });
        }
        Ok(())
    }

    /// Of all runs, from when the server sent each answer to when the client had read it.
    pub fn back(&self) -> Vec<u64> {
        self.parts.iter().flat_map(|part| part.back.iter().copied()).collect()
    }

    /// The median of what a request took the bare client, in nanoseconds.
    pub fn median(&self) -> u64 {
        let mut all: Vec<u64> = self.parts.iter().flat_map(|part| part.whole.iter().copied()).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or_default()
    }
}

/// The line in which the bare client says for how long it had no processor.
const STARVED: &str = "starved ";

/// The process that [`Floor::measure`] starts: prints for each request when it was due and when its answer was read.
pub fn client(mut arguments: impl Iterator<Item = String>) {
    let mut next = || arguments.next().expect("the suite gives address, rate and seconds");
    let address = next();
    let mut number = || next().parse::<f64>().expect("the suite gives numbers");
    let (rate, seconds) = (number(), number());
    let before = clock::thread_starved();
    let requests = requests(&address, rate, seconds).expect("loopback works");
    let starved = clock::thread_starved() - before;
    for (due, read) in requests {
        println!("{due} {read}");
    }
    println!("{STARVED}{starved}");
}

fn requests(address: &str, rate: f64, seconds: f64) -> std::io::Result<Vec<(u64, u64)>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    // The kernel may put off a timer by 50 µs otherwise, which the load generator does not let it do either.
    rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1))?;
    let start = clock::now();
    let mut buffer = [0; 1024];
    let mut times = Vec::with_capacity((rate * seconds) as usize + 1);
    for due in Schedule::new(&[Stage::constant(rate, seconds)], Arrivals::Constant, 0) {
        let due = start + due;
        let at = Timespec { tv_sec: (due / SECOND) as i64, tv_nsec: (due % SECOND) as i64 };
        rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &at)?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        if stream.read(&mut buffer)? == 0 {
            break;
        }
        times.push((due, clock::now()));
    }
    Ok(times)
}
