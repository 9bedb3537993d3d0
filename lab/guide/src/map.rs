//! A picture of the swarm: its nodes, and the tasks on each.

use std::collections::BTreeMap;

use serde::Serialize;
use swarm::table::{self, Row};
use swarm::{Error, Node, Phase, Service, State, Swarm, Task};

use crate::html::live;
use crate::load::Load;
use crate::render::{Style, heading};

/// The swarm at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Map {
    /// The nodes, managers first.
    pub nodes: Vec<NodeMap>,
    /// Tasks that are on no node yet.
    pub waiting: Vec<TaskMap>,
}

/// A node and what runs on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// How busy it is, where that can be seen from here.
    pub load: Option<Load>,
    /// What runs there, and what is leaving or has just ended.
    pub tasks: Vec<TaskMap>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskMap {
    /// The service's name.
    pub service: String,
    /// The slot, or the node's name for a global one.
    pub index: String,
    /// The task's identifier.
    pub id: String,
    /// Its phase.
    pub status: Phase,
    /// Its exact state.
    pub state: State,
    /// Since when, RFC 3339.
    pub since: String,
    /// The image's tag.
    pub version: String,
    /// Whether another task has its place, or nobody wants it any more: it is leaving, or has left.
    pub going: bool,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// Looks at the swarm.
///
/// # Errors
/// When the manager does not answer.
pub async fn look(swarm: &Swarm) -> Result<Map, Error> {
    let (services, tasks, nodes) = tokio::try_join!(swarm.services(), swarm.tasks(None), swarm.nodes())?;
    Ok(map(&services, &tasks, nodes))
}

/// The tag of an image, as `v0.2` of `127.0.0.1:5000/rng:v0.2@sha256:...`.
fn version(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or_default();
    let last = name.rsplit('/').next().unwrap_or_default();
    last.split_once(':').map_or("latest", |(_, tag)| tag)
}

fn map(services: &[Service], tasks: &[Task], mut nodes: Vec<Node>) -> Map {
    nodes.sort_by_key(|node| !node.manager);
    let rows = table::table(services, tasks, &nodes);
    let there = |task: &&Task| !rows.iter().any(|row| row.task_id == task.id);
    // A task that has left its place counts as news for as long as Swarm remembers it; the page shows the newest.
    let gone = tasks.iter().filter(there).filter_map(|task| {
        let service = services.iter().find(|service| service.id == task.service_id)?;
        let one = table::table(std::slice::from_ref(service), std::slice::from_ref(task), &nodes);
        Some((one.into_iter().next()?, true))
    });
    let gone: Vec<(Row, bool)> = gone.collect();
    let mut by_node: BTreeMap<String, Vec<TaskMap>> = BTreeMap::new();
    let mut waiting = Vec::new();
    for (row, going) in rows.into_iter().map(|row| (row, false)).chain(gone) {
        let (service, index) = row.name.rsplit_once('.').unwrap_or((&row.name, ""));
        let task = TaskMap {
            service: service.to_owned(),
            index: index.to_owned(),
            id: row.task_id,
            status: row.status,
            state: row.state,
            since: row.since,
            version: version(&row.image).to_owned(),
            going,
            error: row.error,
        };
        if nodes.iter().any(|node| node.id == row.node_id) {
            by_node.entry(row.node_id).or_default().push(task);
        } else if !going {
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
        load: None,
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
    for task in tasks.iter().filter(|task| !task.going) {
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

/// The page that keeps itself up to date, with the speed beside the nodes where that is known.
pub fn html(with_speed: bool) -> String {
    let speed = if with_speed {
        "<section class='card speed' aria-label='Speed'><h2>Hashes a second</h2><p class=figure id=now>–</p>\
         <svg id=graph viewBox='0 0 480 260' role=img aria-label='speed over the last minutes'><g id=grid></g>\
         <path id=area /><polyline id=curve /></svg><p class=note id=most></p></section>"
    } else {
        ""
    };
    let body = format!(
        "<header><h1>What runs where</h1><span class=link id=link data-state=wait>connecting</span></header>\
         <main class='{}'><dl class='tiles map-tiles' id=totals></dl><div id=nodes class=nodes></div>{speed}\
         <p class='note legend'><span class='task running'>running</span> <span class='task pending'>on its way</span> \
         <span class='task going'>leaving</span> <span class='task failed'>failed</span> <span class='task done'>done</span></p></main>",
        if with_speed { "map with-speed" } else { "map" }
    );
    live("What runs where", &body, include_str!("map.js"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn task(id: &str, slot: i64, node: &str, state: &str, desired: &str) -> Task {
        let raw = json!({"ID": id, "ServiceID": if id.starts_with('w') { "worker" } else { "rng" }, "Slot": slot,
            "NodeID": node, "DesiredState": desired, "Status": {"State": state, "Timestamp": format!("2026-01-01T00:00:0{slot}Z")},
            "Spec": {"ContainerSpec": {"Image": "127.0.0.1:5000/worker:v0.2@sha256:00"}}});
        Task::from(serde_json::from_value::<swarm::bollard::models::Task>(raw).unwrap())
    }

    fn service(name: &str) -> Service {
        let raw = json!({"ID": name, "Spec": {"Name": name}});
        Service::from(&serde_json::from_value::<swarm::bollard::models::Service>(raw).unwrap())
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
            cpus: 2,
            memory_bytes: 1 << 30,
            machine: None,
        }
    }

    fn example() -> Map {
        let tasks = [
            task("w1", 1, "b", "running", "running"),
            task("w2", 2, "b", "failed", "running"),
            task("r1", 1, "a", "running", "running"),
            task("r2", 2, "", "pending", "running"),
            // It is told to stop, and another has its place.
            task("r3", 1, "a", "running", "shutdown"),
        ];
        map(&[service("rng"), service("worker")], &tasks, vec![node("b", false), node("a", true)])
    }

    #[test]
    fn tasks_are_shown_on_their_nodes_and_managers_first() {
        let shown = text(&example(), Style { width: 80, colour: false });
        let expected = "name-of-a (192.168.2.11)  leader, ready
  rng                    1 #
name-of-b (192.168.2.11)  worker, ready, drain
  worker                 2 #!
on no node yet
  rng                    1 ~
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_task_that_leaves_stays_on_the_page_with_its_state_and_version() {
        let seen: Vec<_> =
            example().nodes[0].tasks.iter().map(|t| (t.id.clone(), t.going, t.version.clone())).collect();
        let v = || "v0.2".to_owned();
        assert_eq!(seen, [("r1".to_owned(), false, v()), ("r3".to_owned(), true, v())]);
    }

    #[test]
    fn the_version_is_the_tag_and_not_the_registry_s_port() {
        for (image, expected) in [
            ("127.0.0.1:5000/rng:v0.2@sha256:00", "v0.2"),
            ("127.0.0.1:5000/rng", "latest"),
            ("redis:8", "8"),
            ("", "latest"),
        ] {
            assert_eq!(version(image), expected, "{image}");
        }
    }
}
