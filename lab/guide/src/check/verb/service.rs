//! Services and their tasks.

use std::collections::BTreeMap;

use anyhow::Result;
use async_trait::async_trait;
use swarm::{Mode, Node, Phase, State, Swarm, Task};

use super::nodes::find;
use crate::check::docker::quoted;
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
async fn not_or_not_yet(swarm: &Swarm, name: &str, said: String) -> Result<Finding> {
    Ok(if busy(swarm, name).await? { Finding::not_yet(said) } else { Finding::no(said) })
}

/// The newest error among a service's tasks, for a sentence.
async fn failure(swarm: &Swarm, name: &str) -> Result<String> {
    let rows = swarm::table::rows(swarm, Some(name)).await?;
    let error =
        rows.into_iter().find_map(|row| row.error.map(|error| format!(" ({} on {}: {error})", row.name, row.node)));
    Ok(error.unwrap_or_default())
}

fn node_name<'a>(task: &Task, nodes: &'a [Node]) -> &'a str {
    nodes.iter().find(|node| Some(&node.id) == task.node_id.as_ref()).map_or("-", |node| node.name.as_str())
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
            let is = match service.mode {
                Mode::Replicated(n) => format!("has {n} replicas"),
                mode => format!("is {mode}"),
            };
            return Ok(Finding::no(format!("{name} {is}: `docker service scale {name}={wanted}`")));
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
                "{name} is {}: the mode cannot be changed, so remove the service and create it again with --mode global",
                service.mode
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

/// `spread`
pub const SPREAD: Verb = Verb {
    form: "spread SERVICE...",
    about: "The tasks of a service, or of several together, are spread over the active nodes: their numbers differ by one at most for one service, and no node has none of several.",
    example: "spread worker",
    generic: false,
    holds_at_first: false,
    read: |args| {
        let mut names = vec![args.text("SERVICE")?];
        while !args.is_empty() {
            names.push(args.text("SERVICE")?);
        }
        Ok(Box::new(Spread(names)))
    },
};

#[derive(Debug)]
struct Spread(Vec<String>);

#[async_trait]
impl Look for Spread {
    fn what(&self) -> String {
        format!("{} spread over the nodes", self.0.join(", "))
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let swarm = scene.place.swarm().await?;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for node in swarm.nodes().await?.into_iter().filter(|node| node.ready && node.availability == "active") {
            counts.insert(node.name, 0);
        }
        for name in &self.0 {
            let (running, nodes) = tasks(&swarm, name).await?;
            for task in &running {
                *counts.entry(node_name(task, &nodes).to_owned()).or_default() += 1;
            }
        }
        let (least, most) = (counts.values().min().copied().unwrap_or(0), counts.values().max().copied().unwrap_or(0));
        let seen: Vec<String> = counts.iter().map(|(node, n)| format!("{n} on {node}")).collect();
        let seen = seen.join(", ");
        let even = if self.0.len() == 1 { most - least <= 1 && most > 0 } else { least > 0 };
        if even {
            return Ok(Finding::yes(seen));
        }
        let first = &self.0[0];
        let said = format!(
            "{seen}: Swarm does not move running tasks. `docker service update --force {first}` spreads them again"
        );
        not_or_not_yet(&swarm, first, said).await
    }
}

/// `replaced`
pub const REPLACED: Verb = Verb {
    form: "replaced SERVICE [exit N]",
    about: "A task of a service failed (with this exit code) since the step began, another took its place in the same slot, and all replicas run.",
    example: "replaced hasher exit 137",
    generic: false,
    holds_at_first: false,
    read: |args| {
        let name = args.text("SERVICE")?;
        let exit = if args.takes("exit") { Some(i64::try_from(args.whole("N")?).unwrap_or(-1)) } else { None };
        // What had failed before is not this step's. A student may stop and start the service before the kill, so it is
        // not asked which tasks ran then.
        let command = format!(
            "docker service ps --no-trunc --format '{{{{.ID}}}} {{{{.CurrentState}}}}' {} | awk '/ (Failed|Rejected|Orphaned)/ {{print $1}}'",
            quoted(&name)
        );
        let source = crate::check::Source::Output { node: "head".to_owned(), command };
        Ok(Box::new(Replaced { name, exit, source }))
    },
};

#[derive(Debug)]
struct Replaced {
    name: String,
    exit: Option<i64>,
    source: crate::check::Source,
}

#[async_trait]
impl Look for Replaced {
    fn what(&self) -> String {
        let how = self.exit.map_or_else(String::new, |code| format!(" with exit code {code}"));
        format!("a task of {} failed{how} and was replaced", self.name)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, swarm) = (&self.name, scene.place.swarm().await?);
        let Mode::Replicated(wanted) = swarm.service(name).await?.mode else {
            return Ok(Finding::no(format!("{name} is not a replicated service")));
        };
        let all = swarm.tasks(Some(name)).await?;
        let then = scene.begun.get(&self.source.to_string()).map(String::as_str).unwrap_or_default();
        let new = |task: &&Task| !then.split_whitespace().any(|id| id == task.id);
        let failed: Vec<&Task> = all.iter().filter(new).filter(|task| task.state.phase() == Phase::Failed).collect();
        if failed.is_empty() {
            return Ok(Finding::no(if wanted == 0 {
                format!(
                    "{name} is scaled to 0: the swarm stopped its tasks, none has failed. `docker service scale {name}=1`, then `docker kill` its container"
                )
            } else {
                format!(
                    "no task of {name} has failed since the step began: kill one of its containers with `docker kill`"
                )
            }));
        }
        let code = failed.iter().find_map(|task| task.exit_code);
        if let Some(exit) = self.exit.filter(|exit| failed.iter().all(|task| task.exit_code != Some(*exit))) {
            let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
            return Ok(Finding::no(format!("a task of {name} ended with exit code {code}, not {exit}")));
        }
        let (running, _) = tasks(&swarm, name).await?;
        let said = format!("{} of {wanted} run; Swarm waits 5 s before it starts another", running.len());
        if running.len() != wanted as usize {
            return not_or_not_yet(&swarm, name, said).await;
        }
        let code = code.map_or_else(String::new, |code| format!(" with exit code {code}"));
        Ok(Finding::yes(format!("a task failed{code}, and {wanted} of {wanted} run again")))
    }

    fn remembers(&self) -> Option<&crate::check::Source> {
        Some(&self.source)
    }
}

/// `none_on`
pub const NONE_ON: Verb = Verb {
    form: "none_on NODE SERVICE",
    about: "No task of a service runs on a node.",
    example: "none_on worker-1 worker",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(On { node: args.text("NODE")?, name: args.text("SERVICE")?, wanted: false })),
};

/// `some_on`
pub const SOME_ON: Verb = Verb {
    form: "some_on NODE SERVICE",
    about: "A task of a service runs on a node.",
    example: "some_on worker-1 worker",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(On { node: args.text("NODE")?, name: args.text("SERVICE")?, wanted: true })),
};

#[derive(Debug)]
struct On {
    node: String,
    name: String,
    wanted: bool,
}

#[async_trait]
impl Look for On {
    fn what(&self) -> String {
        if self.wanted {
            format!("{} on {} too", self.name, self.node)
        } else {
            format!("no {} on {}", self.name, self.node)
        }
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (node, name) = (&self.node, &self.name);
        let swarm = scene.place.swarm().await?;
        let id = find(&swarm, node).await?.id;
        let (running, _) = tasks(&swarm, name).await?;
        let there = running.iter().filter(|task| task.node_id.as_deref() == Some(id.as_str())).count();
        if (there > 0) == self.wanted {
            return Ok(Finding::yes(format!("{there} tasks of {name} on {node}")));
        }
        let said =
            format!("{there} tasks of {name} run on {node}: `docker service ps -f desired-state=running {name}`");
        not_or_not_yet(&swarm, name, said).await
    }
}

/// `mounted`
pub const MOUNTED: Verb = Verb {
    form: "mounted VOLUME SERVICE",
    about: "A volume is mounted into a service's tasks.",
    example: "mounted registry registry",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Mounted { volume: args.text("VOLUME")?, name: args.text("SERVICE")? })),
};

#[derive(Debug)]
struct Mounted {
    volume: String,
    name: String,
}

#[async_trait]
impl Look for Mounted {
    fn what(&self) -> String {
        format!("{} keeps its data in volume {}", self.name, self.volume)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, volume, swarm) = (&self.name, &self.volume, scene.place.swarm().await?);
        swarm.service(name).await?;
        let raw = swarm.engine().docker().inspect_service(name, None).await?;
        let template = raw.spec.and_then(|spec| spec.task_template).and_then(|task| task.container_spec);
        let mounts = template.and_then(|container| container.mounts).unwrap_or_default();
        let has = mounts.iter().any(|mount| mount.source.as_deref() == Some(volume));
        Ok(Finding::when(
            has,
            format!("volume {volume} is mounted"),
            format!("{name} has no volume {volume}, so its data goes when its container goes: create it with --mount"),
        ))
    }
}

/// `pending`
pub const PENDING: Verb = Verb {
    form: "pending SERVICE N [says T]",
    about: "So many tasks of a service wait for a node, and the reason that Swarm gives has T in it.",
    example: "pending db 1 says \"insufficient resources\"",
    generic: false,
    holds_at_first: false,
    read: |args| {
        let (name, wanted) = (args.text("SERVICE")?, args.whole("N")?);
        let says = if args.takes("says") { args.text("T")? } else { String::new() };
        Ok(Box::new(Pending { name, wanted, says }))
    },
};

#[derive(Debug)]
struct Pending {
    name: String,
    wanted: usize,
    says: String,
}

#[async_trait]
impl Look for Pending {
    fn what(&self) -> String {
        format!("{} of {} wait for a node", self.wanted, self.name)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let swarm = scene.place.swarm().await?;
        let all = swarm.tasks(Some(&self.name)).await?;
        let waits = |task: &&Task| task.wanted() && task.state <= State::Pending;
        let reasons: Vec<&str> =
            all.iter().filter(waits).map(|task| task.error.as_deref().unwrap_or(&task.message)).collect();
        let right = reasons.iter().filter(|reason| reason.contains(&self.says)).count();
        let said = format!("{} tasks of {} wait for a node: {}", reasons.len(), self.name, reasons.join("; "));
        Ok(Finding::when(
            right == self.wanted && reasons.len() == self.wanted,
            said.clone(),
            format!("{said}. `docker service ps --no-trunc {}`", self.name),
        ))
    }
}

/// `completed`
pub const COMPLETED: Verb = Verb {
    form: "completed SERVICE N",
    about: "So many tasks of a service, or of a job in its last run, have ended as Complete.",
    example: "completed report 3",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Completed { name: args.text("SERVICE")?, wanted: args.whole("N")? })),
};

#[derive(Debug)]
struct Completed {
    name: String,
    wanted: usize,
}

#[async_trait]
impl Look for Completed {
    fn what(&self) -> String {
        format!("{} of {} are Complete", self.wanted, self.name)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let swarm = scene.place.swarm().await?;
        let all = swarm.tasks(Some(&self.name)).await?;
        // A job that runs again gives the tasks of its earlier run another desired state.
        let job = matches!(swarm.service(&self.name).await?.mode, Mode::ReplicatedJob(_) | Mode::GlobalJob);
        let done = all.iter().filter(|task| task.state == State::Complete && (!job || task.wanted())).count();
        if done == self.wanted {
            return Ok(Finding::yes(format!("{done} are Complete")));
        }
        let why = failure(&swarm, &self.name).await?;
        let said = format!("{done} of {} are Complete{why}: `docker service ps {}`", self.wanted, self.name);
        Ok(if all.iter().any(|task| task.wanted() && task.state.alive()) {
            Finding::not_yet(said)
        } else {
            Finding::no(said)
        })
    }
}
