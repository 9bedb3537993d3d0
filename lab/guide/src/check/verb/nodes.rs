//! Nodes of the Swarm.

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use swarm::{Node, Swarm};

use crate::check::{Finding, Look, Scene, Verb};

/// `swarm_active`
pub const SWARM_ACTIVE: Verb = Verb {
    form: "swarm_active",
    about: "Head manages a swarm.",
    example: "swarm_active",
    generic: false,
    holds_at_first: false,
    read: |_| Ok(Box::new(Active)),
};

#[derive(Debug)]
struct Active;

#[async_trait]
impl Look for Active {
    fn what(&self) -> String {
        "head manages a swarm".to_owned()
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        // The connection to the swarm says it all: its error tells what is not so.
        scene.place.engine().await?.swarm().await?;
        Ok(Finding::yes("head is a manager of a swarm"))
    }
}

/// `private_addresses`
pub const PRIVATE_ADDRESSES: Verb = Verb {
    form: "private_addresses",
    about: "Every node is in the swarm by its private address.",
    example: "private_addresses",
    generic: false,
    holds_at_first: false,
    read: |_| Ok(Box::new(Private)),
};

#[derive(Debug)]
struct Private;

#[async_trait]
impl Look for Private {
    fn what(&self) -> String {
        "nodes use their private addresses".to_owned()
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let nodes = scene.place.nodes().await?;
        let members = scene.place.swarm().await?.nodes().await?;
        let private = |member: &&Node| nodes.iter().any(|node| node.private == member.address);
        let wrong: Vec<String> = members
            .iter()
            .filter(|member| !private(member))
            .map(|member| format!("{} uses {}", member.name, member.address))
            .collect();
        Ok(Finding::when(
            wrong.is_empty(),
            "every node is in the swarm by its private address",
            format!(
                "{}, which is not its private address: give --advertise-addr when you make or join the swarm",
                wrong.join(", ")
            ),
        ))
    }
}

/// `ready`
pub const READY: Verb = Verb {
    form: "ready N",
    about: "So many nodes are in the swarm, and Ready.",
    example: "ready 3",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Ready(args.whole("N")?))),
};

#[derive(Debug)]
struct Ready(usize);

#[async_trait]
impl Look for Ready {
    fn what(&self) -> String {
        format!("{} nodes are Ready", self.0)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let members = scene.place.swarm().await?.nodes().await?;
        let ready = members.iter().filter(|node| node.ready).count();
        let seen: Vec<String> = members.iter().map(|node| format!("{} {}", node.name, node.state)).collect();
        let seen = seen.join(", ");
        if ready == self.0 {
            return Ok(Finding::yes(seen));
        }
        let said = format!(
            "{ready} of {} nodes are Ready ({seen}): `docker swarm join-token worker` prints what the others run",
            self.0
        );
        // One that has just joined is not Ready at once.
        Ok(if members.len() >= self.0 { Finding::not_yet(said) } else { Finding::no(said) })
    }
}

/// `managers`
pub const MANAGERS: Verb = Verb {
    form: "managers N",
    about: "So many nodes are managers.",
    example: "managers 3",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Managers(args.whole("N")?))),
};

#[derive(Debug)]
struct Managers(usize);

#[async_trait]
impl Look for Managers {
    fn what(&self) -> String {
        format!("{} of the nodes manage", self.0)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let members = scene.place.swarm().await?.nodes().await?;
        let names: Vec<&str> = members.iter().filter(|node| node.manager).map(|node| node.name.as_str()).collect();
        Ok(Finding::when(
            names.len() == self.0,
            format!("managers: {}", names.join(", ")),
            format!(
                "managers are {}, and there should be {}: `docker node promote` and `docker node demote` change that",
                names.join(", "),
                self.0
            ),
        ))
    }
}

/// A node of the swarm by its name; a machine's own name may be the longer one of a domain.
pub async fn find(swarm: &Swarm, name: &str) -> Result<Node> {
    let nodes = swarm.nodes().await?;
    let same = |node: &&Node| node.name == name || node.name.split('.').next() == Some(name);
    let found = nodes.iter().find(same).cloned();
    found.with_context(|| format!("there is no node {name} in the swarm: `docker node ls`"))
}

/// `node_state`
pub const NODE_STATE: Verb = Verb {
    form: "node_state NODE ready|down|unknown|disconnected",
    about: "A node is in this state, as the managers see it.",
    example: "node_state worker-2 down",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(State { node: args.text("NODE")?, wanted: args.text("STATE")? })),
};

#[derive(Debug)]
struct State {
    node: String,
    wanted: String,
}

#[async_trait]
impl Look for State {
    fn what(&self) -> String {
        format!("{} is {}", self.node, self.wanted)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, wanted) = (&self.node, &self.wanted);
        let state = find(&scene.place.swarm().await?, name).await?.state;
        if state == *wanted {
            return Ok(Finding::yes(format!("{name} is {state}")));
        }
        let said = format!("{name} is {state}, not {wanted}. The managers need about 15 s to notice: `docker node ls`");
        // Only a node that was stopped, or started, is on its way to another state.
        let runs = scene.place.node(name).await?.running;
        Ok(if runs == (wanted == "ready") { Finding::not_yet(said) } else { Finding::no(said) })
    }
}

/// `availability`
pub const AVAILABILITY: Verb = Verb {
    form: "availability NODE active|pause|drain",
    about: "A node has this availability.",
    example: "availability worker-1 drain",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Availability { node: args.text("NODE")?, wanted: args.text("WORD")? })),
};

#[derive(Debug)]
struct Availability {
    node: String,
    wanted: String,
}

#[async_trait]
impl Look for Availability {
    fn what(&self) -> String {
        format!("{} is {}", self.node, self.wanted)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, wanted) = (&self.node, &self.wanted);
        let is = find(&scene.place.swarm().await?, name).await?.availability;
        Ok(Finding::when(
            is == *wanted,
            format!("{name} is {is}"),
            format!("{name} is {is}: `docker node update --availability {wanted} {name}`"),
        ))
    }
}
