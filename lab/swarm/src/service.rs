//! Services: what should run, and how many times.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use bollard::models::{
    EndpointPortConfig, EndpointPortConfigPublishModeEnum, Mount, MountType, ServiceUpdateStatusStateEnum,
};
use serde::Serialize;

/// How many tasks a service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// As many as asked for.
    Replicated(u32),
    /// One on each node.
    Global,
    /// Runs until so many have completed.
    ReplicatedJob(u32),
    /// Runs to completion once on each node.
    GlobalJob,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Replicated(_) => "replicated",
            Mode::Global => "global",
            Mode::ReplicatedJob(_) => "a replicated job",
            Mode::GlobalJob => "a global job",
        })
    }
}

/// How the last change of a service went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Update {
    /// Swarm's word: `updating`, `paused`, `completed`, `rollback_started`, `rollback_paused` or `rollback_completed`.
    pub state: String,
    /// Swarm's reason.
    pub message: String,
}

impl Update {
    /// Whether Swarm is still at it.
    pub fn busy(&self) -> bool {
        matches!(self.state.as_str(), "updating" | "rollback_started")
    }

    /// Whether it ended in anything but the change that was asked for.
    pub fn failed(&self) -> bool {
        matches!(self.state.as_str(), "paused" | "rollback_paused" | "rollback_completed")
    }
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Service {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many tasks it has.
    pub mode: Mode,
    /// The image, with its digest where the manager resolved it.
    pub image: String,
    /// `vip` or `dnsrr`.
    pub endpoint_mode: String,
    /// How the last change went, where there was one.
    pub update: Option<Update>,
    /// The stack that it belongs to, where there is one.
    pub stack: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The variables that its tasks are started with, but for the image's own.
    pub environment: BTreeMap<String, String>,
    /// Identifiers of the networks that its tasks join; the routing mesh's own is not among them.
    pub networks: Vec<String>,
    /// The virtual IPs that its name leads to, without the routing mesh's.
    pub virtual_ips: Vec<IpAddr>,
    /// The ports that it publishes.
    pub ports: Vec<Port>,
    /// Processors that each task may use, where they are limited.
    pub cpu_limit: Option<f64>,
    /// What its tasks write to beside their own file systems: volumes, and folders of the nodes.
    pub writes_to: Vec<String>,
}

/// A port that a service publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Port {
    /// The port of the nodes; 0 where Swarm is to choose one.
    pub published: u16,
    /// The tasks' own.
    pub target: u16,
    /// Only the nodes that run a task have it open, and lead to that task alone (`mode=host`).
    pub host_mode: bool,
}

impl Service {
    /// Whether both are on one network.
    pub fn shares_network_with(&self, other: &Service) -> bool {
        self.networks.iter().any(|id| other.networks.contains(id))
    }

    /// Whether both are of one application: they share a network, or belong to one stack.
    pub fn is_beside(&self, other: &Service) -> bool {
        self.shares_network_with(other) || self.stack.is_some() && self.stack == other.stack
    }
}

impl From<&bollard::models::Service> for Service {
    fn from(service: &bollard::models::Service) -> Self {
        let spec = service.spec.clone().unwrap_or_default();
        let mode = spec.mode.unwrap_or_default();
        let count = |count: Option<i64>| count.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let mode = if let Some(job) = mode.replicated_job {
            Mode::ReplicatedJob(count(job.total_completions))
        } else if mode.global.is_some() {
            Mode::Global
        } else if mode.global_job.is_some() {
            Mode::GlobalJob
        } else {
            Mode::Replicated(count(mode.replicated.and_then(|mode| mode.replicas)))
        };
        let labels = spec.labels.unwrap_or_default();
        let template = spec.task_template.unwrap_or_default();
        // Before API 1.44 networks might stand beside the template.
        let networks = template.networks.or(spec.networks).unwrap_or_default();
        let networks: Vec<String> = networks.into_iter().filter_map(|network| network.target).collect();
        let limits = template.resources.and_then(|resources| resources.limits);
        let nano = limits.and_then(|limits| limits.nano_cpus).filter(|nano| *nano > 0);
        let endpoint = service.endpoint.clone().unwrap_or_default();
        let own = |id: &Option<String>| id.as_ref().is_some_and(|id| networks.contains(id));
        let virtual_ips = endpoint.virtual_ips.unwrap_or_default().into_iter();
        let virtual_ips = virtual_ips.filter(|ip| own(&ip.network_id)).filter_map(|ip| address(ip.addr.as_deref()?));
        let container = template.container_spec.unwrap_or_default();
        let mounts = container.mounts.unwrap_or_default();
        let variables = container.env.unwrap_or_default();
        let variables = variables.iter().filter_map(|pair| pair.split_once('='));
        Service {
            id: service.id.clone().unwrap_or_default(),
            name: spec.name.unwrap_or_default(),
            mode,
            image: container.image.unwrap_or_default(),
            endpoint_mode: spec
                .endpoint_spec
                .and_then(|endpoint| endpoint.mode)
                .map(|mode| mode.to_string())
                .filter(|mode| !mode.is_empty())
                .unwrap_or_else(|| "vip".to_owned()),
            update: service.update_status.clone().and_then(|status| {
                let state = status.state.filter(|s| *s != ServiceUpdateStatusStateEnum::EMPTY)?;
                Some(Update { state: state.to_string(), message: status.message.unwrap_or_default() })
            }),
            stack: labels.get("com.docker.stack.namespace").cloned(),
            labels: labels.into_iter().collect(),
            environment: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            virtual_ips: virtual_ips.collect(),
            ports: endpoint.ports.unwrap_or_default().iter().map(Port::from).collect(),
            cpu_limit: nano.map(|nano| nano as f64 / 1e9),
            writes_to: mounts.iter().filter_map(written).collect(),
            networks,
        }
    }
}

/// An address without the length of its prefix, as `10.0.1.5/24` has it.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// What is written to through a mount, where it outlives the task or is the node's.
fn written(mount: &Mount) -> Option<String> {
    let lasting = matches!(mount.typ, Some(MountType::VOLUME | MountType::BIND));
    (lasting && !mount.read_only.unwrap_or(false)).then(|| mount.source.clone().unwrap_or_default())
}

impl From<&EndpointPortConfig> for Port {
    fn from(port: &EndpointPortConfig) -> Self {
        let number = |port: Option<i64>| port.and_then(|port| u16::try_from(port).ok()).unwrap_or_default();
        Port {
            published: number(port.published_port),
            target: number(port.target_port),
            host_mode: port.publish_mode == Some(EndpointPortConfigPublishModeEnum::HOST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(mode: serde_json::Value) -> Service {
        let raw: bollard::models::Service = serde_json::from_value(json!({
            "ID": "s1",
            "Spec": {"Name": "worker", "Mode": mode, "Labels": {"com.docker.stack.namespace": "dockercoins"},
                     "TaskTemplate": {"ContainerSpec": {"Image": "worker:v1@sha256:00"}}},
            "UpdateStatus": {"State": "rollback_completed", "Message": "rollback completed"},
        }))
        .unwrap();
        Service::from(&raw)
    }

    #[test]
    fn all_four_modes_are_told_apart() {
        assert_eq!(service(json!({"Replicated": {"Replicas": 3}})).mode, Mode::Replicated(3));
        assert_eq!(service(json!({"Global": {}})).mode, Mode::Global);
        assert_eq!(
            service(json!({"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 2}})).mode,
            Mode::ReplicatedJob(2)
        );
        assert_eq!(service(json!({"GlobalJob": {}})).mode, Mode::GlobalJob);
    }

    #[test]
    fn a_rollback_is_a_failed_update_that_is_over() {
        let service = service(json!({"Replicated": {"Replicas": 1}}));
        let update = service.update.unwrap();
        assert!(update.failed() && !update.busy());
        assert_eq!((service.endpoint_mode.as_str(), service.stack.as_deref()), ("vip", Some("dockercoins")));
    }

    #[test]
    fn what_matters_to_whoever_asks_the_tasks_is_told() {
        let raw: bollard::models::Service = serde_json::from_value(json!({
            "ID": "s1",
            "Spec": {"Name": "web", "TaskTemplate": {
                "Networks": [{"Target": "n1"}],
                "Resources": {"Limits": {"NanoCPUs": 500_000_000}},
                "ContainerSpec": {"Image": "web", "Mounts": [
                    {"Type": "volume", "Source": "data", "Target": "/data"},
                    {"Type": "bind", "Source": "/etc/hosts", "Target": "/hosts", "ReadOnly": true},
                    {"Type": "tmpfs", "Target": "/tmp"}]}}},
            "Endpoint": {
                "Ports": [{"TargetPort": 80, "PublishedPort": 8080, "PublishMode": "host"}],
                "VirtualIPs": [{"NetworkID": "n1", "Addr": "10.0.1.2/24"}, {"NetworkID": "ingress", "Addr": "10.0.0.4/24"}]},
        }))
        .unwrap();
        let service = Service::from(&raw);
        assert_eq!((service.networks, service.cpu_limit), (vec!["n1".to_owned()], Some(0.5)));
        assert_eq!(service.virtual_ips, ["10.0.1.2".parse::<IpAddr>().unwrap()]);
        assert_eq!(service.ports, [Port { published: 8080, target: 80, host_mode: true }]);
        assert_eq!(service.writes_to, ["data"]);
    }
}
