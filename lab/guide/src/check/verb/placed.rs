//! On which nodes a service's tasks run.

use std::collections::BTreeMap;

use anyhow::Result;
use async_trait::async_trait;
use swarm::{Node, Task};

use super::nodes::find;
use super::service::{not_or_not_yet, tasks};
use crate::check::{Finding, Look, Scene, Verb};

fn node_name<'a>(task: &Task, nodes: &'a [Node]) -> &'a str {
    nodes.iter().find(|node| Some(&node.id) == task.node_id.as_ref()).map_or("-", |node| node.name.as_str())
}

/// `spread`
pub const SPREAD: Verb = Verb {
    form: "spread SERVICE...",
    about: "The tasks of a service, or of several together, are spread over the active nodes: their numbers differ by one at most for one service, and no node has none of several.",
    example: "spread worker",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Spread(args.several("SERVICE")?))),
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
