//! Loads a URL and tells how it did.

mod live;
mod report;
mod summary;
mod values;
mod watch;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::commands::{WrongUsage, draw};
use anyhow::Context;
use instrument::config::{Config, Load, Opening, Resolve, Trust};
use instrument::report::Report;
use instrument::request::{Request, parse_header};
use instrument::result::Bench;
use instrument::schedule::{Arrivals, Stage};
use instrument::statuses::Statuses;
use instrument::target::Target;
use instrument::threshold::Threshold;

use values::{AddressValue, StageValue};
use watch::Watch;

/// Loads a URL and tells how it did
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to send requests; `http://` may be left out
    url: String,

    /// Connections, used in turn [default: 10; with a rate, as many as are needed, up to 1000]
    #[arg(short, long, value_name = "N")]
    connections: Option<usize>,

    /// How long to measure [default: 10s, unless --requests or --stage is given]
    #[arg(short, long, value_name = "TIME", value_parser = kit::settings::duration)]
    duration: Option<Duration>,

    /// How many requests to measure
    #[arg(short = 'n', long, value_name = "N")]
    requests: Option<u64>,

    /// Requests per second that are due whatever the server does (open loop); without it, each connection sends its
    /// next request when the last is answered (closed loop)
    #[arg(short, long, value_name = "RATE", value_parser = values::rate, conflicts_with = "stage")]
    rate: Option<f64>,

    /// A stage of an open loop, as 30s:500/s or as the ramp 30s:100..1000/s; several follow each other
    #[arg(long, value_name = "TIME:RATE[..RATE]", conflicts_with = "duration")]
    stage: Vec<StageValue>,

    /// How the requests of an open loop are spread
    #[arg(long, value_enum, default_value = "constant")]
    arrivals: ArrivalsValue,

    /// Seed of Poisson arrivals; the same seed gives the same arrivals
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,

    /// Send requests for this long before measuring, at the rate with which the first stage begins
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = kit::settings::duration)]
    warm_up: Duration,

    /// At the end, wait this long for requests that were due before it
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = kit::settings::duration)]
    drain: Duration,

    /// Method [default: GET; with a body POST]
    #[arg(short, long)]
    method: Option<String>,

    /// A header, as `Name: value`
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    headers: Vec<String>,

    /// Body of each request
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file")]
    body: Option<String>,

    /// File with the body of each request
    #[arg(long, value_name = "FILE")]
    body_file: Option<PathBuf>,

    /// Time that a request may take, connecting included
    #[arg(short, long, value_name = "TIME", default_value = "30s", value_parser = kit::settings::duration)]
    timeout: Duration,

    /// A new connection for each request
    #[arg(long)]
    no_keep_alive: bool,

    /// Threads that send [default: half the processors, at most one a connection]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// When to open connections: all of them before the first request, or one where none is free as a request is due
    /// [default: up-front with --connections and a rate, else as-needed]
    #[arg(long, value_enum, value_name = "WHEN")]
    open: Option<OpenValue>,

    /// Close a connection that is as old as this, once it is free
    #[arg(long, value_name = "TIME", value_parser = kit::settings::duration)]
    max_age: Option<Duration>,

    /// When to ask for the name's addresses: once, or for each new connection, taking them in turn
    #[arg(long, value_enum, default_value = "once")]
    resolve: ResolveValue,

    /// Send to this address instead of the name's own; with several and --resolve each, to each in turn
    #[arg(long, value_name = "IP[:PORT]")]
    address: Vec<AddressValue>,

    /// With https: trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    cacert: Option<PathBuf>,

    /// With https: do not check the server's certificate
    #[arg(short = 'k', long)]
    insecure: bool,

    /// Statuses that count as success, as 200..399 or 200..299,404; other answers count as errors
    #[arg(long, value_name = "STATUSES", default_value_t)]
    ok: Statuses,

    /// End with exit code 3 when this holds: p50 to p99.99, max, mean, errors or rate, compared by < or >; several may be
    /// given [default: errors > 1%, unless one of them is about errors]
    #[arg(long, value_name = "CONDITION")]
    fail_if: Vec<Threshold>,

    /// Print the result as JSON instead of text
    #[arg(long)]
    json: bool,

    /// Write bench.json, bench.hlog (HdrHistogram's log format) and report.html into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// No live view while the run lasts; there is none with --json either, nor where stderr is no terminal
    #[arg(short, long)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  As many requests as 50 connections get answered in 10 seconds:
    loadgen bench -c 50 localhost:8002
  500 requests per second, as from many independent users, for a minute:
    loadgen bench --rate 500 --arrivals poisson -d 1m http://localhost:8001/32
  Up from 100 to 1000 per second in half a minute, then stay for a minute:
    loadgen bench --stage 30s:100..1000/s --stage 1m:1000/s localhost:8002
  In a CI job: fail when one request in a hundred takes more than 50 ms, or any fails:
    loadgen bench --rate 200 --fail-if 'p99 > 50ms' --fail-if 'errors > 0' localhost:8002
  Keep the result, to compare it with a later one:
    loadgen bench --rate 200 --out before localhost:8002
    loadgen compare before/bench.json after/bench.json

Response times count from when a request was due, so that a server (or the load generator itself) that stands still
is seen in all requests that it held up. They are those of successes; errors are counted, and timed, apart.
Exit code 3 says that a condition of --fail-if holds; without one about errors, that more than 1 % of the requests were
errors. Exit code 4 says that the generator was the limit, and the summary says why.";

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ArrivalsValue {
    Constant,
    Poisson,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum OpenValue {
    UpFront,
    AsNeeded,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ResolveValue {
    Once,
    Each,
}

impl Args {
    /// The run that the options ask for.
    fn config(&self) -> anyhow::Result<Config> {
        let target = Target::parse(&self.url)?;
        let body = match (&self.body, &self.body_file) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(path)) => fs::read(path).with_context(|| format!("cannot read {}", path.display()))?,
            (None, None) => Vec::new(),
        };
        let has_body = self.body.is_some() || self.body_file.is_some();
        let method = self.method.clone().unwrap_or_else(|| if has_body { "POST" } else { "GET" }.to_owned());
        let headers = self.headers.iter().map(|header| parse_header(header)).collect::<Result<_, _>>()?;
        let open = self.rate.is_some() || !self.stage.is_empty();
        let connections = self.connections.unwrap_or(if open { 1000 } else { 10 });
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.unwrap_or_else(|| (processors / 2).clamp(1, connections.max(1)));
        let endless = self.requests.is_some() || !self.stage.is_empty();
        let duration = self.duration.or(if endless { None } else { Some(Duration::from_secs(10)) });
        let load = match self.rate {
            Some(rate) => {
                let seconds = duration.map_or(f64::INFINITY, |duration| duration.as_secs_f64());
                Some(vec![Stage::constant(rate, seconds)])
            }
            None if open => Some(self.stage.iter().map(|stage| stage.0).collect()),
            None => None,
        };
        let arrivals = match self.arrivals {
            ArrivalsValue::Constant => Arrivals::Constant,
            ArrivalsValue::Poisson => Arrivals::Poisson,
        };
        let mut config = Config::new(target);
        config.request = Request { method, headers, body, keep_alive: !self.no_keep_alive };
        config.load = load.map_or(Load::Closed, |stages| Load::Open { stages, arrivals, seed: self.seed });
        config.connections = connections;
        config.threads = threads;
        config.warm_up = self.warm_up;
        config.duration = duration;
        config.requests = self.requests;
        config.drain = self.drain;
        config.timeout = self.timeout;
        config.ok = self.ok.clone();
        // Who names a number of connections for a rate wants them used; the default is only a bound.
        let ahead = open && self.connections.is_some() && !self.no_keep_alive;
        config.opening = match self.open {
            Some(OpenValue::UpFront) => Opening::UpFront,
            Some(OpenValue::AsNeeded) => Opening::AsNeeded,
            None if ahead => Opening::UpFront,
            None => Opening::AsNeeded,
        };
        config.max_age = self.max_age;
        config.addresses = self.address.iter().map(|address| address.with_port(config.target.port)).collect();
        config.resolve = match self.resolve {
            ResolveValue::Once => Resolve::Once,
            ResolveValue::Each => Resolve::Each,
        };
        config.trust = match &self.cacert {
            _ if self.insecure => Trust::Anything,
            Some(path) => Trust::File(path.clone()),
            None => Trust::System,
        };
        // Short runs get shorter intervals, so that their plots show something.
        config.interval = Duration::from_secs_f64((config.seconds().unwrap_or(60.0) / 60.0).clamp(0.1, 1.0));
        config.check()?;
        Ok(config)
    }
}

/// Runs the load and prints what it found.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.config().map_err(WrongUsage::new)?;
    let log = match &args.out {
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
            let path = folder.join("bench.hlog");
            Some(File::create(&path).with_context(|| format!("cannot write {}", path.display()))?)
        }
        None => None,
    };
    let stop = stop_on_signals().context("the signals that end a run cannot be caught")?;
    let mut watch = Watch::new(&config, log, args.quiet || args.json);
    let outcome = instrument::run(&config, &stop, &mut watch);
    watch.finish()?;
    let report = outcome?;
    let result = Bench::of(&config, &report);
    if let Some(folder) = &args.out {
        write(folder, &result)?;
    }
    print(args, &config, &report, &result)
}

/// A flag that the first ^C or SIGTERM sets, which ends the run with a summary. The second ends the program at once.
fn stop_on_signals() -> std::io::Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if flag.swap(true, Ordering::Relaxed) {
                draw::give_back();
                // Both signals have a default, which is to end the program.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    })?;
    Ok(stop)
}

/// Writes the files of a result.
fn write(folder: &Path, result: &Bench) -> anyhow::Result<()> {
    let path = folder.join("bench.json");
    let json = serde_json::to_string_pretty(result)? + "\n";
    fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    let path = folder.join("report.html");
    fs::write(&path, report::html(result)).with_context(|| format!("cannot write {}", path.display()))
}

/// Prints what was found and gives the exit code that says it.
fn print(args: &Args, config: &Config, report: &Report, result: &Bench) -> anyhow::Result<ExitCode> {
    let mut verdicts: Vec<_> = args.fail_if.iter().map(|threshold| threshold.judge(report)).collect();
    if !args.fail_if.iter().any(Threshold::is_on_errors) {
        // What was not asked for is told only where it holds.
        verdicts.extend(Some(Threshold::on_errors().judge(report)).filter(|verdict| verdict.failed));
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(result)?);
        for verdict in verdicts.iter().filter(|verdict| verdict.failed) {
            anstream::eprintln!("loadgen: {verdict}");
        }
    } else {
        let mut text = String::new();
        summary::write(&mut text, config, report)?;
        for verdict in &verdicts {
            text += &format!("{verdict}\n");
        }
        anstream::print!("{text}");
    }
    Ok(if report.interrupted {
        ExitCode::from(130)
    } else if report.generator_was_the_limit() {
        ExitCode::from(4)
    } else if verdicts.iter().any(|verdict| verdict.failed) {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    })
}
