//! A picture of the swarm: its nodes, and the tasks on each.

use std::collections::BTreeMap;

use serde::Serialize;
use swarm::table::{self, Row};
use swarm::{Error, Node, Phase, Swarm};

use crate::html::page;
use crate::render::{Style, heading};

/// The swarm at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Map {
    /// The nodes, managers first.
    pub nodes: Vec<NodeMap>,
    /// Tasks that are on no node yet.
    pub waiting: Vec<TaskMap>,
}

/// A node and what runs on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeMap {
    /// Its name.
    pub name: String,
    /// Its address in the swarm.
    pub address: String,
    /// `leader`, `manager` or `worker`.
    pub role: &'static str,
    /// Swarm's word: `ready`, `down`, ...
    pub state: String,
    /// `active`, `pause` or `drain`.
    pub availability: String,
    /// What runs there.
    pub tasks: Vec<TaskMap>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskMap {
    /// The service's name.
    pub service: String,
    /// The slot, or the node's name for a global one.
    pub index: String,
    /// Its phase.
    pub status: Phase,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// Looks at the swarm.
///
/// # Errors
/// When the manager does not answer.
pub async fn look(swarm: &Swarm) -> Result<Map, Error> {
    let (rows, nodes) = (table::rows(swarm, None).await?, swarm.nodes().await?);
    Ok(map(rows, nodes))
}

fn map(rows: Vec<Row>, mut nodes: Vec<Node>) -> Map {
    nodes.sort_by_key(|node| !node.manager);
    let mut by_node: BTreeMap<String, Vec<TaskMap>> = BTreeMap::new();
    let mut waiting = Vec::new();
    for row in rows {
        let (service, index) = row.name.rsplit_once('.').unwrap_or((&row.name, ""));
        let task =
            TaskMap { service: service.to_owned(), index: index.to_owned(), status: row.status, error: row.error };
        if nodes.iter().any(|node| node.id == row.node_id) {
            by_node.entry(row.node_id).or_default().push(task);
        } else {
            waiting.push(task);
        }
    }
    let node = |node: Node| NodeMap {
        tasks: by_node.remove(&node.id).unwrap_or_default(),
        role: match (node.leader, node.manager) {
            (true, _) => "leader",
            (false, true) => "manager",
            (false, false) => "worker",
        },
        name: node.name,
        address: node.address,
        state: node.state,
        availability: node.availability,
    };
    Map { nodes: nodes.into_iter().map(node).collect(), waiting }
}

/// For a terminal: a block for each node, and a line for each service on it.
pub fn text(map: &Map, style: Style) -> String {
    let mut out = String::new();
    for node in &map.nodes {
        let mut title = format!("{} ({})  {}, {}", node.name, node.address, node.role, node.state);
        if node.availability != "active" {
            title.push_str(&format!(", {}", node.availability));
        }
        out.push_str(&heading(&title, style));
        out.push('\n');
        tasks(&mut out, &node.tasks, style);
    }
    if !map.waiting.is_empty() {
        out.push_str(&heading("on no node yet", style));
        out.push('\n');
        tasks(&mut out, &map.waiting, style);
    }
    out
}

fn tasks(out: &mut String, tasks: &[TaskMap], style: Style) {
    let mut services: BTreeMap<&str, Vec<&TaskMap>> = BTreeMap::new();
    for task in tasks {
        services.entry(&task.service).or_default().push(task);
    }
    if services.is_empty() {
        out.push_str("  nothing\n");
    }
    for (service, tasks) in services {
        let mut line = format!("  {service:<20} {:>3} ", tasks.len());
        for task in tasks {
            let square = match task.status {
                Phase::Running => "#",
                Phase::Pending => "~",
                Phase::Done => ".",
                Phase::Failed => "!",
            };
            if line.chars().count() < style.width {
                line.push_str(square);
            }
        }
        out.push_str(&line);
        out.push('\n');
    }
}

/// What the squares mean.
pub const LEGEND: &str = "# running   ~ pending   ! failed   . done";

/// The speed over the last minutes, from the application's own page: pairs of time and hashes a second.
///
/// # Errors
/// When webui does not answer there.
pub async fn speed(host: &str, port: u16) -> anyhow::Result<Vec<(f64, f64)>> {
    let answer = crate::check::get(host, port, "/api/state").await?;
    let state: serde_json::Value = serde_json::from_str(&answer.body)?;
    let samples = state["history"]["samples"].as_array().cloned().unwrap_or_default();
    // A sample is a row without names: number, time, speed and more; the speed is null where it was not known.
    Ok(samples.iter().filter_map(|sample| Some((sample[1].as_f64()?, sample[2].as_f64()?))).collect())
}

/// The page that keeps itself up to date, with the curve of the speed above where that is known.
pub fn html(with_speed: bool) -> String {
    let curve = if with_speed {
        "<h2>Hashes a second <span id=now></span></h2><svg viewBox='0 0 620 140' role=img aria-label='speed'>\
         <g id=grid></g><polyline id=curve fill=none stroke=#0969da stroke-width=2 /></svg>"
    } else {
        ""
    };
    let body = format!(
        "<h1>What runs where</h1><p id=said role=status></p>{curve}<div id=nodes class=nodes></div><p id=waiting></p>\
         <script>{}</script>",
        include_str!("map.js")
    );
    page("What runs where", &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use swarm::State;

    fn row(name: &str, node: &str, status: Phase) -> Row {
        Row {
            service_id: "s".to_owned(),
            name: name.to_owned(),
            task_id: "t".to_owned(),
            status,
            state: State::Running,
            node_id: node.to_owned(),
            node: node.to_owned(),
            error: None,
        }
    }

    fn node(id: &str, manager: bool) -> Node {
        Node {
            id: id.to_owned(),
            name: format!("name-of-{id}"),
            address: "192.168.2.11".to_owned(),
            manager,
            leader: manager,
            ready: true,
            state: "ready".to_owned(),
            availability: if manager { "active" } else { "drain" }.to_owned(),
            engine: String::new(),
        }
    }

    #[test]
    fn tasks_are_shown_on_their_nodes_and_managers_first() {
        let rows = vec![
            row("worker.1", "b", Phase::Running),
            row("worker.2", "b", Phase::Failed),
            row("rng.1", "a", Phase::Running),
            row("rng.2", "-", Phase::Pending),
        ];
        let map = map(rows, vec![node("b", false), node("a", true)]);
        let shown = text(&map, Style { width: 80, colour: false });
        let expected = "name-of-a (192.168.2.11)  leader, ready
  rng                    1 #
name-of-b (192.168.2.11)  worker, ready, drain
  worker                 2 #!
on no node yet
  rng                    1 ~
";
        assert_eq!(shown, expected);
    }
}
