//! Waiting until a service is as it was asked to be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::{Error, Mode, Node, Service, State, Swarm, Task};

/// Pause between two looks at the manager. A look takes a few milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A service that is as it was asked to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Converged {
    /// The service.
    pub service: Service,
    /// The tasks that run (in a job: those that completed), by slot.
    pub running: Vec<Task>,
    /// Names of the nodes by identifier.
    pub nodes: BTreeMap<String, String>,
    /// How long the wait was.
    pub took: Duration,
}

/// Where a service stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// What it still lacks, with the newest error of a task where there is one; nothing where it is as it was asked to be.
    pub missing: Option<String>,
    /// All of its tasks, past ones that Swarm still remembers among them.
    pub tasks: Vec<Task>,
}

/// One look at a service.
#[derive(Debug)]
pub(crate) struct Look {
    pub service: Service,
    pub tasks: Vec<Task>,
    pub nodes: Vec<Node>,
}

/// What a look says.
#[derive(Debug, PartialEq)]
pub(crate) enum Finding {
    /// As asked for.
    Converged(Vec<Task>),
    /// Not yet, and why.
    Waiting(String),
    /// Never, without somebody's help.
    Failed { state: String, message: String },
}

impl Look {
    /// Whether the service is as it was asked to be.
    ///
    /// A task that Swarm calls running is healthy too: until its health check passes it is `starting`. A task on a
    /// node that is down is not counted, though Swarm goes on calling it running.
    pub(crate) fn finding(&self) -> Finding {
        let ready: BTreeSet<&str> = self.nodes.iter().filter(|node| node.ready).map(|node| node.id.as_str()).collect();
        let on_ready_node = |task: &&Task| task.node_id.as_deref().is_none_or(|id| ready.contains(id));
        let here: Vec<&Task> = self.tasks.iter().filter(on_ready_node).collect();

        if let Some(update) = self.service.update.as_ref().filter(|update| update.failed()) {
            // A finished roll-back stays on record until the next change; it is news only while the image or the
            // tasks are still being exchanged, which is for the caller to know. Paused ones never end by themselves.
            if update.state != "rollback_completed" {
                let message = self.with_error(update.message.clone());
                return Finding::Failed { state: update.state.clone(), message };
            }
        }

        let job = matches!(self.service.mode, Mode::ReplicatedJob(_) | Mode::GlobalJob);
        let done = if job { State::Complete } else { State::Running };
        let mut there: Vec<Task> =
            here.iter().filter(|task| task.wanted() && task.state == done).map(|t| (*t).clone()).collect();
        there.sort_by(|a, b| (a.slot, &a.node_id).cmp(&(b.slot, &b.node_id)));
        let wanted = match self.service.mode {
            Mode::Replicated(n) | Mode::ReplicatedJob(n) => n as usize,
            Mode::Global | Mode::GlobalJob => {
                // Swarm makes a task for each node that the placement allows, drained ones excepted, so what is
                // wanted is what it made; a node that is ready, active and without a task may still get one.
                here.iter().filter(|task| task.wanted()).count().max(1)
            }
        };
        let leaving = here.iter().filter(|task| !task.wanted() && task.state.alive()).count();
        let updating = self.service.update.as_ref().is_some_and(crate::Update::busy);
        if there.len() == wanted && leaving == 0 && !updating {
            return Finding::Converged(there);
        }
        let mut said = format!("{} of {wanted} tasks {done}", there.len());
        if leaving > 0 {
            said.push_str(&format!(", {leaving} still stopping"));
        }
        if updating {
            said.push_str(", being updated");
        }
        let mut others: BTreeMap<State, usize> = BTreeMap::new();
        for task in here.iter().filter(|task| task.wanted() && task.state < done) {
            *others.entry(task.state).or_default() += 1;
        }
        for (state, count) in others {
            said.push_str(&format!(", {count} {state}"));
        }
        Finding::Waiting(self.with_error(said))
    }

    /// The same, for people.
    fn standing(self) -> Standing {
        let missing = match self.finding() {
            Finding::Converged(_) => None,
            Finding::Waiting(said) => Some(said),
            Finding::Failed { state, message } => Some(format!("its update is {state}: {message}")),
        };
        Standing { missing, tasks: self.tasks }
    }

    /// The sentence with the newest failure of a task behind it, where there is one.
    fn with_error(&self, said: String) -> String {
        let failed = self
            .tasks
            .iter()
            .filter(|task| task.error.is_some())
            .max_by(|a, b| (a.state.alive(), &a.since).cmp(&(b.state.alive(), &b.since)));
        let Some(task) = failed else { return said };
        let name = task.name(&self.service.name);
        let node = task.node_id.as_deref().map_or_else(
            || "no node".to_owned(),
            |id| {
                let node = self.nodes.iter().find(|node| node.id == id);
                node.map_or_else(|| id.to_owned(), |node| node.name.clone())
            },
        );
        let error = task.error.as_deref().unwrap_or_default();
        format!("{said}; {name} on {node} is {}: {error}", task.state)
    }
}

impl Swarm {
    /// Waits until the service has as many running, healthy tasks as were asked for, and no other.
    ///
    /// # Errors
    /// When the bound is passed: the error says what was last seen, with the failing task's own error. At once when
    /// Swarm has given up an update.
    pub async fn converge(&self, name: &str, bound: Duration) -> Result<Converged, Error> {
        let start = Instant::now();
        loop {
            let look = self.look(name).await?;
            let last = match look.finding() {
                Finding::Converged(running) => {
                    let nodes = look.nodes.into_iter().map(|node| (node.id, node.name)).collect();
                    return Ok(Converged { service: look.service, running, nodes, took: start.elapsed() });
                }
                Finding::Failed { state, message } => {
                    return Err(Error::UpdateFailed { name: look.service.name, state, message });
                }
                Finding::Waiting(last) => last,
            };
            if start.elapsed() >= bound {
                return Err(Error::NotConverged { name: look.service.name, bound, last });
            }
            tokio::time::sleep(LOOK_EVERY.min(bound.saturating_sub(start.elapsed()))).await;
        }
    }

    /// Whether the service is now as it was asked to be.
    ///
    /// # Errors
    /// When the manager does not answer, or there is no such service.
    pub async fn whole(&self, name: &str) -> Result<bool, Error> {
        Ok(self.standing(name).await?.missing.is_none())
    }

    /// Where the service stands now, for whoever waits by a rule of their own.
    ///
    /// # Errors
    /// When the manager does not answer, or there is no such service.
    pub async fn standing(&self, name: &str) -> Result<Standing, Error> {
        Ok(self.look(name).await?.standing())
    }

    async fn look(&self, name: &str) -> Result<Look, Error> {
        let service = self.service(name).await?;
        let (tasks, nodes) = tokio::try_join!(self.tasks(Some(&service.id)), self.nodes())?;
        Ok(Look { service, tasks, nodes })
    }
}

impl Converged {
    /// Name of the node that runs the task.
    pub fn node_of(&self, task: &Task) -> &str {
        task.node_id.as_ref().and_then(|id| self.nodes.get(id)).map_or("-", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(replicas: u32, update: Option<&str>) -> Service {
        let mut raw = json!({
            "ID": "s", "Spec": {"Name": "worker", "Mode": {"Replicated": {"Replicas": replicas}}}});
        if let Some(state) = update {
            raw["UpdateStatus"] = json!({"State": state, "Message": "update paused"});
        }
        Service::from(&serde_json::from_value::<bollard::models::Service>(raw).unwrap())
    }

    fn node(id: &str, state: &str) -> Node {
        let raw = json!({"ID": id, "Description": {"Hostname": format!("name-of-{id}")}, "Status": {"State": state}});
        Node::from(serde_json::from_value::<bollard::models::Node>(raw).unwrap())
    }

    fn task(slot: i64, node: &str, state: &str, desired: &str, error: &str) -> Task {
        let raw = json!({"ID": format!("t{slot}{node}{state}"), "Slot": slot, "NodeID": node, "DesiredState": desired,
            "Status": {"State": state, "Err": error, "Timestamp": "2026-01-01T00:00:00Z"}});
        Task::from(serde_json::from_value::<bollard::models::Task>(raw).unwrap())
    }

    fn look(replicas: u32, tasks: Vec<Task>) -> Look {
        let nodes = vec![node("a", "ready"), node("b", "down")];
        Look { service: service(replicas, None), tasks, nodes }
    }

    fn waits_for(look: &Look) -> String {
        match look.finding() {
            Finding::Waiting(said) => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn converged_is_all_running_and_nothing_else() {
        let tasks = vec![
            task(2, "a", "running", "running", ""),
            task(1, "a", "running", "running", ""),
            task(1, "a", "failed", "shutdown", "non-zero exit (1)"),
        ];
        let Finding::Converged(running) = look(2, tasks).finding() else { panic!("did not converge") };
        assert_eq!(running.iter().map(|task| task.slot).collect::<Vec<_>>(), [Some(1), Some(2)]);
    }

    #[test]
    fn a_starting_task_is_not_healthy_yet() {
        let tasks = vec![task(1, "a", "running", "running", ""), task(2, "a", "starting", "running", "")];
        assert_eq!(waits_for(&look(2, tasks)), "1 of 2 tasks running, 1 starting");
    }

    #[test]
    fn a_task_on_a_lost_node_does_not_count_though_swarm_calls_it_running() {
        let tasks = vec![task(1, "a", "running", "running", ""), task(2, "b", "running", "running", "")];
        assert_eq!(waits_for(&look(2, tasks)), "1 of 2 tasks running");
    }

    #[test]
    fn scaling_down_ends_when_the_last_one_has_stopped() {
        let tasks = vec![task(1, "a", "running", "running", ""), task(2, "a", "running", "remove", "")];
        assert_eq!(waits_for(&look(1, tasks)), "1 of 1 tasks running, 1 still stopping");
    }

    #[test]
    fn the_failing_task_is_named_with_its_node_and_error() {
        let tasks = vec![
            task(1, "a", "rejected", "shutdown", "No such image: rng:v9"),
            task(1, "a", "preparing", "running", ""),
        ];
        assert_eq!(
            waits_for(&look(1, tasks)),
            "0 of 1 tasks running, 1 preparing; worker.1 on name-of-a is rejected: No such image: rng:v9"
        );
    }

    #[test]
    fn a_paused_update_is_over_at_once() {
        let mut look = look(1, vec![task(1, "a", "running", "running", "")]);
        look.service = service(1, Some("paused"));
        assert!(matches!(look.finding(), Finding::Failed { state, .. } if state == "paused"));
        look.service = service(1, Some("updating"));
        assert_eq!(waits_for(&look), "1 of 1 tasks running, being updated");
        look.service = service(1, Some("rollback_completed"));
        assert!(matches!(look.finding(), Finding::Converged(_)));
    }

    #[test]
    fn where_a_service_stands_is_told_with_the_tasks_own_error() {
        let refused = vec![task(1, "a", "rejected", "shutdown", "No such image: rng:v9")];
        let said = look(1, refused).standing();
        assert_eq!(
            said.missing.as_deref(),
            Some("0 of 1 tasks running; worker.1 on name-of-a is rejected: No such image: rng:v9")
        );
        assert_eq!(said.tasks.len(), 1);
        assert_eq!(look(1, vec![task(1, "a", "running", "running", "")]).standing().missing, None);
        let mut paused = look(1, vec![task(1, "a", "running", "running", "")]);
        paused.service = service(1, Some("paused"));
        assert_eq!(paused.standing().missing.as_deref(), Some("its update is paused: update paused"));
    }

    #[test]
    fn zero_replicas_converge_without_a_task() {
        assert_eq!(look(0, Vec::new()).finding(), Finding::Converged(Vec::new()));
    }
}
