//! Whether services run as they should, and what the other verbs ask of their tasks.

use anyhow::Result;
use async_trait::async_trait;
use swarm::{Mode, Node, State, Swarm, Task};

use crate::check::{Finding, Look, Scene, Verb};

/// A service's tasks that run on nodes that answer.
pub async fn tasks(swarm: &Swarm, name: &str) -> Result<(Vec<Task>, Vec<Node>)> {
    let (tasks, nodes) = (swarm.tasks(Some(name)).await?, swarm.nodes().await?);
    let ready = |task: &Task| nodes.iter().any(|node| node.ready && Some(&node.id) == task.node_id.as_ref());
    let running = tasks.into_iter().filter(|task| task.wanted() && task.state == State::Running && ready(task));
    Ok((running.collect(), nodes))
}

/// Whether a service has tasks that are still on their way to running, or that should stop and have not.
async fn busy(swarm: &Swarm, name: &str) -> Result<bool> {
    let on_its_way = |task: &Task| {
        let begins = task.wanted() && task.state < State::Running && task.error.is_none();
        let ends = !task.wanted() && task.state == State::Running;
        begins || ends
    };
    Ok(swarm.tasks(Some(name)).await?.iter().any(on_its_way))
}

/// A finding that does not hold, which may change by itself while tasks come and go.
pub async fn not_or_not_yet(swarm: &Swarm, name: &str, said: String) -> Result<Finding> {
    Ok(if busy(swarm, name).await? { Finding::not_yet(said) } else { Finding::no(said) })
}

/// The newest error among a service's tasks, for a sentence.
pub async fn failure(swarm: &Swarm, name: &str) -> Result<String> {
    let rows = swarm::table::rows(swarm, Some(name)).await?;
    let error =
        rows.into_iter().find_map(|row| row.error.map(|error| format!(" ({} on {}: {error})", row.name, row.node)));
    Ok(error.unwrap_or_default())
}

/// What a service is, for a sentence.
fn is(mode: Mode) -> String {
    match mode {
        Mode::Replicated(n) => format!("has {n} replicas"),
        mode => format!("is {mode}"),
    }
}

/// `running`
pub const RUNNING: Verb = Verb {
    form: "running SERVICE N",
    about: "A service has so many replicas, and all of them run.",
    example: "running worker 10",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Running { name: args.text("SERVICE")?, wanted: args.whole("N")? })),
};

#[derive(Debug)]
struct Running {
    name: String,
    wanted: usize,
}

#[async_trait]
impl Look for Running {
    fn what(&self) -> String {
        format!("{} runs {}/{}", self.name, self.wanted, self.wanted)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, wanted) = (&self.name, self.wanted);
        let swarm = scene.place.swarm().await?;
        let service = swarm.service(name).await?;
        if service.mode != Mode::Replicated(u32::try_from(wanted)?) {
            return Ok(Finding::no(format!("{name} {}: `docker service scale {name}={wanted}`", is(service.mode))));
        }
        let (running, _) = tasks(&swarm, name).await?;
        if running.len() == wanted {
            return Ok(Finding::yes(format!("{wanted} of {wanted} tasks run")));
        }
        let why = failure(&swarm, name).await?;
        let said =
            format!("{} of {wanted} tasks of {name} run{why}: `docker service ps --no-trunc {name}`", running.len());
        not_or_not_yet(&swarm, name, said).await
    }
}

/// `global`
pub const GLOBAL: Verb = Verb {
    form: "global SERVICE",
    about: "A service is global, and a task of it runs on each active node.",
    example: "global rng",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Global(args.text("SERVICE")?))),
};

#[derive(Debug)]
struct Global(String);

#[async_trait]
impl Look for Global {
    fn what(&self) -> String {
        format!("{} runs once on each node", self.0)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, swarm) = (&self.0, scene.place.swarm().await?);
        let service = swarm.service(name).await?;
        if service.mode != Mode::Global {
            return Ok(Finding::no(format!(
                "{name} {}, not one on each node. The mode cannot be changed: remove the service and create it again with --mode global",
                is(service.mode)
            )));
        }
        let (running, nodes) = tasks(&swarm, name).await?;
        let wanted = nodes.iter().filter(|node| node.ready && node.availability == "active").count();
        if running.len() == wanted {
            return Ok(Finding::yes(format!("one task on each of {wanted} nodes")));
        }
        let why = failure(&swarm, name).await?;
        not_or_not_yet(&swarm, name, format!("{} tasks run, and {wanted} nodes are active{why}", running.len())).await
    }
}
