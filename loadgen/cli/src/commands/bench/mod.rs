//! Loads a URL and tells how it did.

mod folder;
mod live;
mod parts;
mod repeat;
mod report;
pub mod summary;
pub mod values;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use agents::{Part, Sender};
use anyhow::Context;
use instrument::config::{Config, Load};
use instrument::report::Report;
use instrument::result::Bench;
use instrument::schedule::Stage;
use instrument::target::Target;
use instrument::threshold::{Threshold, Verdict};

use super::WrongUsage;
use super::arrivals::ArrivalsArgs;
use super::out;
use super::request::RequestArgs;
use super::sender::SenderArgs;
use super::stop::stop_on_signals;
use folder::Folder;
use parts::Whole;
use repeat::Repeated;
use values::StageValue;
use watch::Watch;

/// Load a URL and tell how it did
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to send requests; `http://` may be left out
    url: String,

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

    #[command(flatten)]
    arrivals: ArrivalsArgs,

    /// Send requests for this long before measuring, at the rate with which the first stage begins
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = kit::settings::duration)]
    warm_up: Duration,

    /// At the end, wait this long for requests that were due before it
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = kit::settings::duration)]
    drain: Duration,

    #[command(flatten)]
    request: RequestArgs,

    #[command(flatten)]
    from: SenderArgs,

    /// End with exit code 3 when this holds: p50 to p99.99, max, mean, errors or rate, compared by < or >; several may be
    /// given [default: errors > 1%, unless one of them is about errors]
    #[arg(long, value_name = "CONDITION")]
    fail_if: Vec<Threshold>,

    /// Run so many times, one after the other, and tell what varies between the runs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=MOST_RUNS))]
    repeat: u32,

    /// Print the result as JSON instead of text
    #[arg(long)]
    json: bool,

    /// Write bench.json, bench.hlog (HdrHistogram's log format) and report.html into this directory; with --repeat into
    /// run-1, run-2 … in it, beside repeat.json
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replace a result that is in the directory already
    #[arg(long, requires = "out")]
    force: bool,

    /// No live view while the run lasts; there is none with --json either, nor where stderr is no terminal
    #[arg(short, long)]
    quiet: bool,
}

/// More runs than this are a typing error.
const MOST_RUNS: i64 = 1000;

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
  Five runs, to see what varies between runs and not only within one; compare takes all five:
    loadgen bench --repeat 5 --out before localhost:8002

Response times count from when a request was due, so that a server (or the load generator itself) that stands still
is seen in all requests that it held up. They are those of successes; errors are counted, and timed, apart.
Exit code 3 says that a condition of --fail-if holds; without one about errors, that more than 1 % of the requests were
errors. Exit code 4 says that the generator was the limit, and the summary says why. With --repeat these hold where they
do in any of the runs.";

impl Args {
    /// The run that the options ask for.
    fn config(&self) -> anyhow::Result<Config> {
        let target = Target::parse(&self.url)?;
        let open = self.rate.is_some() || !self.stage.is_empty();
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
        let mut config = Config::new(target);
        config.load = load.map_or(Load::Closed, |stages| Load::Open {
            stages,
            arrivals: self.arrivals.kind(),
            seed: self.arrivals.seed,
        });
        self.request.apply(&mut config)?;
        config.warm_up = self.warm_up;
        config.duration = duration;
        config.requests = self.requests;
        config.drain = self.drain;
        // Short runs get shorter intervals, so that their plots show something.
        config.interval = Duration::from_secs_f64((config.seconds().unwrap_or(60.0) / 60.0).clamp(0.1, 1.0));
        config.check()?;
        Ok(config)
    }
}

/// Runs the load and prints what it found.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.config().map_err(WrongUsage::new)?;
    let stop = stop_on_signals().context("the signals that end a run cannot be caught")?;
    let mut sender = args.from.sender(&stop)?;
    let mut folder = args.out.as_ref().map(|path| Folder::prepare(path, args.repeat > 1, args.force)).transpose()?;
    let mut runs: Vec<Run> = Vec::new();
    // What has been measured is told whatever happens then: a disk that is full must not cost it.
    let mut kept = Ok(());
    while runs.len() < args.repeat as usize && !runs.last().is_some_and(|run| run.report.interrupted) {
        let measured = once(args, &config, &stop, &mut sender, folder.as_ref().filter(|_| kept.is_ok()));
        let (run, logged) = match measured {
            Ok(measured) => measured,
            Err(error) if runs.is_empty() => return Err(error),
            Err(error) => {
                kept = kept.and(Err(error.context(format!("run {} failed", runs.len() + 1))));
                break;
            }
        };
        if let Some(folder) = &mut folder {
            kept = kept.and(folder.keep(runs.len() + 1, &run.whole(), logged));
        }
        runs.push(run);
    }
    match &runs[..] {
        [run] if args.repeat == 1 => print(args, &config, run)?,
        runs => {
            let all = Repeated::of(runs.iter().map(Run::whole).collect());
            if let Some(folder) = &folder {
                kept = kept.and_then(|()| folder.keep_all(&all));
            }
            print_all(args, runs, &all)?;
        }
    }
    kept?;
    Ok(code(&runs))
}

/// One run, with what was asked of it.
struct Run {
    report: Report,
    bench: Bench,
    parts: Vec<Part>,
    verdicts: Vec<Verdict>,
}

impl Run {
    fn whole(&self) -> Whole<'_> {
        Whole { bench: &self.bench, agents: &self.parts }
    }
}

/// Runs the load once. Whether its log could be written is told apart, since the run is worth something without.
fn once(
    args: &Args,
    config: &Config,
    stop: &AtomicBool,
    sender: &mut Sender,
    folder: Option<&Folder>,
) -> anyhow::Result<(Run, anyhow::Result<()>)> {
    let log = folder.map(Folder::log).transpose()?;
    let mut watch = Watch::new(config, sender.threads(config), log, args.quiet || args.json);
    let outcome = sender.run(config, stop, &mut watch);
    let logged = watch.finish();
    let (report, parts) = outcome?;
    let mut verdicts: Vec<_> = args.fail_if.iter().map(|threshold| threshold.judge(&report)).collect();
    if !args.fail_if.iter().any(Threshold::is_on_errors) {
        // What was not asked for is told only where it holds.
        verdicts.extend(Some(Threshold::on_errors().judge(&report)).filter(|verdict| verdict.failed));
    }
    Ok((Run { bench: Bench::of(config, &report), report, parts, verdicts }, logged))
}

/// Prints what one run found.
fn print(args: &Args, config: &Config, run: &Run) -> anyhow::Result<()> {
    if args.json {
        out::json(&run.whole())?;
        for verdict in run.verdicts.iter().filter(|verdict| verdict.failed) {
            anstream::eprintln!("loadgen: {verdict}");
        }
        return Ok(());
    }
    let mut text = String::new();
    summary::write(&mut text, config, &run.report)?;
    if !run.parts.is_empty() {
        parts::write(&mut text, &run.parts)?;
    }
    for verdict in &run.verdicts {
        text += &format!("{verdict}\n");
    }
    Ok(out::print(text)?)
}

/// Prints what several runs found, and what varies between them.
fn print_all(args: &Args, runs: &[Run], all: &Repeated<'_>) -> anyhow::Result<()> {
    let mut said = String::new();
    for (number, run) in runs.iter().enumerate() {
        let limits = run.report.generator.limits.iter().map(|limit| format!("THE GENERATOR WAS THE LIMIT: {limit}."));
        let verdicts = run.verdicts.iter().filter(|verdict| verdict.failed).map(Verdict::to_string);
        for line in limits.chain(verdicts) {
            said += &format!("run {}: {line}\n", number + 1);
        }
    }
    if args.json {
        out::json(all)?;
        anstream::eprint!("{said}");
    } else {
        out::print(format_args!("{}{said}", all.text()))?;
    }
    Ok(())
}

/// The exit code that says what was found: of several runs the worst.
fn code(runs: &[Run]) -> ExitCode {
    if runs.iter().any(|run| run.report.interrupted) {
        ExitCode::from(130)
    } else if runs.iter().any(|run| run.report.generator_was_the_limit()) {
        ExitCode::from(4)
    } else if runs.iter().any(|run| run.verdicts.iter().any(|verdict| verdict.failed)) {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    }
}
