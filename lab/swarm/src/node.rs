//! Nodes: the machines of a Swarm.

use std::collections::BTreeMap;

use bollard::models::{NodeSpecAvailabilityEnum, NodeSpecRoleEnum, NodeState};
use serde::Serialize;

/// One machine of the Swarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its identifier.
    pub id: String,
    /// Its host name.
    pub name: String,
    /// Its address in the Swarm.
    pub address: String,
    /// Whether it is a manager.
    pub manager: bool,
    /// Whether it leads the managers.
    pub leader: bool,
    /// Whether it answers.
    pub ready: bool,
    /// Swarm's word for the state: `ready`, `down`, `unknown` or `disconnected`.
    pub state: String,
    /// `active`, `pause` or `drain`.
    pub availability: String,
    /// Version of its engine.
    pub engine: String,
    /// Its processors; 0 where it does not tell.
    pub cpus: u32,
    /// Its memory, in bytes; 0 where it does not tell.
    pub memory_bytes: u64,
    /// The machine that it shares with other nodes, where its engine says so.
    pub machine: Option<String>,
}

/// The engine's label that names the machine. Nodes that are containers on one machine each report all of its processors,
/// and have the same label.
pub const MACHINE: &str = "swarmlab.machine";

/// Processors are told in billionths.
const NANO: i64 = 1_000_000_000;

impl From<bollard::models::Node> for Node {
    fn from(node: bollard::models::Node) -> Self {
        let spec = node.spec.unwrap_or_default();
        let status = node.status.unwrap_or_default();
        let description = node.description.unwrap_or_default();
        let manager = node.manager_status.unwrap_or_default();
        let resources = description.resources.unwrap_or_default();
        let engine = description.engine.unwrap_or_default();
        let labels: BTreeMap<String, String> = engine.labels.unwrap_or_default().into_iter().collect();
        Node {
            id: node.id.unwrap_or_default(),
            name: description.hostname.unwrap_or_default(),
            address: status.addr.unwrap_or_default(),
            manager: spec.role == Some(NodeSpecRoleEnum::MANAGER),
            leader: manager.leader.unwrap_or(false),
            ready: status.state == Some(NodeState::READY),
            state: status.state.map(|state| state.to_string()).unwrap_or_default(),
            availability: match spec.availability {
                Some(NodeSpecAvailabilityEnum::PAUSE) => "pause",
                Some(NodeSpecAvailabilityEnum::DRAIN) => "drain",
                _ => "active",
            }
            .to_owned(),
            engine: engine.engine_version.unwrap_or_default(),
            cpus: resources.nano_cpus.and_then(|nano| u32::try_from(nano / NANO).ok()).unwrap_or_default(),
            memory_bytes: resources.memory_bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default(),
            machine: labels.get(MACHINE).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_tells_its_processors_and_the_machine_that_it_shares() {
        let raw = json!({"Description": {
            "Hostname": "worker-1",
            "Resources": {"NanoCPUs": 4_000_000_000_i64, "MemoryBytes": 8_589_934_592_i64},
            "Engine": {"EngineVersion": "26.1.5", "Labels": {MACHINE: "a-boot"}},
        }});
        let node = Node::from(serde_json::from_value::<bollard::models::Node>(raw).unwrap());
        assert_eq!((node.cpus, node.memory_bytes, node.machine.as_deref()), (4, 8 << 30, Some("a-boot")));
        let silent = Node::from(serde_json::from_value::<bollard::models::Node>(json!({})).unwrap());
        assert_eq!((silent.cpus, silent.machine), (0, None));
    }
}
