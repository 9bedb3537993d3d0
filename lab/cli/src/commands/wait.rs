//! Waiting for the Swarm, within a bound, so that no lab needs a loop of its own.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Subcommand;
use swarm::{Swarm, patient};

use super::manager::Manager;

/// Swarm has noted by then what it was asked for, and how it ended.
const NOTED_WITHIN: Duration = Duration::from_millis(500);

/// Wait until something on the Swarm is so, within a bound
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  lab wait service rng
  lab wait node worker-2 down
  lab wait gone rng hasher dockercoins     # services, networks or stacks, and their tasks")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Until all tasks of services run, and no update is under way
    Service {
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Until a node is in a state
    Node {
        /// Its name
        name: String,
        /// ready, down, unknown or disconnected
        state: String,
        #[command(flatten)]
        common: Common,
    },
    /// Until services, networks and stacks of these names are gone, with their tasks
    Gone {
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    /// At most so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "90")]
    within: u64,
    #[command(flatten)]
    manager: Manager,
}

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Service { names, common } => {
            let swarm = common.manager.swarm().await?;
            for name in &names {
                until(&common, async || service(&swarm, name).await).await?;
            }
        }
        Command::Node { name, state, common } => {
            let swarm = common.manager.swarm().await?;
            until(&common, async || node(&swarm, &name, &state).await).await?;
        }
        Command::Gone { names, common } => {
            let swarm = common.manager.swarm().await?;
            for name in &names {
                until(&common, async || left(&swarm, name).await).await?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Looks until nothing is said to be missing.
async fn until(common: &Common, look: impl AsyncFn() -> anyhow::Result<Option<String>>) -> anyhow::Result<()> {
    let (begun, bound) = (Instant::now(), patient(Duration::from_secs(common.within)));
    loop {
        let Some(missing) = look().await? else { return Ok(()) };
        if begun.elapsed() > bound {
            bail!("{missing}, after {} s\n  `lab tasks` shows all tasks and their errors", bound.as_secs());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn service(swarm: &Swarm, name: &str) -> anyhow::Result<Option<String>> {
    match under_way(swarm, name).await? {
        None => {
            // An update that was asked for a moment ago is noted only when Swarm begins with it, and one that has ended is
            // noted after its tasks: whoever updates in between is told "update out of sequence".
            tokio::time::sleep(NOTED_WITHIN).await;
            under_way(swarm, name).await
        }
        some => Ok(some),
    }
}

/// What of a service is not as it should be.
async fn under_way(swarm: &Swarm, name: &str) -> anyhow::Result<Option<String>> {
    let busy = swarm.service(name).await?.update.is_some_and(|update| update.busy());
    let whole = swarm.whole(name).await?;
    Ok((busy || !whole)
        .then(|| format!("not all tasks of {name} run{}", if busy { ", and it is being updated" } else { "" })))
}

async fn node(swarm: &Swarm, name: &str, state: &str) -> anyhow::Result<Option<String>> {
    let nodes = swarm.nodes().await?;
    let node = nodes.iter().find(|node| node.name == name || node.name.split('.').next() == Some(name));
    let Some(node) = node else {
        bail!("there is no node {name} in the swarm\n  `docker node ls` lists them");
    };
    Ok((node.state != state).then(|| format!("{name} is {}, not {state}", node.state)))
}

/// What is left of a name.
async fn left(swarm: &Swarm, name: &str) -> anyhow::Result<Option<String>> {
    let services = swarm.services().await?;
    if services.iter().any(|service| service.name == name || service.stack.as_deref() == Some(name)) {
        return Ok(Some(format!("there is still a service of {name}")));
    }
    let networks = swarm.engine().docker().list_networks(None).await?;
    let stack = |labels: Option<std::collections::HashMap<String, String>>| {
        labels.and_then(|mut labels| labels.remove("com.docker.stack.namespace"))
    };
    for network in networks {
        if network.name.as_deref() == Some(name) || stack(network.labels).as_deref() == Some(name) {
            return Ok(Some(format!("there is still a network of {name}")));
        }
    }
    // Containers outlive their service by their grace period; those of other nodes are tasks that still run.
    let tasks = swarm.engine().docker().list_tasks(None).await?;
    let ours = |labels: Option<&std::collections::HashMap<String, String>>| {
        labels.is_some_and(|labels| labels.get("com.docker.stack.namespace").is_some_and(|stack| stack == name))
    };
    let runs = tasks.iter().any(|task| {
        let container = task.spec.as_ref().and_then(|spec| spec.container_spec.as_ref());
        let live =
            task.status.as_ref().and_then(|status| status.state).is_some_and(|state| swarm::State::from(state).alive());
        live && ours(container.and_then(|container| container.labels.as_ref()))
    });
    Ok(runs.then(|| format!("a task of {name} has not stopped yet")))
}
