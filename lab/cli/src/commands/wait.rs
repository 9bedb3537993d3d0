//! Waiting for the Swarm, within a bound, so that no lab needs a loop of its own.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Subcommand;
use swarm::{Swarm, patient};

use super::manager::Manager;

/// Swarm has noted by then what it was asked for, and how it ended.
const NOTED_WITHIN: Duration = Duration::from_millis(500);

/// Most seconds that anybody waits: a day.
pub const LONGEST: u64 = 24 * 3600;

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
        /// The state
        #[arg(value_parser = ["ready", "down", "unknown", "disconnected"])]
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
    /// At most so many seconds, for all of them together
    #[arg(long, value_name = "SECONDS", default_value = "90", value_parser = clap::value_parser!(u64).range(..=LONGEST))]
    within: u64,
    #[command(flatten)]
    manager: Manager,
}

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (Command::Service { common, .. } | Command::Node { common, .. } | Command::Gone { common, .. }) = &args.command;
    let swarm = common.manager.swarm().await?;
    let bound = Bound::of(common);
    match &args.command {
        Command::Service { names, .. } => {
            for name in names {
                bound.until(async || service(&swarm, name).await).await?;
            }
        }
        Command::Node { name, state, .. } => bound.until(async || node(&swarm, name, state).await).await?,
        Command::Gone { names, .. } => {
            for name in names {
                bound.until(async || left(&swarm, name).await).await?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How long may be waited, for everything together.
struct Bound {
    begun: Instant,
    longest: Duration,
}

impl Bound {
    fn of(common: &Common) -> Bound {
        Bound { begun: Instant::now(), longest: patient(Duration::from_secs(common.within)) }
    }

    /// Looks until nothing is said to be missing.
    async fn until(&self, look: impl AsyncFn() -> anyhow::Result<Option<String>>) -> anyhow::Result<()> {
        loop {
            let Some(missing) = look().await? else { return Ok(()) };
            if self.begun.elapsed() > self.longest {
                bail!("{missing}, after {} s\n  `lab tasks` shows all tasks and their errors", self.longest.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
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
    // Containers outlive their service by their grace period, and nothing in a task tells the name of one that has gone. A
    // node that does not answer tells nothing of its tasks.
    let ready: Vec<String> = swarm.nodes().await?.into_iter().filter(|node| node.ready).map(|node| node.id).collect();
    let mut tasks = swarm.tasks(None).await?.into_iter().filter(|task| task.state.alive());
    let runs = tasks.any(|task| {
        let known = services.iter().any(|service| service.id == task.service_id);
        !known && task.node_id.is_some_and(|node| ready.contains(&node))
    });
    Ok(runs.then(|| format!("of {name} or of another service that was removed, a task has not stopped yet")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Args;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn what_cannot_come_is_refused_before_anything_is_waited_for() {
        let parsed = |words: &str| Cli::try_parse_from(words.split(' ')).map(drop).map_err(|error| error.to_string());
        assert_eq!(parsed("wait node worker-1 ready --within 86400"), Ok(()));
        assert!(parsed("wait node worker-1 redy").unwrap_err().contains("possible values: ready, down"));
        assert!(parsed("wait gone web --within 18446744073709551615").unwrap_err().contains("--within"));
    }
}
