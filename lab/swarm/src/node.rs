//! Nodes: the machines of a Swarm.

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
}

impl From<bollard::models::Node> for Node {
    fn from(node: bollard::models::Node) -> Self {
        let spec = node.spec.unwrap_or_default();
        let status = node.status.unwrap_or_default();
        let description = node.description.unwrap_or_default();
        let manager = node.manager_status.unwrap_or_default();
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
            engine: description.engine.and_then(|engine| engine.engine_version).unwrap_or_default(),
        }
    }
}
