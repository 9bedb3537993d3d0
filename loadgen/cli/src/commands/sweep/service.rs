//! A sweep of any service: copies of a command, driven by our own engine.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

use agents::Sender;
use instrument::config::{Config, Load as Pace};
use instrument::schedule::{Arrivals, Stage};
use instrument::target::Target;
use service::processes::{self, Processes, name_of};
use service::{Generator, Load, Served};
use sweep::files;
use sweep::result::{Settings, Sweep};
use sweep::run::{Plan, run};

use super::Args;
use super::progress::Progress;
use super::range;
use crate::commands::WrongUsage;
use crate::commands::request::RequestArgs;

/// What is scaled where it is not dockercoins, and what is sent to it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Any other service (--command)")]
pub struct ServiceArgs {
    /// Sweep copies of this command on this machine, each on a port of its own: './server --port {port}'
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["workers", "scale", "set", "grid", "platform"])]
    pub command: Option<String>,
    /// A command that runs once beside the copies, as db='./db --port {port}'; theirs may say {db.port}
    #[arg(long = "with", value_name = "NAME=COMMAND", value_parser = beside, requires = "command")]
    beside: Vec<(String, String)>,
    /// Name of the service [default: that of the command's file]
    #[arg(long, value_name = "NAME", requires = "command")]
    name: Option<String>,
    /// What is sent, as http://localhost/path; it goes to the copies in turn, whatever host and port it names
    #[arg(long, value_name = "URL", requires = "command")]
    url: Option<String>,
    /// How much: closed:64 (connections), 500/s, or capacity:p99<50ms (the highest rate that keeps it)
    #[arg(long, value_name = "LOAD", default_value = "closed:64", requires = "command")]
    load: Load,
    /// Say how many replicas this throughput needs, as 5000/s; several may be given
    #[arg(long, value_name = "RATE", value_parser = range::need, requires = "command")]
    need: Vec<f64>,
    #[command(flatten, next_help_heading = "Its requests (--command)")]
    request: RequestArgs,
}

fn beside(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, command)) if !name.trim().is_empty() && !command.trim().is_empty() => {
            Ok((name.trim().to_owned(), command.to_owned()))
        }
        _ => Err(format!("`{text}` is no name with a command: write it as db='./db --port {{port}}'")),
    }
}

impl ServiceArgs {
    /// Whether this is what is to be swept.
    pub fn is_asked_for(&self) -> bool {
        self.command.is_some()
    }

    /// The plan, the command and the requests.
    pub fn plan(&self, args: &Args, folder: &Path) -> Result<(Plan, processes::Config, Config), WrongUsage> {
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
        // The copies' addresses say where it goes.
        let url = self.url.clone().unwrap_or_else(|| "http://localhost/".to_owned()).replace(":{port}", "");
        let requests = self.requests(&url).map_err(WrongUsage::new)?;
        let settings = Settings {
            scaled: name,
            replicas: args.replicas.as_ref().map_or_else(|| (1..=4).collect(), |range| range.0.clone()),
            set: BTreeMap::new(),
            unit: "requests/s".to_owned(),
            load: Some(self.load.to_string()),
            url: Some(url),
            need: self.need.clone(),
            dockercoins: None,
            ..args.measuring()
        };
        Ok((Plan { settings, generator: super::generator() }, platform, requests))
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

/// Runs it.
pub async fn sweep(args: &Args, folder: &Path) -> anyhow::Result<Sweep> {
    let (plan, config, requests) = args.service.plan(args, folder)?;
    files::prepare(folder, args.force).map_err(anyhow::Error::msg)?;
    let generator = Generator::new(args.service.load.clone(), requests, Sender::Here);
    on(Processes::start(config).await?, generator, &plan).await
}

async fn on(mut platform: impl Served, mut generator: Generator, plan: &Plan) -> anyhow::Result<Sweep> {
    let stop = kit::start::stop_on_signals().map_err(anyhow::Error::msg)?;
    let mut progress = Progress::new(std::io::stderr().is_terminal(), &plan.settings.unit);
    let outcome = run(&mut platform, &mut generator, plan, &mut progress, stop).await;
    progress.clear();
    Ok(outcome?)
}
