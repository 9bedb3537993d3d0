//! A sweep of any service: copies of a command, or a service of a Swarm, driven by our own engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agents::Sender;
use instrument::config::{Config, Load as Pace, Trust};
use instrument::schedule::{Arrivals, Stage};
use instrument::target::Target;
use service::meter::{Counter, Meter};
use service::processes::{self, Processes, name_of};
use service::{Generator, Load, Served, compose, swarm};
use sweep::driver::Driver;
use sweep::file::Found;
use sweep::result::Settings;
use sweep::run::{Plan, run};
use tokio_util::sync::CancellationToken;

use super::elsewhere::{Place, send};
use super::told::Told;
use super::{Args, DeployedArgs, Where, range, stop, watcher};
use crate::commands::WrongUsage;
use crate::commands::request::RequestArgs;
use crate::commands::results;
use crate::commands::sender::SenderArgs;

/// What is scaled where it is not dockercoins, and what is sent to it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Any other service (--command, --service)")]
#[group(id = "any")]
pub struct ServiceArgs {
    /// Sweep copies of this command on this machine, each on a port of its own: './server --port {port}'
    #[arg(long, value_name = "COMMAND", group = "swept",
          conflicts_with_all = ["workers", "scale", "set", "grid", "platform"])]
    pub command: Option<String>,
    /// Sweep this service of a Swarm, as `docker service ls` names it, or with --platform compose of a compose project
    #[arg(long, value_name = "NAME", group = "swept", requires = "url",
          conflicts_with_all = ["workers", "scale", "set", "grid"])]
    service: Option<String>,
    /// A command that runs once beside the copies, as db='./db --port {port}'; theirs may say {db.port}
    #[arg(long = "with", value_name = "NAME=COMMAND", value_parser = beside, requires = "command")]
    beside: Vec<(String, String)>,
    /// Name of the service that a command is [default: that of the command's file]
    #[arg(long, value_name = "NAME", requires = "command")]
    name: Option<String>,
    /// What is sent: of a command's copies the path counts; a service is named with its tasks' own port, as
    /// http://shop_web:8080/path
    #[arg(long, value_name = "URL", requires = "swept")]
    url: Option<String>,
    /// A service that passes requests on to the one that is swept: the URL may name it
    #[arg(long, value_name = "SERVICE", requires = "service")]
    via: Option<String>,
    /// Scale a service although its tasks write to volumes or to folders of their nodes
    #[arg(long, requires = "service")]
    volumes: bool,
    /// How much: closed:64 (connections), 500/s, or capacity:p99<50ms (the highest rate that keeps it)
    #[arg(long, value_name = "LOAD", default_value = "closed:64", requires = "swept")]
    load: Load,
    /// Send nothing: the service finds its work itself, and this counter of its own, in the text format of Prometheus at --url,
    /// says how much it does, as jobs_done_total or jobs_done_total{state="ok"}
    #[arg(long, value_name = "COUNTER", requires = "swept", conflicts_with_all = ["load", "agents", "agent", "via"])]
    meter: Option<Counter>,
    /// Say how many replicas this throughput needs, as 5000/s; several may be given
    #[arg(long, value_name = "RATE", value_parser = range::need, requires = "swept")]
    need: Vec<f64>,
    #[command(flatten, next_help_heading = "Its requests (--command, --service)")]
    request: RequestArgs,
    #[command(flatten, next_help_heading = "Who sends them (--service)")]
    sender: SenderArgs,
}

fn beside(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, command)) if !name.trim().is_empty() && !command.trim().is_empty() => {
            Ok((name.trim().to_owned(), command.to_owned()))
        }
        _ => Err(format!("`{text}` is no name with a command: write it as db='./db --port {{port}}'")),
    }
}

/// The names of which a command wants the port, as `db` in `{db.port}`. `${db.port}` is a language's own.
fn ports_named(command: &str) -> Vec<&str> {
    let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    let before = command.match_indices(".port}").map(|(at, _)| &command[..at]);
    let named = before.filter_map(|text| text.rsplit_once('{')).filter(|(before, _)| !before.ends_with('$'));
    named.map(|(_, name)| name).filter(|name| plain(name)).collect()
}

impl ServiceArgs {
    /// Whether this is what is to be swept.
    pub fn is_asked_for(&self) -> bool {
        self.command.is_some() || self.service.is_some()
    }

    /// Whether it is a service that somebody has deployed.
    pub fn is_deployed(&self) -> bool {
        self.service.is_some()
    }

    /// Copies of a command, and the requests to them.
    fn processes(&self, args: &Args, folder: &Path) -> Result<(Plan, processes::Config, Config), WrongUsage> {
        let command = self.command.clone().unwrap_or_default();
        let name = self.name.clone().unwrap_or_else(|| name_of(&command));
        let platform = processes::Config {
            name: name.clone(),
            command,
            beside: self.beside.clone(),
            logs: folder.join("logs"),
            bound: args.deployed.converge,
        };
        platform.check().map_err(WrongUsage::new)?;
        self.check_connections(args).map_err(WrongUsage::new)?;
        self.check_names(&platform).map_err(WrongUsage::new)?;
        if self.sender.is_asked_for() {
            return Err(WrongUsage::new("agents cannot reach copies of a command: those listen on this machine alone"));
        }
        // The copies' addresses say where it goes.
        let path = if self.meter.is_some() { "metrics" } else { "" };
        let url = self.url.clone().unwrap_or_else(|| format!("http://localhost/{path}")).replace(":{port}", "");
        let requests = self.requests(&url).map_err(WrongUsage::new)?;
        self.check_meter(&requests).map_err(WrongUsage::new)?;
        Ok((self.plan(args, name, &url), platform, requests))
    }

    /// Says what would have no effect where a counter is followed: it is asked for in one way only.
    fn check_meter(&self, requests: &Config) -> Result<(), String> {
        if self.meter.is_none() {
            return Ok(());
        }
        let plain = Config::new(requests.target.clone());
        let ignored = [
            (requests.target.tls, "https in --url"),
            (!requests.request.headers.is_empty(), "--header"),
            (requests.request.method != plain.request.method, "--method"),
            (!requests.request.body.is_empty(), "a body"),
            (requests.trust == Trust::Anything, "--insecure"),
            (matches!(requests.trust, Trust::File(_)), "--cacert"),
        ];
        match ignored.into_iter().find(|(given, _)| *given) {
            Some((_, what)) => Err(format!(
                "--meter reads the counter by a plain GET over http at each replica's own address, so that {what} would have no effect"
            )),
            None => Ok(()),
        }
    }

    /// Says where a closed loop has too few connections for the most replicas: each stays with one of them.
    fn check_connections(&self, args: &Args) -> Result<(), String> {
        let most = counts(args).into_iter().max().unwrap_or(1) as usize;
        match self.load {
            Load::Closed(connections) if self.meter.is_none() && !self.request.no_keep_alive && connections < most => {
                Err(format!(
                    "closed:{connections} has fewer connections than the {most} replicas, and each stays with one of them: \
                     {} would get nothing; use closed:{most} or more",
                    most - connections
                ))
            }
            _ => Ok(()),
        }
    }

    /// Says which name is given to two commands, or has none: a shell would take what is left of `{db.port}` for a word.
    fn check_names(&self, platform: &processes::Config) -> Result<(), String> {
        let names: Vec<&str> = platform.beside.iter().map(|(name, _)| name.as_str()).collect();
        if let Some(twice) = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
            return Err(format!("--with has two commands called {}: give each a name of its own", twice.1));
        }
        // They are started in this order, and know the ports of those before them.
        let commands = platform.beside.iter().map(|(_, command)| command).chain([&platform.command]);
        for (place, command) in commands.enumerate() {
            if let Some(name) = ports_named(command).into_iter().find(|name| !names[..place].contains(name)) {
                return Err(format!("`{command}` asks for {{{name}.port}}: add --with {name}='…' before it"));
            }
        }
        Ok(())
    }

    /// A service that is deployed, and the requests to it.
    fn deployed(&self, args: &Args) -> Result<(Plan, Config), WrongUsage> {
        let url = self.url.clone().unwrap_or_default();
        let requests = self.requests(&url).map_err(WrongUsage::new)?;
        self.check_meter(&requests).map_err(WrongUsage::new)?;
        self.check_connections(args).map_err(WrongUsage::new)?;
        Ok((self.plan(args, self.service.clone().unwrap_or_default(), &url), requests))
    }

    fn on_swarm(&self, args: &Args, requests: &Config) -> swarm::Config {
        swarm::Config {
            host: args.deployed.docker_host.clone(),
            service: self.service.clone().unwrap_or_default(),
            target: requests.target.clone(),
            via: self.via.clone(),
            volumes: self.volumes,
            image: args.deployed.image.clone(),
            bound: args.deployed.converge,
        }
    }

    fn on_compose(&self, args: &Args, requests: &Config) -> compose::Config {
        compose::Config {
            host: args.deployed.docker_host.clone(),
            project: args.deployed.project.clone(),
            service: self.service.clone().unwrap_or_default(),
            target: requests.target.clone(),
            via: self.via.clone(),
            volumes: self.volumes,
            bound: args.deployed.converge,
        }
    }

    fn plan(&self, args: &Args, scaled: String, url: &str) -> Plan {
        let settings = Settings {
            scaled,
            replicas: counts(args),
            set: BTreeMap::new(),
            unit: self.meter.as_ref().map_or_else(|| "requests/s".to_owned(), Counter::unit),
            load: Some(self.meter.as_ref().map_or_else(|| self.load.to_string(), Settings::own_load)),
            url: Some(url.to_owned()),
            need: self.need.clone(),
            dockercoins: None,
            ..args.measuring()
        };
        Plan { settings, generator: super::generator() }
    }

    fn requests(&self, url: &str) -> anyhow::Result<Config> {
        let mut config = Config::new(Target::parse(url)?);
        if !matches!(self.load, Load::Closed(_)) {
            config.load = Pace::Open { stages: vec![Stage::constant(1.0, 1.0)], arrivals: Arrivals::Constant, seed: 1 };
        }
        self.request.apply(&mut config)?;
        config.check()?;
        Ok(config)
    }
}

/// The numbers of replicas.
fn counts(args: &Args) -> Vec<u32> {
    args.replicas.as_ref().map_or_else(|| (1..=4).collect(), |range| range.0.clone())
}

/// Runs it.
pub async fn sweep(args: &Args, folder: &Path) -> anyhow::Result<Found> {
    let given = &args.service;
    let prepare = || results::prepare(folder, args.force).map_err(anyhow::Error::msg);
    if given.command.is_some() {
        let (plan, config, requests) = given.processes(args, folder)?;
        prepare()?;
        let stop = stop(args)?;
        return drive(Processes::start(config).await?, requests, Sender::Here, &plan, args, stop).await;
    }
    let (plan, requests) = given.deployed(args)?;
    let image = args.deployed.image.as_deref();
    let unit = &plan.settings.unit;
    let prepare = || if args.inside { Ok(()) } else { prepare() };
    match args.platform.unwrap_or(Where::Swarm) {
        Where::Embedded => Err(WrongUsage::new(
            "--service names what is deployed: --platform swarm or compose; --command starts copies here",
        )
        .into()),
        Where::Swarm => {
            let mut platform = swarm::Service::connect(given.on_swarm(args, &requests)).await?;
            prepare()?;
            let stop = stop(args)?;
            if !args.inside && !platform.is_inside().await? {
                let place = Place::Swarm(platform.manager(), platform.networks());
                return send(place, platform.application(), image, unit, &stop).await;
            }
            note(args, platform.enter().await?);
            let sender = given.senders(platform.networks().to_vec(), &args.deployed, &stop).await?;
            drive(platform, requests, sender, &plan, args, stop).await
        }
        Where::Compose => {
            let platform = compose::Service::connect(given.on_compose(args, &requests)).await?;
            if given.sender.is_asked_for() {
                return Err(WrongUsage::new(
                    "agents are tasks of a Swarm: a compose project is loaded by this process",
                )
                .into());
            }
            prepare()?;
            let stop = stop(args)?;
            if !args.inside && !platform.is_inside().await? {
                let place = Place::Engine(platform.engine(), platform.network());
                return send(place, &args.deployed.project, image, unit, &stop).await;
            }
            note(args, platform.route());
            drive(platform, requests, Sender::Here, &plan, args, stop).await
        }
    }
}

/// Tells something to whoever started this, here or from elsewhere.
fn note(args: &Args, sentence: String) {
    if args.inside { Told::Note(sentence).say() } else { anstream::eprintln!("{sentence}") }
}

impl ServiceArgs {
    /// Makes ready whoever sends; agents are on the service's networks unless they are told of others.
    async fn senders(
        &self,
        networks: Vec<String>,
        deployed: &DeployedArgs,
        stop: &CancellationToken,
    ) -> anyhow::Result<Sender> {
        if !self.sender.is_asked_for() {
            return Ok(Sender::Here);
        }
        let flag = Arc::new(AtomicBool::new(false));
        let watched = tokio::spawn({
            let (stop, flag) = (stop.clone(), flag.clone());
            async move {
                stop.cancelled().await;
                flag.store(true, Ordering::Relaxed);
            }
        });
        let (sender, host) = (self.sender.clone().on(networks), deployed.docker_host.clone());
        let made = tokio::task::spawn_blocking(move || sender.sender_of(host.as_deref(), &flag)).await?;
        watched.abort();
        made
    }
}

/// Drives it with our engine, or follows what it does by itself.
async fn drive<P: Served>(
    platform: P,
    requests: Config,
    sender: Sender,
    plan: &Plan,
    args: &Args,
    stop: CancellationToken,
) -> anyhow::Result<Found> {
    match &args.service.meter {
        Some(counter) => {
            let meter = Meter::new(counter.clone(), requests.target)?;
            on(platform, meter, plan, args, stop).await
        }
        None => on(platform, Generator::new(args.service.load.clone(), requests, sender), plan, args, stop).await,
    }
}

async fn on<P: Served, D: Driver<P> + Send + 'static>(
    mut platform: P,
    mut driver: D,
    plan: &Plan,
    args: &Args,
    stop: CancellationToken,
) -> anyhow::Result<Found> {
    let mut watcher = watcher(args, &plan.settings.unit);
    let outcome = run(&mut platform, &mut driver, plan, &mut *watcher, stop).await;
    drop(watcher);
    // Agents are told to quit, and taken away, which waits for them.
    tokio::task::spawn_blocking(move || drop(driver)).await?;
    Ok(Found::Sweep(Box::new(outcome?)))
}
