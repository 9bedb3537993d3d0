//! One environment, as its service and its tasks tell it.

use std::time::{Duration, SystemTime};

use bollard::models::{Service, Task, TaskState};
use serde::{Serialize, Serializer};

use crate::{Labels, is_name};

/// How far an environment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Swarm places it, starts it, or starts it again; with a health check, it is not healthy yet.
    Pending,
    /// It runs, and is healthy where its image has a health check.
    Ready,
    /// It broke so often that Swarm has given it up.
    Failed,
}

/// One environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name, which is the name of its service: the same user and key give the same.
    pub id: String,
    /// Swarm's identifier of its service, which no other has, before or after.
    pub service: String,
    /// What its labels say.
    pub labels: Labels,
    /// The image that it runs.
    pub image: String,
    /// When Swarm has made it.
    pub created: SystemTime,
    /// How far it is.
    pub state: State,
    /// Why it is not ready, in Swarm's words, where it says.
    pub reason: Option<String>,
}

impl Environment {
    /// Reads it from its service and all tasks that there are; `None` where the service is no environment.
    pub fn read(service: &Service, tasks: &[Task]) -> Option<Self> {
        let spec = service.spec.as_ref()?;
        let id = spec.name.as_ref().filter(|name| is_name(name))?.clone();
        let labels = Labels::read(spec.labels.as_ref()?)?;
        let container = spec.task_template.as_ref()?.container_spec.as_ref()?;
        let tasks: Vec<&Task> = tasks.iter().filter(|task| task.service_id == service.id).collect();
        let (state, reason) = state(&tasks);
        Some(Self {
            id,
            service: service.id.clone()?,
            labels,
            image: container.image.clone()?,
            created: time(service.created_at.as_deref()),
            state,
            reason,
        })
    }
}

/// How far an environment is whose tasks these are, and why.
fn state(tasks: &[&Task]) -> (State, Option<String>) {
    let status = |task: &&Task| task.status.clone().unwrap_or_default();
    let mut tasks = tasks.to_vec();
    tasks.sort_by_key(|task| time(task.created_at.as_deref()));
    // Swarm wishes a task that it has given up to be shut down.
    let is_wanted = |task: &&Task| task.desired_state.is_some_and(is_alive);
    let wanted: Vec<&Task> = tasks.iter().copied().filter(is_wanted).collect();
    if wanted.iter().any(|task| status(task).state == Some(TaskState::RUNNING)) {
        return (State::Ready, None);
    }
    let said = |task: &&Task| status(task).err.filter(|reason| !reason.is_empty());
    let newest = |tasks: &[&Task]| tasks.iter().rev().find_map(said);
    let reason = newest(&wanted).or_else(|| newest(&tasks));
    let given_up = wanted.is_empty() && !tasks.is_empty();
    (if given_up { State::Failed } else { State::Pending }, reason)
}

fn is_alive(state: TaskState) -> bool {
    !matches!(
        state,
        TaskState::COMPLETE
            | TaskState::SHUTDOWN
            | TaskState::FAILED
            | TaskState::REJECTED
            | TaskState::REMOVE
            | TaskState::ORPHANED
    )
}

/// Docker's time, as `2026-01-02T03:04:05.678Z`.
fn time(text: Option<&str>) -> SystemTime {
    text.and_then(|text| humantime::parse_rfc3339(text).ok()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// An environment, as its user is shown it.
#[derive(Debug, Serialize)]
pub struct Shown<'a> {
    /// Its name.
    pub id: &'a str,
    /// How far it is.
    pub state: State,
    /// Why it is not ready.
    pub reason: Option<&'a str>,
    /// What users call its image.
    pub image: &'a str,
    /// Where it answers.
    pub address: String,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub created: SystemTime,
    /// When it ends.
    #[serde(serialize_with = "rfc3339")]
    pub expires: SystemTime,
}

impl<'a> Shown<'a> {
    /// Shows it by the name of its image, and by its address.
    pub fn new(environment: &'a Environment, image: &'a str, address: String) -> Self {
        let Environment { id, labels, created, state, reason, .. } = environment;
        // A time that no calendar has is somebody's joke: the end of the calendar will do.
        let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(labels.expires.min(253_402_300_799));
        Self { id, state: *state, reason: reason.as_deref(), image, address, created: *created, expires }
    }
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_seconds(*time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn task(state: &str, desired: &str, second: u32, err: &str) -> Task {
        serde_json::from_value(json!({
            "DesiredState": desired,
            "CreatedAt": format!("2026-01-01T00:00:{second:02}.5Z"),
            "Status": {"State": state, "Err": err},
        }))
        .unwrap()
    }

    #[test]
    fn the_state_is_that_of_the_task_that_swarm_wants() {
        let sick = "task: non-zero exit (137): dockerexec: unhealthy container";
        for (tasks, expected, reason) in [
            (vec![], State::Pending, None),
            (vec![task("starting", "running", 1, "")], State::Pending, None),
            (vec![task("running", "running", 1, "")], State::Ready, None),
            (vec![task("pending", "running", 1, "no suitable node")], State::Pending, Some("no suitable node")),
            (vec![task("failed", "shutdown", 1, sick), task("ready", "ready", 2, "")], State::Pending, Some(sick)),
            (vec![task("running", "running", 2, ""), task("failed", "shutdown", 1, sick)], State::Ready, None),
            // It stops: Swarm does not want it any more.
            (vec![task("running", "shutdown", 1, "")], State::Failed, None),
            (
                vec![task("rejected", "shutdown", 2, "No such image"), task("rejected", "shutdown", 1, sick)],
                State::Failed,
                Some("No such image"),
            ),
            // It has just failed, and Swarm has not replaced it yet.
            (vec![task("failed", "running", 1, sick)], State::Pending, Some(sick)),
        ] {
            let references: Vec<&Task> = tasks.iter().collect();
            let (state, said) = state(&references);
            assert_eq!((state, said.as_deref()), (expected, reason), "{tasks:?}");
        }
    }

    #[test]
    fn a_service_with_an_environments_labels_and_another_name_is_none() {
        let read = |name: &str| {
            let service = json!({"ID": "service1", "Spec": {
                "Name": name,
                "Labels": {
                    "environment.user": "ada", "environment.expires": "4000000000", "environment.request": "0".repeat(64),
                },
                "TaskTemplate": {"ContainerSpec": {"Image": "registry/rng:1"}},
            }});
            Environment::read(&serde_json::from_value(service).unwrap(), &[])
        };
        let name = format!("env-{:032x}", 1);
        assert_eq!(read(&name).unwrap().id, name);
        for other in ["registry", "env-1", "", &name.to_uppercase()] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn times_are_ordered_although_docker_leaves_zeros_out() {
        assert!(time(Some("2026-01-01T00:00:12.5Z")) < time(Some("2026-01-01T00:00:12.51Z")));
    }
}
