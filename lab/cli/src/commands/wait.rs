//! Waiting for the Swarm, within a bound, so that no lab needs a loop of its own.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Subcommand;
use swarm::{State, Swarm, Task, patient};

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
  lab wait gone rng hasher dockercoins     # services, networks or stacks, and their tasks

A task that its node refuses again and again while none runs, as for an image that cannot be
had, is not waited for until the end.")]
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

/// What lasts no longer than this needs no word.
const SILENT: Duration = Duration::from_secs(1);

/// Pause between two words on the same thing, and on one that has changed.
const SAID_EVERY: Duration = Duration::from_secs(10);
const CHANGED_EVERY: Duration = Duration::from_secs(2);

/// A task that was refused so often in the same place, for so long, while none ran, is not waited for any longer: Swarm tries
/// again each 5 s, and goes on for ever.
const REFUSED: usize = 3;
const REFUSED_FOR: Duration = Duration::from_secs(20);

/// Waits.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (Command::Service { common, .. } | Command::Node { common, .. } | Command::Gone { common, .. }) = &args.command;
    let swarm = common.manager.swarm().await?;
    let mut bound = Bound::of(common);
    match &args.command {
        Command::Service { names, .. } => {
            for name in names {
                let refusals = RefCell::new(Refusals::default());
                bound.until(async || service(&swarm, name, &refusals).await).await?;
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

/// What is waited for.
#[derive(Debug)]
struct Missing {
    said: String,
    /// The command that shows more.
    shown_by: String,
    /// Nobody has to wait for the bound: it will not come by itself.
    hopeless: bool,
}

impl Missing {
    fn new(said: String, shown_by: &str) -> Missing {
        Missing { said, shown_by: shown_by.to_owned(), hopeless: false }
    }

    /// What is said when the wait ends without it.
    fn given_up(&self, after: Duration) -> String {
        format!("{}, after {} s\n  {}", self.said, after.as_secs(), self.shown_by)
    }
}

/// How long may be waited, for everything together.
struct Bound {
    begun: Instant,
    longest: Duration,
    progress: Option<Said>,
}

/// What was told last of a wait, on a terminal.
struct Said {
    what: String,
    at: Duration,
}

impl Said {
    /// Whether to tell it now.
    fn due(&self, what: &str, now: Duration) -> bool {
        let pause = if what == self.what { SAID_EVERY } else { CHANGED_EVERY };
        now >= SILENT && (self.what.is_empty() || now >= self.at + pause)
    }
}

impl Bound {
    fn of(common: &Common) -> Bound {
        let terminal = std::io::stderr().is_terminal();
        Bound {
            begun: Instant::now(),
            longest: patient(Duration::from_secs(common.within)),
            progress: terminal.then(|| Said { what: String::new(), at: Duration::ZERO }),
        }
    }

    /// Looks until nothing is said to be missing.
    async fn until(&mut self, look: impl AsyncFn() -> anyhow::Result<Option<Missing>>) -> anyhow::Result<()> {
        loop {
            let Some(missing) = look().await? else { return Ok(()) };
            let now = self.begun.elapsed();
            if missing.hopeless || now > self.longest {
                bail!(missing.given_up(now));
            }
            if let Some(said) = self.progress.as_mut().filter(|said| said.due(&missing.said, now)) {
                let margin = format!("{:5.0} s  ", now.as_secs_f64());
                anstream::eprint!("{}", guide::render::message(&margin, &missing.said, super::guide::style()));
                *said = Said { what: missing.said, at: now };
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Tasks that a node refused since the wait began, by their place in the service: the slot, or the node of a global one.
#[derive(Debug, Default)]
struct Refusals {
    /// Those of before, which are no news; none before the first look.
    old: Option<BTreeSet<String>>,
    new: BTreeMap<(Option<i64>, Option<String>), BTreeSet<String>>,
    since: Option<Instant>,
}

impl Refusals {
    /// Takes what a look saw; whether it will not come by itself.
    fn hopeless(&mut self, tasks: &[Task], now: Instant) -> bool {
        let refused = || tasks.iter().filter(|task| task.state == State::Rejected);
        let old = self.old.get_or_insert_with(|| refused().map(|task| task.id.clone()).collect());
        if tasks.iter().any(|task| task.wanted() && task.state == State::Running) {
            (self.new, self.since) = (BTreeMap::new(), None);
            *old = refused().map(|task| task.id.clone()).collect();
            return false;
        }
        for task in refused().filter(|task| !old.contains(&task.id)) {
            let place = (task.slot, task.node_id.clone().filter(|_| task.slot.is_none()));
            self.new.entry(place).or_default().insert(task.id.clone());
        }
        let often = self.new.values().any(|ids| ids.len() >= REFUSED);
        let since = *self.since.get_or_insert(now);
        often && now.duration_since(since) >= patient(REFUSED_FOR)
    }
}

async fn service(swarm: &Swarm, name: &str, refusals: &RefCell<Refusals>) -> anyhow::Result<Option<Missing>> {
    match under_way(swarm, name, refusals).await? {
        None => {
            // An update that was asked for a moment ago is noted only when Swarm begins with it, and one that has ended is
            // noted after its tasks: whoever updates in between is told "update out of sequence".
            tokio::time::sleep(NOTED_WITHIN).await;
            under_way(swarm, name, refusals).await
        }
        some => Ok(some),
    }
}

/// What of a service is not as it should be.
async fn under_way(swarm: &Swarm, name: &str, refusals: &RefCell<Refusals>) -> anyhow::Result<Option<Missing>> {
    let busy = swarm.service(name).await?.update.is_some_and(|update| update.busy());
    let standing = swarm.standing(name).await?;
    let hopeless = refusals.borrow_mut().hopeless(&standing.tasks, Instant::now());
    let said = match standing.missing {
        Some(missing) => format!("not all tasks of {name} run: {missing}"),
        None if busy => format!("{name} is being updated"),
        None => return Ok(None),
    };
    let next = format!("`docker service ps --no-trunc {name}` shows its tasks and their errors");
    Ok(Some(Missing { hopeless, ..Missing::new(said, &next) }))
}

async fn node(swarm: &Swarm, name: &str, state: &str) -> anyhow::Result<Option<Missing>> {
    let nodes = swarm.nodes().await?;
    let node = nodes.iter().find(|node| node.name == name || node.name.split('.').next() == Some(name));
    let Some(node) = node else {
        bail!("there is no node {name} in the swarm\n  `docker node ls` lists them");
    };
    let said = || format!("{name} is {}, not {state}", node.state);
    Ok((node.state != state).then(|| Missing::new(said(), "`docker node ls` shows all nodes")))
}

/// What is left of a name.
async fn left(swarm: &Swarm, name: &str) -> anyhow::Result<Option<Missing>> {
    let there = |said: String| Missing::new(said, "`docker service ls` and `docker network ls` show what there is");
    let services = swarm.services().await?;
    if services.iter().any(|service| service.name == name || service.stack.as_deref() == Some(name)) {
        return Ok(Some(there(format!("there is still a service of {name}"))));
    }
    let networks = swarm.engine().docker().list_networks(None).await?;
    let stack = |labels: Option<std::collections::HashMap<String, String>>| {
        labels.and_then(|mut labels| labels.remove("com.docker.stack.namespace"))
    };
    for network in networks {
        if network.name.as_deref() == Some(name) || stack(network.labels).as_deref() == Some(name) {
            return Ok(Some(there(format!("there is still a network of {name}"))));
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
    Ok(runs.then(|| there(format!("of {name} or of another service that was removed, a task has not stopped yet"))))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

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

    fn task(id: &str, slot: i64, state: swarm::bollard::models::TaskState) -> Task {
        use swarm::bollard::models::{Task as Raw, TaskState, TaskStatus};
        let status = TaskStatus { state: Some(state), ..Default::default() };
        let (id, slot) = (Some(id.to_owned()), Some(slot));
        Task::from(Raw {
            id,
            slot,
            status: Some(status),
            desired_state: Some(TaskState::RUNNING),
            ..Default::default()
        })
    }

    #[test]
    fn a_task_that_is_refused_again_and_again_is_not_waited_for() {
        use swarm::bollard::models::TaskState::{PREPARING, REJECTED, RUNNING};
        let begun = Instant::now();
        let after = |seconds: u64| begun + patient(Duration::from_secs(seconds));
        let old = vec![task("x", 1, REJECTED), task("y", 1, REJECTED), task("z", 1, REJECTED)];
        let with = |new: &[&str]| -> Vec<Task> {
            old.iter().cloned().chain(new.iter().map(|id| task(id, 1, REJECTED))).collect()
        };
        let mut refusals = Refusals::default();
        // Those of before the wait may be of an image that has been corrected.
        assert!(!refusals.hopeless(&old, after(0)) && !refusals.hopeless(&old, after(60)));
        assert!(!refusals.hopeless(&with(&["a", "b"]), after(60)), "twice is a node that was not ready yet");
        assert!(refusals.hopeless(&with(&["a", "b", "c"]), after(61)));

        let mut refusals = Refusals::default();
        let waits = [task("a", 1, PREPARING)];
        assert!(!refusals.hopeless(&waits, after(0)));
        assert!(!refusals.hopeless(&with(&[]), after(5)), "three at once, and too soon");
        // Ten replicas that are refused once are refused once.
        let mut refusals = Refusals::default();
        refusals.hopeless(&[], after(0));
        let many: Vec<Task> = (1..=10).map(|slot| task(&format!("t{slot}"), slot, REJECTED)).collect();
        assert!(!refusals.hopeless(&many, after(60)));
        // Where one runs, the others may come.
        let mut refusals = Refusals::default();
        refusals.hopeless(&[], after(0));
        let some: Vec<Task> = with(&["a", "b"]).into_iter().chain([task("r", 2, RUNNING)]).collect();
        assert!(!refusals.hopeless(&some, after(60)) && !refusals.hopeless(&some, after(90)));
    }

    #[test]
    fn a_wait_that_lasts_is_told_of_and_ends_with_the_command_that_shows_more() {
        let mut said = Said { what: String::new(), at: Duration::ZERO };
        let at = Duration::from_millis;
        assert!(!said.due("0 of 1", at(900)) && said.due("0 of 1", at(1000)));
        said = Said { what: "0 of 1".to_owned(), at: at(1000) };
        assert!(!said.due("0 of 1", at(10_900)) && said.due("0 of 1", at(11_000)));
        assert!(!said.due("1 of 2", at(2_900)) && said.due("1 of 2", at(3_000)));
        let missing = Missing::new("no task of rng runs".to_owned(), "`docker service ps --no-trunc rng` shows it");
        assert_eq!(
            missing.given_up(Duration::from_secs(23)),
            "no task of rng runs, after 23 s\n  `docker service ps --no-trunc rng` shows it"
        );
    }
}
