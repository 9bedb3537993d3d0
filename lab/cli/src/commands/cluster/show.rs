//! Looking at a cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use cluster::{Outer, logs, status};

use super::Name;

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
    /// Only so many lines from the end
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
    anstream::println!(
        "{:<10} {:<8} {:<9} {:<14} {:<16} {:<16} ENGINE",
        "NODE",
        "ROLE",
        "STATE",
        "SWARM",
        "PUBLIC (eth0)",
        "PRIVATE (eth1)"
    );
    for node in &status.nodes {
        let dash = || "-".to_owned();
        let swarm = match (&node.swarm, &node.availability) {
            (Some(state), Some(availability)) => format!("{state}/{availability}"),
            _ => dash(),
        };
        let state = if node.partitioned { "cut off".to_owned() } else { node.state.clone() };
        anstream::println!(
            "{:<10} {:<8} {:<9} {:<14} {:<16} {:<16} {}",
            node.name,
            node.role,
            state,
            swarm,
            node.public.clone().unwrap_or_else(dash),
            node.private.clone().unwrap_or_else(dash),
            node.engine.clone().unwrap_or_else(dash)
        );
    }
    for node in &status.nodes {
        for (port, here) in &node.ports {
            anstream::println!("port {port} of {} is {here} on this machine", node.name);
        }
    }
    if let Some(head) = status.nodes.iter().find(|node| node.state == "running") {
        anstream::println!("\nexport DOCKER_HOST={}", head.docker_host);
    }
    Ok(ExitCode::SUCCESS)
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
            let folder = logs::collect(&outer, &args.cluster.name, args.out.as_deref()).await?;
            anstream::println!("{}", folder.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}
