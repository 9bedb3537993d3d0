//! Dockercoins: the experiment that `loadgen sweep` does when it is told of no other service.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use dockercoins::compose::{self, Compose};
use dockercoins::embedded::{Config, Embedded};
use dockercoins::swarm::{self, Swarm};
use dockercoins::{Application, Workers};
use kit::settings;
use sweep::file::Found;
use sweep::result::{Dockercoins, Settings};
use sweep::run::{Plan, run as run_plan, run_grid};
use tokio_util::sync::CancellationToken;

use super::elsewhere::{Place, send};
use super::{Args, Where, generator, stop, watcher};
use crate::commands::{WrongUsage, results};

/// Settings of the services that this process starts.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The application in this process (--platform embedded)")]
pub struct EmbeddedArgs {
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

/// Runs it.
pub async fn sweep(args: &Args, folder: &Path) -> anyhow::Result<Found> {
    let plan = plan(args).map_err(WrongUsage::new)?;
    // The folder comes after the platform, so that nothing is left where there is no platform.
    let prepare = || match args.inside {
        true => Ok(()),
        false => results::prepare(folder, args.force).map_err(anyhow::Error::msg),
    };
    let unit = plan.settings.unit.clone();
    match args.platform.unwrap_or(Where::Embedded) {
        Where::Embedded => {
            let platform = embedded(args).await?;
            prepare()?;
            on(platform, &plan, args, stop(args)?).await
        }
        Where::Compose => {
            let platform = Compose::connect(compose(args)).await?;
            prepare()?;
            let stop = stop(args)?;
            if args.inside || platform.is_inside().await? {
                return on(platform, &plan, args, stop).await;
            }
            let place = Place::Engine(platform.engine(), platform.network());
            send(place, &args.deployed.project, args.deployed.image.as_deref(), &unit, &stop).await
        }
        Where::Swarm => {
            let platform = Swarm::connect(swarm(args)).await?;
            prepare()?;
            let stop = stop(args)?;
            if platform.is_inside() {
                return on(platform, &plan, args, stop).await;
            }
            if args.inside {
                bail!("the name tasks.rng leads nowhere on the networks of rng: does it run?");
            }
            let networks = platform.networks();
            let place = Place::Swarm(platform.manager(), &networks);
            send(place, &args.deployed.stack, args.deployed.image.as_deref(), &unit, &stop).await
        }
    }
}

async fn on(
    mut platform: impl Application,
    plan: &Plan,
    args: &Args,
    stop: CancellationToken,
) -> anyhow::Result<Found> {
    let mut watcher = watcher(args, &plan.settings.unit);
    let mut workers = Workers::new(args.probe_rate);
    let outcome = match &args.grid {
        None => run_plan(&mut platform, &mut workers, plan, &mut *watcher, stop)
            .await
            .map(|sweep| Found::Sweep(Box::new(sweep))),
        Some((service, replicas)) => {
            run_grid(&mut platform, &mut workers, plan, (service, replicas), &mut *watcher, stop).await.map(Found::Grid)
        }
    };
    drop(watcher);
    Ok(outcome?)
}

async fn embedded(args: &Args) -> anyhow::Result<Embedded> {
    let given = &args.embedded;
    let ledger = match &given.redis {
        None => ledger::in_memory(),
        Some(url) => {
            let ledger = ledger::in_redis(url).with_context(|| format!("--redis {url}"))?;
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

fn compose(args: &Args) -> compose::Config {
    let given = &args.deployed;
    compose::Config { host: given.docker_host.clone(), project: given.project.clone(), bound: given.converge }
}

fn swarm(args: &Args) -> swarm::Config {
    let given = &args.deployed;
    swarm::Config { host: given.docker_host.clone(), stack: given.stack.clone(), bound: given.converge }
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
