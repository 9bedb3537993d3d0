//! The table of all task slots: where each one is, and how it is.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Error, Node, Phase, Service, State, Swarm, Task, columns};

/// What stands where a task has no node yet.
const NOT_PLACED: &str = "-";

/// One slot of a service, with the newest of its tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The service's identifier.
    pub service_id: String,
    /// The service's name with the slot behind it, as `worker.3`; for a global service with the node's name.
    pub name: String,
    /// The task's identifier.
    pub task_id: String,
    /// Pending, running, done or failed.
    pub status: Phase,
    /// The exact state.
    pub state: State,
    /// The node's identifier.
    pub node_id: String,
    /// The node's name and address, as `worker-1 (192.168.101.12)`.
    pub node: String,
    /// The image that the task runs, with its digest where that is known.
    pub image: String,
    /// Since when it is in this state, RFC 3339.
    pub since: String,
    /// Why the task failed, where it did.
    pub error: Option<String>,
}

impl Row {
    /// The headings of `cells`.
    pub const HEADINGS: [&'static str; 6] =
        ["Service_ID", "Service_name_and_index", "Task_ID", "Status", "Node_ID", "Node_name (ip/host)"];

    /// The row's cells, under `HEADINGS`.
    pub fn cells(&self) -> [String; 6] {
        [
            self.service_id.clone(),
            self.name.clone(),
            self.task_id.clone(),
            self.status.to_string(),
            self.node_id.clone(),
            self.node.clone(),
        ]
    }
}

/// All slots of one service, or of all, by service and slot.
///
/// # Errors
/// When there is no such service.
pub async fn rows(swarm: &Swarm, service: Option<&str>) -> Result<Vec<Row>, Error> {
    let services = match service {
        Some(name) => vec![swarm.service(name).await?],
        None => swarm.services().await?,
    };
    let (tasks, nodes) = tokio::try_join!(swarm.tasks(service), swarm.nodes())?;
    Ok(table(&services, &tasks, &nodes))
}

/// The slots as rows. Of several tasks in one slot the one that Swarm wants to run is shown, else the newest.
pub fn table(services: &[Service], tasks: &[Task], nodes: &[Node]) -> Vec<Row> {
    let nodes: BTreeMap<&str, &Node> = nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut rows = Vec::new();
    for service in services {
        let mut slots: BTreeMap<(i64, &str), &Task> = BTreeMap::new();
        for task in tasks.iter().filter(|task| task.service_id == service.id) {
            // A global task's place is its node, and a replicated one's its slot, whichever node it is on.
            let slot = match task.slot {
                Some(slot) => (slot, ""),
                None => (0, task.node_id.as_deref().unwrap_or_default()),
            };
            let kept = slots.entry(slot).or_insert(task);
            if (task.wanted(), &task.since) > (kept.wanted(), &kept.since) {
                *kept = task;
            }
        }
        for task in slots.into_values() {
            let id = task.node_id.as_deref();
            let node = id.and_then(|id| nodes.get(id));
            let index = match (task.slot, node) {
                (Some(slot), _) => slot.to_string(),
                (None, Some(node)) => node.name.clone(),
                (None, None) => id.unwrap_or(NOT_PLACED).to_owned(),
            };
            rows.push(Row {
                service_id: service.id.clone(),
                name: format!("{}.{index}", service.name),
                task_id: task.id.clone(),
                status: task.state.phase(),
                state: task.state,
                node_id: id.unwrap_or(NOT_PLACED).to_owned(),
                node: node.map_or_else(|| NOT_PLACED.to_owned(), |node| format!("{} ({})", node.name, node.address)),
                image: task.image.clone(),
                since: task.since.clone(),
                error: task.error.clone(),
            });
        }
    }
    rows
}

/// How much of a row is shown: the longest that fits into the terminal is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    /// Characters of an identifier. Docker's own short ones have 12, and any beginning that is the only one of its kind will do.
    id: usize,
    /// Whether a node's address stands behind its name, and the name has its domain.
    whole_node: bool,
}

/// Identifiers as they are.
const FULL: Cut = Cut { id: usize::MAX, whole_node: true };

/// From the longest to the shortest.
const CUTS: [Cut; 5] = [
    FULL,
    Cut { id: 12, whole_node: true },
    Cut { id: 10, whole_node: true },
    Cut { id: 12, whole_node: false },
    Cut { id: 9, whole_node: false },
];

impl Cut {
    fn apply(self, [service, name, task, status, node, host]: [String; 6]) -> [String; 6] {
        let id = |id: String| id.chars().take(self.id).collect();
        let host = if self.whole_node { host } else { host.split([' ', '.']).next().unwrap_or_default().to_owned() };
        [id(service), name, id(task), status, id(node), host]
    }
}

/// The rows as text with aligned columns: in a terminal of `width` columns with so much of each identifier as fits, and whole
/// where no width is given.
pub fn text(rows: &[Row], width: Option<usize>) -> String {
    match width {
        Some(width) => columns::fitting(CUTS.into_iter().map(|cut| aligned(rows, cut)), width),
        None => aligned(rows, FULL),
    }
}

fn aligned(rows: &[Row], cut: Cut) -> String {
    let mut lines = vec![Row::HEADINGS.map(ToOwned::to_owned)];
    if !cut.whole_node {
        lines[0][5] = "Node_name".to_owned();
    }
    lines.extend(rows.iter().map(|row| cut.apply(row.cells())));
    columns::aligned(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn task(service: &str, slot: i64, node: Option<&str>, state: &str, desired: &str, since: &str) -> Task {
        let raw = json!({"ID": format!("{service}{slot}{state}"), "ServiceID": service, "Slot": slot,
            "NodeID": node.unwrap_or_default(), "DesiredState": desired,
            "Status": {"State": state, "Timestamp": since}});
        Task::from(serde_json::from_value::<bollard::models::Task>(raw).unwrap())
    }

    fn service(id: &str, name: &str) -> Service {
        let raw = json!({"ID": id, "Spec": {"Name": name}});
        Service::from(&serde_json::from_value::<bollard::models::Service>(raw).unwrap())
    }

    fn nodes() -> Vec<Node> {
        let raw = json!({"ID": "n1", "Description": {"Hostname": "head"}, "Status": {"State": "ready", "Addr": "192.168.101.11"}});
        vec![Node::from(serde_json::from_value::<bollard::models::Node>(raw).unwrap())]
    }

    #[test]
    fn rows_are_sorted_by_service_and_slot_and_show_what_should_run() {
        let services = [service("a", "proxy"), service("b", "worker")];
        let tasks = [
            task("b", 10, None, "pending", "running", "5"),
            task("b", 2, Some("n1"), "failed", "shutdown", "9"),
            task("b", 2, Some("n1"), "running", "running", "3"),
            task("a", 0, Some("n1"), "running", "running", "1"),
        ];
        let rows = table(&services, &tasks, &nodes());
        let seen: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.status, row.node.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("proxy.head", Phase::Running, "head (192.168.101.11)"),
                ("worker.2", Phase::Running, "head (192.168.101.11)"),
                ("worker.10", Phase::Pending, "-"),
            ]
        );
        assert_eq!(rows[2].node_id, "-");
    }

    #[test]
    fn a_slot_whose_task_has_ended_shows_the_newest() {
        let tasks = [
            task("b", 1, Some("n1"), "failed", "shutdown", "1"),
            task("b", 1, Some("n1"), "complete", "shutdown", "2"),
        ];
        let rows = table(&[service("b", "job")], &tasks, &nodes());
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].status, Phase::Done);
    }

    #[test]
    fn text_has_the_headings_and_aligned_columns() {
        let tasks = [task("b", 1, Some("n1"), "running", "running", "1")];
        let text = text(&table(&[service("b", "worker")], &tasks, &nodes()), None);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("Service_ID  Service_name_and_index  Task_ID"), "{text}");
        assert_eq!(lines[0].find("Status"), lines[1].find("running  n1"), "{text}");
    }

    /// Identifiers as long as Swarm's, and names as on CloudLab.
    fn long(name: &str) -> Row {
        let id = |first: char| format!("{first}234567890123456789012345");
        Row {
            service_id: id('s'),
            name: "dockercoins_worker.10".to_owned(),
            task_id: id('t'),
            status: Phase::Running,
            state: State::Running,
            node_id: id('n'),
            node: format!("{name} (192.168.104.12)"),
            image: String::new(),
            since: String::new(),
            error: None,
        }
    }

    #[test]
    fn in_a_terminal_of_80_columns_no_line_is_broken() {
        for name in ["worker-1", "worker-1.lab.class-PG0.utah.cloudlab.us"] {
            let shown = text(&[long(name)], Some(80));
            assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
            assert!(shown.contains("worker-1") && shown.contains("t23456789"), "{shown}");
        }
        let wide = text(&[long("worker-1")], Some(110));
        assert!(wide.contains("t23456789012  ") && wide.contains("worker-1 (192.168.104.12)"), "{wide}");
    }

    #[test]
    fn where_nobody_reads_along_identifiers_are_whole() {
        let row = long("worker-1");
        let shown = text(std::slice::from_ref(&row), None);
        assert!(row.cells().iter().all(|cell| shown.contains(cell)), "{shown}");
        assert_eq!(shown, text(&[row], Some(200)));
    }
}
