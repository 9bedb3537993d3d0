//! The service that the agents are.

use std::collections::HashMap;
use std::net::SocketAddr;

use swarm::bollard::models::{
    EndpointSpec, EndpointSpecModeEnum, Mount, MountType, NetworkAttachmentConfig, ServiceSpec, ServiceSpecMode,
    ServiceSpecModeReplicated, TaskSpec, TaskSpecContainerSpec, TaskSpecContainerSpecFile,
    TaskSpecContainerSpecSecrets, TaskSpecPlacement, TaskSpecRestartPolicy, TaskSpecRestartPolicyConditionEnum,
};

use instrument::threads::NODE_PROC;

use crate::remote::SOCKET;
use crate::{Count, LABEL};

/// The token's file in a task. Swarm mounts secrets there, in memory.
const TOKEN_FILE: &str = "/run/secrets/token";

/// All that makes one service of agents different from another.
pub(crate) struct Agents<'a> {
    pub run: &'a str,
    pub count: Count,
    pub program: Program,
    pub image: String,
    /// Identifiers of the networks.
    pub networks: Vec<String>,
    pub constraints: Vec<String>,
    /// Identifier of the secret with the token, which has the run's name.
    pub secret: String,
    pub coordinator: SocketAddr,
}

/// What the tasks do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// Send load.
    Agent,
    /// Tell what the containers of their node use.
    Node,
}

/// What is labelled with the run's name.
pub(crate) fn labels(run: &str) -> HashMap<String, String> {
    HashMap::from([(LABEL.to_owned(), run.to_owned())])
}

/// What a task that looks after its node has of it: the engine's socket, and what the kernel tells of processes, to read.
pub(crate) fn of_node() -> Vec<Mount> {
    let bind = |source: &str, target: &str, read_only| Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_owned()),
        target: Some(target.to_owned()),
        read_only: Some(read_only),
        ..Mount::default()
    };
    vec![bind(SOCKET, SOCKET, false), bind("/proc", NODE_PROC, true)]
}

/// A task that is never started again.
pub(crate) fn once() -> TaskSpecRestartPolicy {
    TaskSpecRestartPolicy {
        condition: Some(TaskSpecRestartPolicyConditionEnum::NONE),
        ..TaskSpecRestartPolicy::default()
    }
}

/// Networks by their identifiers, as a task joins them.
pub(crate) fn attached(networks: Vec<String>) -> Vec<NetworkAttachmentConfig> {
    let attach = |id| NetworkAttachmentConfig { target: Some(id), ..NetworkAttachmentConfig::default() };
    networks.into_iter().map(attach).collect()
}

impl Agents<'_> {
    /// As Swarm's API takes it.
    pub fn spec(self) -> ServiceSpec {
        let file = TaskSpecContainerSpecFile {
            name: Some("token".to_owned()),
            uid: Some("0".to_owned()),
            gid: Some("0".to_owned()),
            // The image's user is nobody, and a secret's file is in this container alone.
            mode: Some(0o444),
        };
        let secret = TaskSpecContainerSpecSecrets {
            file: Some(file),
            secret_id: Some(self.secret),
            secret_name: Some(self.run.to_owned()),
        };
        let (command, user, mounts) = match self.program {
            Program::Agent => ("agent", None, None),
            // The engine's socket is root's.
            Program::Node => ("node", Some("0:0".to_owned()), Some(of_node())),
        };
        let container = TaskSpecContainerSpec {
            image: Some(self.image),
            args: Some(vec![command.to_owned()]),
            user,
            mounts,
            // The agent's own table shows where it ran.
            hostname: Some("{{.Node.Hostname}}".to_owned()),
            env: Some(vec![
                format!("LOADGEN_AGENT_JOIN={}", self.coordinator),
                format!("LOADGEN_TOKEN_FILE={TOKEN_FILE}"),
            ]),
            secrets: Some(vec![secret]),
            labels: Some(labels(self.run)),
            init: Some(true),
            ..TaskSpecContainerSpec::default()
        };
        let placement = TaskSpecPlacement { constraints: Some(self.constraints), ..TaskSpecPlacement::default() };
        let task = TaskSpec {
            container_spec: Some(container),
            // An agent that dies in the middle of a run cannot do its part any more: another one would only be late.
            restart_policy: Some(once()),
            placement: Some(placement),
            networks: Some(attached(self.networks)),
            ..TaskSpec::default()
        };
        let mode = match self.count {
            Count::Some(number) => ServiceSpecMode {
                replicated: Some(ServiceSpecModeReplicated { replicas: Some(i64::from(number)) }),
                ..ServiceSpecMode::default()
            },
            Count::Global => ServiceSpecMode { global: Some(HashMap::new()), ..ServiceSpecMode::default() },
        };
        ServiceSpec {
            name: Some(self.run.to_owned()),
            labels: Some(labels(self.run)),
            task_template: Some(task),
            mode: Some(mode),
            // Nobody asks for them by name, and a virtual IP needs IPVS in the nodes' kernel.
            endpoint_spec: Some(EndpointSpec { mode: Some(EndpointSpecModeEnum::DNSRR), ports: None }),
            ..ServiceSpec::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(count: Count) -> serde_json::Value {
        let agents = Agents {
            run: "loadgen-1",
            count,
            program: Program::Agent,
            image: "127.0.0.1:5000/loadgen:v1".into(),
            networks: vec!["n1".into()],
            constraints: vec!["node.role==worker".into()],
            secret: "s1".into(),
            coordinator: "10.0.0.1:7421".parse().unwrap(),
        };
        serde_json::to_value(agents.spec()).unwrap()
    }

    #[test]
    fn the_token_is_a_secret_and_nowhere_in_the_service() {
        let spec = spec(Count::Some(6));
        let container = &spec["TaskTemplate"]["ContainerSpec"];
        assert_eq!(container["Secrets"][0]["SecretID"], "s1");
        assert_eq!(
            container["Env"],
            serde_json::json!(["LOADGEN_AGENT_JOIN=10.0.0.1:7421", "LOADGEN_TOKEN_FILE=/run/secrets/token"])
        );
        assert_eq!((&spec["Mode"]["Replicated"]["Replicas"], &spec["Labels"][LABEL]), (&6.into(), &"loadgen-1".into()));
    }

    #[test]
    fn an_agent_is_placed_as_it_is_asked_for_and_never_started_again() {
        let spec = spec(Count::Global);
        let task = &spec["TaskTemplate"];
        assert_eq!(task["RestartPolicy"]["Condition"], "none");
        assert_eq!(task["Placement"]["Constraints"][0], "node.role==worker");
        assert_eq!(task["Networks"][0]["Target"], "n1");
        assert!(spec["Mode"]["Global"].is_object() && spec["Mode"]["Replicated"].is_null(), "{spec}");
        assert_eq!(spec["EndpointSpec"]["Mode"], "dnsrr");
    }
}
