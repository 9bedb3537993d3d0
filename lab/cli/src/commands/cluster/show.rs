//! Looking at a cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use cluster::status::NodeStatus;
use cluster::{Outer, logs, status};
use swarm::columns;

use super::Name;
use crate::commands::terminal_width;

#[derive(Debug, clap::Args)]
pub struct Status {
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cluster: Name,
}

#[derive(Debug, clap::Args)]
pub struct Logs {
    /// The node; without it the logs of all go into a folder
    node: Option<String>,
    /// Only so many lines from the end of each
    #[arg(long, default_value = "all", value_name = "LINES")]
    tail: String,
    /// The folder for the logs of all nodes; a temporary one where none is given
    #[arg(long, value_name = "DIR", conflicts_with = "node")]
    out: Option<PathBuf>,
    #[command(flatten)]
    cluster: Name,
}

/// Lists the clusters.
pub async fn list() -> anyhow::Result<ExitCode> {
    let mut clusters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in Outer::connect().await?.nodes(None).await? {
        let state = if node.state == "running" { String::new() } else { format!(" ({})", node.state) };
        clusters.entry(node.cluster).or_default().push(format!("{}{state}", node.node));
    }
    if clusters.is_empty() {
        anstream::eprintln!("there is no cluster on this machine; `lab cluster up` makes one");
    }
    for (name, nodes) in clusters {
        anstream::println!("{name}: {}", nodes.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the nodes.
pub async fn status(args: Status) -> anyhow::Result<ExitCode> {
    let outer = Outer::connect().await?;
    let status = status::status(&outer, &args.cluster.name).await?;
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(ExitCode::SUCCESS);
    }
    anstream::print!("{}", table(&status.nodes, terminal_width()));
    for node in &status.nodes {
        for (port, here) in node.ports.iter().flat_map(|(port, here)| here.iter().map(move |here| (port, here))) {
            anstream::println!("port {port} of {} is {here} on this machine", node.name);
        }
    }
    if let Some(head) = status.nodes.iter().find(|node| node.state == "running") {
        anstream::println!("\nexport DOCKER_HOST={}", head.docker_host);
    }
    Ok(ExitCode::SUCCESS)
}

/// How much is shown of an engine's version: the longest that fits into the terminal is chosen.
#[derive(Debug, Clone, Copy)]
enum Engine {
    Whole,
    /// Without what Debian adds to it.
    Number,
    Hidden,
}

/// The nodes as text with aligned columns: in a terminal of `width` columns with so much of the engine's version as fits,
/// and whole where no width is given.
fn table(nodes: &[NodeStatus], width: Option<usize>) -> String {
    let tables = [Engine::Whole, Engine::Number, Engine::Hidden].map(|engine| aligned(nodes, engine));
    columns::fitting(tables, width.unwrap_or(usize::MAX))
}

fn aligned(nodes: &[NodeStatus], engine: Engine) -> String {
    let headings = ["NODE", "ROLE", "STATE", "SWARM", "PUBLIC (eth0)", "PRIVATE (eth1)", "ENGINE"];
    let rows = std::iter::once(headings.map(ToOwned::to_owned)).chain(nodes.iter().map(cells));
    let rows: Vec<Vec<String>> = rows
        .map(|mut row| {
            match engine {
                Engine::Whole => {}
                Engine::Number => row[6] = row[6].split('+').next().unwrap_or_default().to_owned(),
                Engine::Hidden => return row[..6].to_vec(),
            }
            row.to_vec()
        })
        .collect();
    columns::aligned(&rows)
}

fn cells(node: &NodeStatus) -> [String; 7] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let swarm = node.swarm.as_ref().zip(node.availability.as_ref());
    [
        node.name.clone(),
        node.role.clone(),
        if node.partitioned { "cut off".to_owned() } else { node.state.clone() },
        or_dash(&swarm.map(|(state, availability)| format!("{state}/{availability}"))),
        or_dash(&node.public),
        or_dash(&node.private),
        or_dash(&node.engine),
    ]
}

/// Prints or collects logs.
pub async fn logs(args: Logs) -> anyhow::Result<ExitCode> {
    let outer = Outer::connect().await?;
    match &args.node {
        Some(name) => {
            let node = outer.node(&args.cluster.name, name).await?;
            anstream::print!("{}", outer.node_log(&node.id, &args.tail).await?);
        }
        None => {
            let folder = logs::collect(&outer, &args.cluster.name, &args.tail, args.out.as_deref()).await?;
            anstream::println!("{}", folder.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, role: &str, swarm: &str) -> NodeStatus {
        NodeStatus {
            name: name.to_owned(),
            role: role.to_owned(),
            state: "running".to_owned(),
            swarm: Some(swarm.to_owned()),
            availability: Some("active".to_owned()),
            partitioned: false,
            engine: Some("26.1.5+dfsg1".to_owned()),
            public: Some("192.168.101.11".to_owned()),
            private: Some("192.168.102.11".to_owned()),
            ports: BTreeMap::new(),
            docker_host: String::new(),
        }
    }

    #[test]
    fn in_a_terminal_of_80_columns_no_line_of_the_nodes_is_broken() {
        let mut nodes = vec![node("head", "manager", "ready"), node("worker-1", "worker", "ready")];
        let shown = table(&nodes, Some(80));
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(shown.lines().all(|line| !line.contains("dfsg")) && shown.contains("26.1.5"), "{shown}");
        nodes.push(NodeStatus { state: "restarting".to_owned(), ..node("worker-50", "worker", "unknown") });
        let shown = table(&nodes, Some(80));
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(shown.contains("unknown/active") && shown.contains("192.168.102.11"), "{shown}");
    }

    #[test]
    fn where_there_is_room_the_nodes_are_shown_whole_and_aligned() {
        let nodes =
            [node("head", "manager", "ready"), NodeStatus { engine: None, ..node("worker-1", "worker", "down") }];
        let shown = table(&nodes, None);
        assert_eq!(shown, table(&nodes, Some(100)));
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0].find("ENGINE"), lines[1].find("26.1.5+dfsg1"), "{shown}");
        assert_eq!(lines[0].find("PRIVATE"), lines[2].find("192.168.102.11"), "{shown}");
        assert!(lines[2].ends_with("  -"), "{shown}");
    }
}
