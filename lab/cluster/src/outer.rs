//! The engine of this machine, which runs the nodes.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use swarm::Engine;
use swarm::bollard::Docker;
use swarm::bollard::models::ContainerSummary;
use swarm::bollard::query_parameters::ListContainersOptionsBuilder;

use crate::{label, node_of};

/// The engine that runs the nodes as containers.
#[derive(Debug, Clone)]
pub struct Outer {
    engine: Engine,
    /// What `DOCKER_HOST` says, where it was followed.
    exported: Option<String>,
}

/// A node as the engine outside sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The cluster that it belongs to.
    pub cluster: String,
    /// The node's name.
    pub node: String,
    /// The container's identifier.
    pub id: String,
    /// `running`, `exited`, `paused` or another of Docker's words.
    pub state: String,
}

impl Outer {
    /// Connects to the engine that `DOCKER_HOST` names, or to the local one.
    ///
    /// Whoever works with a node's engine has exported its socket: that is inside of a cluster, so the local engine is meant.
    ///
    /// # Errors
    /// When there is no engine, or it is too old.
    pub async fn connect() -> Result<Outer> {
        let exported = swarm::exported().filter(|host| node_of(host).is_none());
        let host = exported.clone().unwrap_or_else(|| swarm::DEFAULT_HOST.to_owned());
        Ok(Outer { engine: Engine::connect(Some(&host)).await?, exported })
    }

    /// What to add where something is not found: that another engine than this machine's own was asked.
    pub fn reason(&self) -> String {
        self.exported.as_ref().map_or_else(String::new, |host| {
            format!(
                "\n  DOCKER_HOST={host} names the engine that was asked; `unset DOCKER_HOST` asks this machine's own"
            )
        })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The client.
    pub fn docker(&self) -> &Docker {
        self.engine.docker()
    }

    /// The nodes of one cluster, or of all, by cluster and name; `head` comes first.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn nodes(&self, cluster: Option<&str>) -> Result<Vec<Found>> {
        let options = ListContainersOptionsBuilder::default().all(true).filters(&label::filter(cluster)).build();
        let containers = self.docker().list_containers(Some(options)).await.context("cannot list containers")?;
        let mut found: Vec<Found> = containers.into_iter().filter_map(found).collect();
        found.sort_by_key(|node| (node.cluster.clone(), order(&node.node)));
        Ok(found)
    }

    /// One node by name, with a list of those that there are when there is none of that name.
    ///
    /// # Errors
    /// When there is no such cluster or node.
    pub async fn node(&self, cluster: &str, name: &str) -> Result<Found> {
        let nodes = self.existing(cluster).await?;
        let names: Vec<String> = nodes.iter().map(|node| node.node.clone()).collect();
        match nodes.into_iter().find(|node| node.node == name) {
            Some(node) => Ok(node),
            None => bail!("there is no node {name} in cluster {cluster}\n  there are: {}", names.join(", ")),
        }
    }

    /// All nodes of a cluster that must be there.
    ///
    /// # Errors
    /// When there is no such cluster: the error lists those that there are.
    pub async fn existing(&self, cluster: &str) -> Result<Vec<Found>> {
        let nodes = self.nodes(Some(cluster)).await?;
        if nodes.is_empty() {
            let all: BTreeMap<String, ()> =
                self.nodes(None).await?.into_iter().map(|node| (node.cluster, ())).collect();
            let names: Vec<String> = all.into_keys().collect();
            if names.is_empty() {
                bail!("there is no cluster {cluster}\n  make it with `lab cluster up`{}", self.reason());
            }
            bail!("there is no cluster {cluster}\n  there are: {}{}", names.join(", "), self.reason());
        }
        Ok(nodes)
    }
}

fn found(container: ContainerSummary) -> Option<Found> {
    let labels = container.labels?;
    Some(Found {
        cluster: labels.get(label::CLUSTER)?.clone(),
        node: labels.get(label::NODE)?.clone(),
        id: container.id?,
        state: container.state.map(|state| state.to_string()).unwrap_or_default(),
    })
}

/// `head` before the others, and `worker-10` behind `worker-9`.
fn order(name: &str) -> (String, u32) {
    match name.rsplit_once('-').map(|(stem, n)| (stem, n.parse())) {
        Some((stem, Ok(n))) => (stem.to_owned(), n),
        _ => (name.to_owned(), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn names_are_in_the_order_that_a_person_counts() {
        let mut names = ["worker-10", "worker-9", "head", "head-2"];
        names.sort_by_key(|name| order(name));
        assert_eq!(names, ["head", "head-2", "worker-9", "worker-10"]);
    }
}
