//! `loadgen sweep`: the scaling experiment.

mod progress;
mod range;
mod service;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use dockercoins::compose::{self, Compose};
use dockercoins::embedded::{Config, Embedded};
use dockercoins::swarm::{self, Swarm};
use dockercoins::{Application, Workers};
use kit::settings;
use ledger::Ledger;
use sweep::file::Found;
use sweep::grid::Grid;
use sweep::result::{Dockercoins, Settings, Sweep};
use sweep::run::{Plan, run as run_plan, run_grid};
use sweep::{files, table};

use self::progress::Progress;
use crate::commands::WrongUsage;

/// A step whose throughput varies so much that it is not known by then is measured no longer.
const LONGEST_MEASURE: Duration = Duration::from_secs(15);

/// The exit code after ^C.
const INTERRUPTED: u8 = 130;

/// Measures throughput and latency while a service is scaled, and names the bottleneck
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  loadgen sweep                              ten steps, 1 to 10 workers, everything in this process
  loadgen sweep --set rng=3                  the same with three replicas of rng
  loadgen sweep --workers 1,2,5,10 --measure 10s --repeats 3 --out monday
  loadgen sweep --scale rng --replicas 1..5 --set worker=10
  loadgen sweep --workers 1..10 --grid rng=1..3      a map: workers across, replicas of rng up
  loadgen sweep --command './server --port {port}' --replicas 1..4 --load 'capacity:p99<50ms' --need 5000/s
  loadgen sweep --think 0 --rng-delay 0 --hasher-delay 0 --rng-concurrency 0 --keep-alive

It writes sweep.json, sweep.csv, HDR logs and report.html; a grid writes grid.json and grid.csv, and each row's files in
a folder of their own. ^C ends it early and writes the steps that were finished.")]
pub struct Args {
    /// Where the application runs
    #[arg(long, value_enum, default_value = "embedded")]
    platform: Where,
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
    /// How long a step may take to become steady
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
    embedded: EmbeddedArgs,
    #[command(flatten)]
    deployed: DeployedArgs,
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

/// Where a deployed application is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The deployed application (--platform compose, swarm)")]
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
    /// Where a Swarm's published ports are, unless this runs on the application's own network
    #[arg(long, default_value = "127.0.0.1", value_name = "HOST")]
    published_on: String,
    /// Published ports of webui, rng and hasher
    #[arg(long, default_value = "8000,8001,8002", value_name = "PORTS", value_delimiter = ',')]
    published_ports: Vec<u16>,
    /// How long scaling may take until all tasks run and are healthy
    #[arg(long, value_parser = settings::duration, default_value = "90s", value_name = "TIME")]
    converge: Duration,
}

/// Settings of the services that this process starts.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The application in this process (--platform embedded)")]
struct EmbeddedArgs {
    /// How long rng takes for each request
    #[arg(long, value_parser = settings::duration, default_value = "100ms", value_name = "TIME")]
    rng_delay: Duration,
    /// How long hasher takes for each request
    #[arg(long, value_parser = settings::duration, default_value = "100ms", value_name = "TIME")]
    hasher_delay: Duration,
    /// A worker's pause in each loop
    #[arg(long, value_parser = settings::duration, default_value = "100ms", value_name = "TIME")]
    think: Duration,
    /// Requests that a replica of rng serves at a time; 0 for no limit
    #[arg(long, default_value_t = 1, value_name = "N")]
    rng_concurrency: u32,
    /// Requests that a replica of hasher serves at a time; 0 for no limit
    #[arg(long, default_value_t = 0, value_name = "N")]
    hasher_concurrency: u32,
    /// Loops that a worker runs side by side
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "N")]
    loops: u32,
    /// Workers keep their connections open between requests
    #[arg(long)]
    keep_alive: bool,
    /// Count hashes in this Redis instead of in memory
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
}

/// Runs the experiment, writes the files and prints the table.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.service.is_asked_for() {
        return run_service(args);
    }
    let plan = plan(args).map_err(WrongUsage::new)?;
    let folder = args.out.clone().unwrap_or_else(default_folder);
    let runtime = runtime()?;
    let found = runtime.block_on(async {
        // The folder comes after the platform, so that nothing is left where there is no platform.
        let prepare = || files::prepare(&folder, args.force).map_err(anyhow::Error::msg);
        match args.platform {
            Where::Embedded => on(embedded(args).await?, prepare, &plan, args).await,
            Where::Compose => on(Compose::connect(compose(&args.deployed)).await?, prepare, &plan, args).await,
            Where::Swarm => on(Swarm::connect(swarm(&args.deployed)?).await?, prepare, &plan, args).await,
        }
    })?;
    match found {
        Found::Sweep(sweep) => report(&sweep, args, &folder),
        Found::Grid(grid) => report_grid(&grid, args, &folder),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    kit::host::raise_file_limit();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads to run on")
}

/// The same for a service that is not dockercoins.
fn run_service(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = args.out.clone().unwrap_or_else(default_folder);
    let sweep = runtime()?.block_on(service::sweep(args, &folder))?;
    report(&sweep, args, &folder)
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

async fn on(
    mut platform: impl Application,
    prepare: impl FnOnce() -> anyhow::Result<()>,
    plan: &Plan,
    args: &Args,
) -> anyhow::Result<Found> {
    prepare()?;
    let stop = kit::start::stop_on_signals().map_err(anyhow::Error::msg)?;
    let mut progress = Progress::new(std::io::stderr().is_terminal(), &plan.settings.unit);
    let mut workers = Workers::new(args.probe_rate);
    let outcome = match &args.grid {
        None => run_plan(&mut platform, &mut workers, plan, &mut progress, stop)
            .await
            .map(|sweep| Found::Sweep(Box::new(sweep))),
        Some((service, replicas)) => {
            run_grid(&mut platform, &mut workers, plan, (service, replicas), &mut progress, stop).await.map(Found::Grid)
        }
    };
    progress.clear();
    Ok(outcome?)
}

async fn embedded(args: &Args) -> anyhow::Result<Embedded> {
    let given = &args.embedded;
    let ledger = match &given.redis {
        None => Ledger::in_memory(),
        Some(url) => {
            let ledger = Ledger::in_redis(url).with_context(|| format!("--redis {url}"))?;
            ledger.totals().await.with_context(|| format!("Redis at {url} does not answer; is it started?"))?;
            ledger
        }
    };
    let config = Config {
        rng: rng::Config { delay: given.rng_delay, concurrency: given.rng_concurrency, ..rng::Config::default() },
        hasher: hasher::Config {
            delay: given.hasher_delay,
            concurrency: given.hasher_concurrency,
            ..hasher::Config::default()
        },
        worker: worker::Config {
            think: given.think,
            loops: given.loops,
            keep_alive: given.keep_alive,
            ..worker::Config::default()
        },
    };
    Ok(Embedded::start(config, ledger)?)
}

fn compose(given: &DeployedArgs) -> compose::Config {
    compose::Config { host: given.docker_host.clone(), project: given.project.clone(), bound: given.converge }
}

fn swarm(given: &DeployedArgs) -> anyhow::Result<swarm::Config> {
    let &[webui_port, rng_port, hasher_port] = given.published_ports.as_slice() else {
        let wanted = "--published-ports wants three: of webui, rng and hasher, as 8000,8001,8002";
        return Err(WrongUsage::new(wanted).into());
    };
    Ok(swarm::Config {
        host: given.docker_host.clone(),
        stack: given.stack.clone(),
        published_on: given.published_on.clone(),
        webui_port,
        rng_port,
        hasher_port,
        bound: given.converge,
    })
}

fn plan(args: &Args) -> anyhow::Result<Plan> {
    if args.workers.is_some() && args.scale != "worker" {
        bail!("--workers gives numbers of workers, but --scale {} sweeps another service: use --replicas", args.scale);
    }
    let services = ["worker", "rng", "hasher"];
    // A fixed number for each service, so that a step never depends on the one before.
    let mut set: BTreeMap<String, u32> = services.iter().map(|service| ((*service).to_owned(), 1)).collect();
    set.extend(args.set.iter().cloned());
    let second = args.grid.iter().map(|(service, _)| service);
    for service in set.keys().chain([&args.scale]).chain(second) {
        if !services.contains(&service.as_str()) {
            bail!("there is no service `{service}` to scale: there are worker, rng and hasher");
        }
    }
    if args.set.iter().any(|(service, _)| *service == args.scale) {
        bail!("--set {}=… contradicts the sweep over {}", args.scale, args.scale);
    }
    if let Some((service, _)) = &args.grid {
        if *service == args.scale {
            bail!("--grid {service}=… and the sweep over {service} are the same axis: --grid wants a second service");
        }
        if args.set.iter().any(|(other, _)| other == service) {
            bail!("--set {service}=… contradicts --grid {service}=…");
        }
    }
    set.remove(&args.scale);
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    let given = &args.embedded;
    let replicas = args.workers.clone().or_else(|| args.replicas.clone());
    let settings = Settings {
        scaled: args.scale.clone(),
        replicas: replicas.map_or_else(|| (1..=10).collect(), |range| range.0),
        set,
        unit: "hashes/s".to_owned(),
        dockercoins: Some(Dockercoins {
            rng_delay_ms: ms(given.rng_delay),
            hasher_delay_ms: ms(given.hasher_delay),
            think_ms: ms(given.think),
            rng_concurrency: given.rng_concurrency,
            hasher_concurrency: given.hasher_concurrency,
            loops: given.loops,
            keep_alive: given.keep_alive,
            ledger: String::new(),
        }),
        ..args.measuring()
    };
    Ok(Plan { settings, generator: generator() })
}

/// A folder of its own for every run.
fn default_folder() -> PathBuf {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    PathBuf::from("sweeps").join(now.replace(':', "").trim_end_matches('Z'))
}

fn report(sweep: &Sweep, args: &Args, folder: &std::path::Path) -> anyhow::Result<ExitCode> {
    // Files first: a pipe that closes early must not cost the result.
    let paths = files::write(sweep, folder).map_err(anyhow::Error::msg)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(sweep)?);
    } else {
        anstream::println!("{}\n{}", table::table(sweep), sweep.verdict.sentence);
        for sentence in sweep::need::sentences(sweep) {
            anstream::println!("{sentence}");
        }
    }
    if sweep.interrupted {
        let (done, all) = (sweep.steps.len(), sweep.settings.steps());
        anstream::eprintln!("Ended early: {done} of {all} steps were finished, and are written.");
    }
    say_where(&paths);
    Ok(if sweep.interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

fn report_grid(grid: &Grid, args: &Args, folder: &std::path::Path) -> anyhow::Result<ExitCode> {
    let paths = files::write_grid(grid, folder).map_err(anyhow::Error::msg)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(grid)?);
    } else {
        anstream::println!("Hashes a second:\n{}\n{}", table::grid(grid), grid.sentence());
    }
    if grid.interrupted {
        anstream::eprintln!(
            "Ended early: {} of {} rows have a finished step, and are written.",
            grid.rows.len(),
            grid.replicas.len()
        );
    }
    say_where(&paths);
    Ok(if grid.interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// Where the files are: the report, and those beside it.
fn say_where(paths: &[PathBuf]) {
    let names: Vec<String> =
        paths.iter().skip(1).filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    anstream::eprintln!("Report: {} (beside it {})", paths[0].display(), names.join(", "));
}
