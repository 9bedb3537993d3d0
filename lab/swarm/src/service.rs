//! Services: what should run, and how many times.

use std::collections::BTreeMap;
use std::fmt;

use bollard::models::ServiceUpdateStatusStateEnum;
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
    /// The variables that its tasks are started with, but for the image's own.
    pub environment: BTreeMap<String, String>,
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
        let container = spec.task_template.and_then(|template| template.container_spec).unwrap_or_default();
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
            environment: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
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
}
