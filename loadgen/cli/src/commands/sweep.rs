//! `loadgen sweep`: the scaling experiment.

mod coins;
mod elsewhere;
mod progress;
mod range;
mod service;
mod told;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use kit::settings;
use sweep::file::Found;
use sweep::grid::Grid;
use sweep::result::{Settings, Sweep};
use sweep::run::Watcher;
use sweep::verdict::GENERATOR;
use sweep::{files, table};
use tokio_util::sync::CancellationToken;

use self::progress::Progress;
use super::out;
use super::prose::prose;
use super::results;

/// A step whose throughput varies so much that it is not known by then is measured no longer.
const LONGEST_MEASURE: Duration = Duration::from_secs(15);

/// The exit code where the load generator was the limit.
const GENERATOR_WAS_THE_LIMIT: u8 = 4;

/// The exit code after ^C.
const INTERRUPTED: u8 = 130;

/// Measure throughput and latency while a service is scaled, and name the bottleneck
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  loadgen sweep                              ten steps, 1 to 10 workers, everything in this process
  loadgen sweep --set rng=3                  the same with three replicas of rng
  loadgen sweep --workers 1,2,5,10 --measure 10s --repeats 3 --out monday
  loadgen sweep --scale rng --replicas 1..5 --set worker=10
  loadgen sweep --workers 1..10 --grid rng=1..3      a map: workers across, replicas of rng up
  loadgen sweep --command './server --port {port}' --replicas 1..4 --load 'capacity:p99<50ms' --need 5000/s
  loadgen sweep --service shop_web --url http://shop_web:8080/ --replicas 1..8 --load closed:64
  loadgen sweep --think 0 --rng-delay 0 --hasher-delay 0 --rng-concurrency 0 --keep-alive

It writes sweep.json, sweep.csv, HDR logs and report.html; a grid writes grid.json and grid.csv, and each row's files in
a folder of their own. ^C ends it early and writes the steps that were finished.")]
pub struct Args {
    /// Where the application runs [default: embedded; swarm with --service]
    #[arg(long, value_enum)]
    platform: Option<Where>,
    /// Numbers of workers, as a range or a list: 1..10, or 1,2,5,10
    #[arg(long, value_parser = range::replicas, value_name = "N", conflicts_with = "replicas")]
    workers: Option<range::Replicas>,
    /// The service whose replicas are swept
    #[arg(long, default_value = "worker", value_name = "SERVICE")]
    scale: String,
    /// Numbers of replicas of that service, as a range or a list [default: 1..10; 1..4 with --command]
    #[arg(long, value_parser = range::replicas, value_name = "N")]
    replicas: Option<range::Replicas>,
    /// Fixed replicas of another service, as rng=3; may be given several times
    #[arg(long, value_parser = sweep::counts::assignment, value_name = "SERVICE=N")]
    set: Vec<(String, u32)>,
    /// A second service and its numbers of replicas, as rng=1..3: the whole sweep is done for each of them
    #[arg(long, value_parser = sweep::counts::axis, value_name = "SERVICE=N")]
    grid: Option<(String, Vec<u32>)>,
    /// Measure each step until its throughput is known to within this
    #[arg(long, value_parser = range::precision, default_value = "1%", value_name = "PERCENT", conflicts_with = "measure")]
    precision: f64,
    /// Measure each step for this long, however sure its throughput is by then
    #[arg(long, value_parser = range::span, value_name = "TIME")]
    measure: Option<Duration>,
    /// How long a step may take to become steady; for a loop and a third where that takes longer
    #[arg(long, value_parser = range::span, default_value = "15s", value_name = "TIME")]
    settle: Duration,
    /// How many times the whole range is measured
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100), value_name = "N")]
    repeats: u32,
    /// Probes a second of each service
    #[arg(long, default_value_t = 20.0, value_parser = range::rate, value_name = "N")]
    probe_rate: f64,
    /// Folder for the files [default: one under sweeps/, named after the date and time]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Replace a result that is in the folder already
    #[arg(long)]
    force: bool,
    /// Print sweep.json to standard output instead of the table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    service: service::ServiceArgs,
    #[command(flatten)]
    embedded: coins::EmbeddedArgs,
    #[command(flatten)]
    deployed: DeployedArgs,
    /// This is a run that was sent to where it measures: tell all of it, in lines of JSON
    #[arg(long, hide = true)]
    inside: bool,
}

/// Where the application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Where {
    /// In this process, on loopback: no Docker, no Redis
    Embedded,
    /// In containers of this host, as `docker compose` started them
    Compose,
    /// On a Swarm, as `docker stack deploy` or `docker service create` made it
    Swarm,
}

/// Where what is deployed is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What is deployed (--platform compose, swarm)")]
struct DeployedArgs {
    /// The engine, of a manager for a Swarm: unix:///path or tcp://host:port
    #[arg(long, env = "DOCKER_HOST", value_name = "URL")]
    docker_host: Option<String>,
    /// The compose project
    #[arg(long, default_value = "dockercoins", value_name = "NAME")]
    project: String,
    /// The stack; services made without one are found by their own names
    #[arg(long, default_value = "dockercoins", value_name = "NAME")]
    stack: String,
    /// Image of loadgen for the task that measures; without it this program is carried there
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// How long scaling may take until all tasks run and are healthy
    #[arg(long, value_parser = settings::duration, default_value = "90s", value_name = "TIME")]
    converge: Duration,
}

/// Runs the experiment, writes the files and prints the table.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = args.out.clone().unwrap_or_else(default_folder);
    let found = runtime()?.block_on(async {
        let any_service = args.service.is_asked_for();
        if any_service { service::sweep(args, &folder).await } else { coins::sweep(args, &folder).await }
    })?;
    match found {
        found if args.inside => {
            told::Told::from(found).say();
            Ok(ExitCode::SUCCESS)
        }
        Found::Sweep(sweep) if sweep.steps.is_empty() => Ok(nothing_found(&folder)),
        Found::Grid(grid) if grid.rows.is_empty() => Ok(nothing_found(&folder)),
        Found::Sweep(sweep) => report(&sweep, args, &folder),
        Found::Grid(grid) => report_grid(&grid, args, &folder),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    kit::host::raise_file_limit();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads to run on")
}

/// Cancelled by ^C or SIGTERM. A second one ends the program at once where nothing has to be put back.
fn stop(args: &Args) -> anyhow::Result<CancellationToken> {
    let deployed = args.service.is_deployed() || !matches!(args.platform, None | Some(Where::Embedded));
    if !args.inside && !deployed {
        return Ok(kit::start::stop_on_signals());
    }
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let (token, inside) = (stop.clone(), args.inside);
    tokio::spawn(async move {
        for signals in 1.. {
            tokio::select! { _ = term.recv() => {} _ = interrupt.recv() => {} }
            match on_signal(signals, inside) {
                OnSignal::Stop => token.cancel(),
                OnSignal::Warn => anstream::eprintln!(
                    "What was scaled is being put back. One more ^C ends this at once, and may leave it as it is now."
                ),
                OnSignal::Exit => std::process::exit(INTERRUPTED.into()),
            }
        }
    });
    Ok(stop)
}

/// What a signal does to a run that has to put back what it has scaled.
#[derive(Debug, PartialEq, Eq)]
enum OnSignal {
    Stop,
    Warn,
    Exit,
}

/// The first signal is 1. A run that was sent is told to end in more than one way, and ends when all is as before.
fn on_signal(signals: u32, inside: bool) -> OnSignal {
    match signals {
        2 if !inside => OnSignal::Warn,
        3.. if !inside => OnSignal::Exit,
        _ => OnSignal::Stop,
    }
}

/// Who is shown how the run goes on.
fn watcher(args: &Args, unit: &str) -> Box<dyn Watcher> {
    if args.inside { Box::new(told::Teller) } else { Box::new(Progress::new(std::io::stderr().is_terminal(), unit)) }
}

/// What measures.
fn generator() -> String {
    concat!("loadgen ", env!("CARGO_PKG_VERSION")).to_owned()
}

impl Args {
    /// How long and how often is measured, whatever is.
    fn measuring(&self) -> Settings {
        Settings {
            measure_s: self.measure.unwrap_or(LONGEST_MEASURE).as_secs_f64(),
            precision: self.measure.is_none().then_some(self.precision),
            settle_s: self.settle.as_secs_f64(),
            repeats: self.repeats,
            ..Settings::default()
        }
    }
}

/// A folder of its own for every run.
fn default_folder() -> PathBuf {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    PathBuf::from("sweeps").join(now.replace(':', "").trim_end_matches('Z'))
}

/// A run that ^C ended before there was anything to write; where an error did, it is what ends the program.
fn nothing_found(folder: &std::path::Path) -> ExitCode {
    anstream::eprintln!(
        "Ended before the first step was finished: there is nothing to write, and no result in {} was touched.",
        folder.display()
    );
    INTERRUPTED.into()
}

fn report(sweep: &Sweep, args: &Args, folder: &std::path::Path) -> anyhow::Result<ExitCode> {
    // Files first: a pipe that closes early must not cost the result. And the table all the same: nor must a full disk.
    let written = make_room(args, folder).and_then(|()| files::write(sweep, folder));
    if args.json {
        out::json(sweep)?;
    } else {
        let mut text = format!("{}\n{}\n", table::table(sweep), prose(&sweep.verdict.sentence));
        for sentence in sweep::need::sentences(sweep) {
            text += &format!("{}\n", prose(&sentence));
        }
        out::print(text)?;
    }
    let paths = written.map_err(anyhow::Error::msg)?;
    if sweep.interrupted {
        let (done, all) = (sweep.steps.len(), sweep.settings.steps());
        anstream::eprintln!("Ended early: {done} of {all} steps were finished, and are written.");
    }
    say_where(&paths);
    let by_generator = sweep.verdict.bottleneck.as_deref() == Some(GENERATOR);
    Ok(exit(sweep.interrupted, sweep.trouble.is_some(), by_generator).into())
}

fn report_grid(grid: &Grid, args: &Args, folder: &std::path::Path) -> anyhow::Result<ExitCode> {
    let written = make_room(args, folder).and_then(|()| files::write_grid(grid, folder));
    if args.json {
        out::json(grid)?;
    } else {
        out::line(format_args!("Hashes a second:\n{}\n{}", table::grid(grid), prose(&grid.sentence())))?;
    }
    let paths = written.map_err(anyhow::Error::msg)?;
    if grid.interrupted {
        anstream::eprintln!(
            "Ended early: {} of {} rows have a finished step, and are written.",
            grid.rows.len(),
            grid.replicas.len()
        );
    }
    say_where(&paths);
    Ok(exit(grid.interrupted, grid.trouble.is_some(), false).into())
}

/// The exit code of a run: an error ended it, ^C did, or the load generator was the limit.
fn exit(interrupted: bool, trouble: bool, by_generator: bool) -> u8 {
    match (trouble, interrupted, by_generator) {
        (true, ..) => 1,
        (_, true, _) => INTERRUPTED,
        (.., true) => GENERATOR_WAS_THE_LIMIT,
        _ => 0,
    }
}

/// With `--force` an older result leaves the folder, now that there is one to take its place.
fn make_room(args: &Args, folder: &std::path::Path) -> Result<(), String> {
    if args.force { results::clear(folder) } else { Ok(()) }
}

/// Where the files are: the report, and those beside it.
fn say_where(paths: &[PathBuf]) {
    let names: Vec<String> =
        paths.iter().skip(1).filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    anstream::eprintln!("Report: {} (beside it {})", paths[0].display(), names.join(", "));
}

#[cfg(test)]
mod tests {
    use super::{OnSignal, exit, on_signal};

    #[test]
    fn replicas_are_put_back_after_a_second_interrupt_too() {
        let here = [1, 2, 3, 4].map(|signals| on_signal(signals, false));
        assert_eq!(here, [OnSignal::Stop, OnSignal::Warn, OnSignal::Exit, OnSignal::Exit]);
        assert!(
            (1..9).all(|signals| on_signal(signals, true) == OnSignal::Stop),
            "a run that was sent is ended by its end"
        );
    }

    #[test]
    fn the_exit_code_tells_what_ended_a_run() {
        assert_eq!(exit(false, false, false), 0);
        assert_eq!(exit(true, true, false), 1, "an error is no ^C, though the run is not whole");
        assert_eq!(exit(true, false, true), 130);
        assert_eq!(exit(false, false, true), 4);
    }
}
