//! Tasks: what a service asks a node to run.

use std::fmt;

use bollard::models::TaskState;
use serde::Serialize;

/// The state of a task, in Swarm's own order: a task only ever moves down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Made, and not looked at yet.
    New,
    /// Waits for its resources to be allocated.
    Pending,
    /// A node was chosen.
    Assigned,
    /// The node agreed.
    Accepted,
    /// Being prepared by the node: this is when images are pulled.
    Preparing,
    /// Prepared, and waits for its turn to start.
    Ready,
    /// The container starts; with a health check, it is not healthy yet.
    Starting,
    /// Runs, and is healthy where it has a health check.
    Running,
    /// Ended by itself with exit code 0.
    Complete,
    /// Was told to stop.
    Shutdown,
    /// Ended with an error.
    Failed,
    /// The node refused it, for example for a missing image.
    Rejected,
    /// Its node was gone for so long that it was given up.
    Orphaned,
    /// Its service was scaled down or removed.
    Remove,
}

/// The four phases that a person asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not on its way to run yet.
    Pending,
    /// Being started, or running.
    Running,
    /// Ended as it should.
    Done,
    /// Ended as it should not.
    Failed,
}

impl State {
    /// Which of the four phases this state belongs to.
    pub fn phase(self) -> Phase {
        match self {
            State::New | State::Pending | State::Assigned | State::Accepted => Phase::Pending,
            State::Ready | State::Preparing | State::Starting | State::Running => Phase::Running,
            State::Complete | State::Shutdown | State::Remove => Phase::Done,
            State::Failed | State::Rejected | State::Orphaned => Phase::Failed,
        }
    }

    /// Whether a task in this state can still run.
    pub fn alive(self) -> bool {
        self <= State::Running
    }
}

impl From<TaskState> for State {
    fn from(state: TaskState) -> Self {
        match state {
            TaskState::NEW => State::New,
            TaskState::ALLOCATED | TaskState::PENDING => State::Pending,
            TaskState::ASSIGNED => State::Assigned,
            TaskState::ACCEPTED => State::Accepted,
            TaskState::PREPARING => State::Preparing,
            TaskState::READY => State::Ready,
            TaskState::STARTING => State::Starting,
            TaskState::RUNNING => State::Running,
            TaskState::COMPLETE => State::Complete,
            TaskState::SHUTDOWN => State::Shutdown,
            TaskState::FAILED => State::Failed,
            TaskState::REJECTED => State::Rejected,
            TaskState::REMOVE => State::Remove,
            TaskState::ORPHANED => State::Orphaned,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

/// One task of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Its identifier.
    pub id: String,
    /// Its service's identifier.
    pub service_id: String,
    /// Its place among the service's replicas, from 1; none for a task of a global service.
    pub slot: Option<i64>,
    /// Its node's identifier, once it is placed.
    pub node_id: Option<String>,
    /// Where it is.
    pub state: State,
    /// Where Swarm wants it to be.
    pub desired: State,
    /// Swarm's word on the state, as `started`.
    pub message: String,
    /// Why it failed, where it did.
    pub error: Option<String>,
    /// The container's exit code, where it ended.
    pub exit_code: Option<i64>,
    /// Its container's identifier, once it has one.
    pub container: Option<String>,
    /// The image that it runs, with its digest where that is known.
    pub image: String,
    /// When the state was reached, RFC 3339.
    pub since: String,
}

impl From<bollard::models::Task> for Task {
    fn from(task: bollard::models::Task) -> Self {
        let status = task.status.unwrap_or_default();
        let container = status.container_status.unwrap_or_default();
        Task {
            id: task.id.unwrap_or_default(),
            service_id: task.service_id.unwrap_or_default(),
            slot: task.slot.filter(|slot| *slot > 0),
            node_id: task.node_id.filter(|id| !id.is_empty()),
            state: status.state.unwrap_or(TaskState::NEW).into(),
            desired: task.desired_state.unwrap_or(TaskState::NEW).into(),
            message: status.message.unwrap_or_default(),
            error: status.err.filter(|error| !error.is_empty()),
            exit_code: container.exit_code.filter(|_| container.container_id.is_some()),
            container: container.container_id.filter(|id| !id.is_empty()),
            image: task.spec.and_then(|spec| spec.container_spec).and_then(|spec| spec.image).unwrap_or_default(),
            since: status.timestamp.map(|time| time.to_string()).unwrap_or_default(),
        }
    }
}

impl Task {
    /// The task's name as `docker service ps` prints it: `worker.3`, or `proxy.<node id>` for a global service.
    pub fn name(&self, service: &str) -> String {
        match (self.slot, &self.node_id) {
            (Some(slot), _) => format!("{service}.{slot}"),
            (None, Some(node)) => format!("{service}.{node}"),
            (None, None) => format!("{service}.-"),
        }
    }

    /// Whether Swarm wants this task to run (or to run to its end, in a job).
    pub fn wanted(&self) -> bool {
        self.desired <= State::Running || self.desired == State::Complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_folds_into_one_of_four_phases() {
        let folded = [
            (TaskState::NEW, Phase::Pending),
            (TaskState::PENDING, Phase::Pending),
            (TaskState::ASSIGNED, Phase::Pending),
            (TaskState::ACCEPTED, Phase::Pending),
            (TaskState::PREPARING, Phase::Running),
            (TaskState::STARTING, Phase::Running),
            (TaskState::RUNNING, Phase::Running),
            (TaskState::COMPLETE, Phase::Done),
            (TaskState::SHUTDOWN, Phase::Done),
            (TaskState::FAILED, Phase::Failed),
            (TaskState::REJECTED, Phase::Failed),
            (TaskState::ORPHANED, Phase::Failed),
        ];
        for (state, phase) in folded {
            assert_eq!(State::from(state).phase(), phase, "{state:?}");
        }
    }

    #[test]
    fn names_are_those_of_docker_service_ps() {
        let mut task =
            Task::from(bollard::models::Task { slot: Some(3), node_id: Some("n1".to_owned()), ..Default::default() });
        assert_eq!(task.name("worker"), "worker.3");
        task.slot = None;
        assert_eq!(task.name("worker"), "worker.n1");
        task.node_id = None;
        assert_eq!(task.name("worker"), "worker.-");
    }

    #[test]
    fn a_task_without_a_container_has_no_exit_code() {
        let task = Task::from(bollard::models::Task::default());
        assert_eq!((task.exit_code, task.container, task.slot), (None, None, None));
    }
}
