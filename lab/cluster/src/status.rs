//! How a cluster is.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use swarm::bollard::models::{ContainerInspectResponse, PortBinding};
use swarm::{Node, patient};

use crate::outer::Found;
use crate::{Outer, label, node_engine};

/// How long one node's engine may take to answer; a frozen one never does.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// A cluster and its nodes.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The cluster's name.
    pub name: String,
    /// Whether there is a Swarm, and a manager of it answers.
    pub swarm: bool,
    /// The nodes, `head` first.
    pub nodes: Vec<NodeStatus>,
}

/// One node.
#[derive(Debug, Clone, Serialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// `manager` or `worker`.
    pub role: String,
    /// The container: `running`, `paused`, `exited`.
    pub state: String,
    /// In the Swarm: `ready`, `down` or `unknown`, where it is in one.
    pub swarm: Option<String>,
    /// `active`, `pause` or `drain`, where it is in a Swarm.
    pub availability: Option<String>,
    /// Whether it is cut off from the private network.
    pub partitioned: bool,
    /// Version of its engine, where that answers.
    pub engine: Option<String>,
    /// Address on the public network.
    pub public: Option<String>,
    /// Address on the private network.
    pub private: Option<String>,
    /// Where its ports are on this machine: port of the node, and the addresses here.
    pub ports: BTreeMap<u16, Vec<String>>,
    /// `DOCKER_HOST` for its engine.
    pub docker_host: String,
}

/// Looks at a cluster that must be there.
///
/// # Errors
/// When there is none of that name.
pub async fn status(outer: &Outer, cluster: &str) -> Result<Status> {
    let found = outer.existing(cluster).await?;
    let members = members(cluster, &found).await;
    let nodes = futures_util::future::try_join_all(found.iter().map(|node| one(outer, node, members.as_deref())));
    Ok(Status { name: cluster.to_owned(), swarm: members.is_some(), nodes: nodes.await? })
}

/// The Swarm's own view, from the first manager that answers.
async fn members(cluster: &str, found: &[Found]) -> Option<Vec<Node>> {
    for node in found.iter().filter(|node| node.state == "running" && node.node.starts_with("head")) {
        let asked = tokio::time::timeout(patient(ANSWER_WITHIN), async {
            node_engine(cluster, &node.node).await.ok()?.swarm().await.ok()?.nodes().await.ok()
        });
        if let Ok(Some(members)) = asked.await {
            return Some(members);
        }
    }
    None
}

async fn one(outer: &Outer, found: &Found, members: Option<&[Node]>) -> Result<NodeStatus> {
    let container = outer
        .docker()
        .inspect_container(&found.id, None)
        .await
        .with_context(|| format!("cannot inspect {}", found.node))?;
    let running = found.state == "running";
    let (engine, partitioned) = if running {
        let engine = tokio::time::timeout(patient(ANSWER_WITHIN), node_engine(&found.cluster, &found.node));
        tokio::join!(async { engine.await.ok()?.ok() }, outer.partitioned(&found.id))
    } else {
        (None, false)
    };
    let member = members.and_then(|members| members.iter().find(|member| member.name == found.node));
    let labels = container.config.as_ref().and_then(|config| config.labels.clone()).unwrap_or_default();
    Ok(NodeStatus {
        name: found.node.clone(),
        role: labels.get(label::ROLE).cloned().unwrap_or_default(),
        state: found.state.clone(),
        swarm: member.map(|member| member.state.clone()),
        availability: member.map(|member| member.availability.clone()),
        partitioned,
        engine: engine.map(|engine| engine.version().to_owned()),
        public: address(&container, &format!("{}-public", found.cluster)),
        private: address(&container, &format!("{}-private", found.cluster)),
        ports: ports(&container),
        docker_host: format!("unix://{}/{}/{}.sock", crate::NODE_SOCKETS, found.cluster, found.node),
    })
}

fn address(container: &ContainerInspectResponse, network: &str) -> Option<String> {
    let endpoint = container.network_settings.as_ref()?.networks.as_ref()?.get(network)?;
    // A stopped container has no address, but the one that it will have again.
    let fixed = || endpoint.ipam_config.as_ref()?.ipv4_address.clone();
    endpoint.ip_address.clone().filter(|address| !address.is_empty()).or_else(fixed)
}

fn ports(container: &ContainerInspectResponse) -> BTreeMap<u16, Vec<String>> {
    let ports = container.network_settings.as_ref().and_then(|settings| settings.ports.clone()).unwrap_or_default();
    ports
        .into_iter()
        .filter_map(|(port, bindings)| {
            let here = |binding: PortBinding| Some(format!("{}:{}", binding.host_ip?, binding.host_port?));
            Some((port.split('/').next()?.parse().ok()?, bindings?.into_iter().filter_map(here).collect()))
        })
        .collect()
}
