//! Making a cluster.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;
use swarm::bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, SwarmInitRequest, SwarmJoinRequest};
use swarm::{Engine, patient};
use tokio::time::Instant;

use crate::node::{Role, Spec};
use crate::{Name, Outer, Subnet, down, label, logs, preflight, subnet};

/// How long a node's engine may take to answer.
const ENGINE_WITHIN: Duration = Duration::from_secs(60);

/// How long the nodes may take until all are Ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Where Swarm's managers listen.
const SWARM_PORT: u16 = 2377;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Config {
    /// The cluster's name.
    pub name: Name,
    /// How many nodes, managers among them.
    pub nodes: u32,
    /// How many of them are managers.
    pub managers: u32,
    /// Image of the nodes.
    pub image: String,
    /// Stop before the Swarm is made.
    pub bare: bool,
    /// Ports of `head` on this machine: here (0 for any free one) and on the node.
    pub publish: Vec<(u16, u16)>,
    /// Address of this machine on which they are published.
    pub bind: IpAddr,
    /// What is mounted into each node: here, there, and whether it may be written.
    pub mounts: Vec<(PathBuf, String, bool)>,
    /// More arguments for the nodes' engines.
    pub dockerd: Vec<String>,
    /// Leave a half-made cluster standing when a step fails.
    pub keep: bool,
}

impl Config {
    fn check(&self) -> Result<()> {
        if !(1..=50).contains(&self.nodes) {
            bail!("--nodes {}: a cluster has 1 to 50 nodes", self.nodes);
        }
        if self.managers == 0 || self.managers > self.nodes {
            bail!("--managers {}: at least one of the {} nodes is a manager", self.managers, self.nodes);
        }
        Ok(())
    }

    /// The nodes' names and roles: `head` first, then the other managers, then the workers.
    fn names(&self) -> Vec<(String, Role)> {
        (1..=self.nodes)
            .map(|n| match n {
                1 => ("head".to_owned(), Role::Manager),
                n if n <= self.managers => (format!("head-{n}"), Role::Manager),
                n => (format!("worker-{}", n - self.managers), Role::Worker),
            })
            .collect()
    }
}

/// That there is no cluster of this name yet.
///
/// # Errors
/// When there is one, or the engine does not answer.
pub async fn absent(outer: &Outer, name: &Name) -> Result<()> {
    if !outer.nodes(Some(name)).await?.is_empty() {
        bail!(
            "cluster {name} is there already\n  use it (`lab cluster status`), or take it down first (`lab cluster down`)"
        );
    }
    Ok(())
}

/// Makes the cluster, and takes away what was made when a step fails; `say` gets a line for each step.
///
/// # Errors
/// When this machine is not ready, there is a cluster of that name, or a step fails. The error names a folder with
/// the nodes' logs where there are any.
pub async fn up(outer: &Outer, config: &Config, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    config.check()?;
    absent(outer, &config.name).await?;
    let ports: Vec<u16> = config.publish.iter().map(|(here, _)| *here).collect();
    preflight::demand(&preflight::look(outer, config.nodes, config.bind, &ports).await?)?;
    // What a crash may have left of a cluster of this name, such as its networks, would be in the way.
    down::down(outer, &config.name).await?;

    let made = tokio::select! {
        made = make(outer, config, say) => made,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    let Err(mut error) = made else { return Ok(()) };
    if let Ok(folder) = logs::collect(outer, &config.name, "all", None).await {
        error = error.context(format!("the nodes' logs are in {}", folder.display()));
    }
    if config.keep {
        return Err(error.context(format!("left standing; `lab cluster down --name {}` takes it away", config.name)));
    }
    say("rolling back");
    down::down(outer, &config.name).await.context("could not roll back")?;
    Err(error)
}

async fn make(outer: &Outer, config: &Config, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let (public, private) = networks(outer, config).await?;
    say(&format!("networks: {public} public (eth0), {private} private (eth1)"));

    let specs: Vec<Spec> = config
        .names()
        .into_iter()
        .zip(11..)
        .map(|((name, role), n)| Spec {
            cluster: config.name.clone(),
            publish: if name == "head" { config.publish.clone() } else { Vec::new() },
            name,
            role,
            image: config.image.clone(),
            public: (network(&config.name, "public"), public.nth(n)),
            private: (network(&config.name, "private"), private.nth(n)),
            private_subnet: private,
            bind: config.bind.to_string(),
            mounts: config.mounts.clone(),
            dockerd: config.dockerd.clone(),
        })
        .collect();
    let confined = Arc::new(AtomicBool::new(false));
    // The first finds out which privileges this machine can give; the others follow it.
    let (first, rest) = specs.split_first().context("a cluster has a node")?;
    first.run(outer, &confined).await?;
    try_join_all(rest.iter().map(|spec| spec.run(outer, &confined))).await?;
    say(&format!("{} nodes started", specs.len()));
    let engines = try_join_all(specs.iter().map(|spec| spec.ready(outer, patient(ENGINE_WITHIN)))).await?;
    say(&format!("engine {} answers in each", engines[0].version()));
    if config.bare {
        return Ok(());
    }
    join(&specs, &engines).await?;
    ready(&engines[0], specs.len()).await?;
    say(&format!("swarm of {} nodes is Ready", specs.len()));
    Ok(())
}

fn network(cluster: &str, which: &str) -> String {
    format!("{cluster}-{which}")
}

/// Makes the two networks in subnets that are free on this machine.
async fn networks(outer: &Outer, config: &Config) -> Result<(Subnet, Subnet)> {
    let mut taken = subnet::routes(&std::fs::read_to_string("/proc/net/route").unwrap_or_default());
    let existing = outer.docker().list_networks(None).await.context("cannot list networks")?;
    let ranges = existing.into_iter().filter_map(|network| network.ipam?.config).flatten();
    taken.extend(ranges.filter_map(|range| range.subnet?.parse::<Subnet>().ok()));
    loop {
        let chosen = subnet::free(2, &taken)?;
        let mut clash = None;
        for (which, subnet) in ["public", "private"].into_iter().zip(&chosen) {
            if let Err(error) = create_network(outer, &config.name, which, *subnet).await {
                // Another engine or a VPN may hold a range that no route of this table shows.
                if !error.to_string().contains("overlaps") {
                    return Err(error).with_context(|| format!("cannot make the {which} network {subnet}"));
                }
                clash = Some(*subnet);
                break;
            }
        }
        match clash {
            None => return Ok((chosen[0], chosen[1])),
            Some(subnet) => {
                taken.push(subnet);
                let _ = outer.docker().remove_network(&network(&config.name, "public")).await;
            }
        }
    }
}

async fn create_network(
    outer: &Outer,
    cluster: &str,
    which: &str,
    subnet: Subnet,
) -> Result<(), swarm::bollard::errors::Error> {
    let range =
        IpamConfig { subnet: Some(subnet.to_string()), gateway: Some(subnet.nth(1).to_string()), ..Default::default() };
    let request = NetworkCreateRequest {
        name: network(cluster, which),
        driver: Some("bridge".to_owned()),
        // Only the public network leads out of this machine.
        internal: Some(which == "private"),
        ipam: Some(Ipam { config: Some(vec![range]), ..Default::default() }),
        labels: Some(label::of(cluster, &[(label::NETWORK, which)])),
        options: Some(HashMap::new()),
        ..Default::default()
    };
    outer.docker().create_network(request).await.map(drop)
}

/// Makes the Swarm on the first node, and lets the others join by their private addresses.
async fn join(specs: &[Spec], engines: &[Engine]) -> Result<()> {
    let head = specs[0].private.1;
    let request = SwarmInitRequest {
        listen_addr: Some(format!("{head}:{SWARM_PORT}")),
        advertise_addr: Some(head.to_string()),
        data_path_addr: Some(head.to_string()),
        ..Default::default()
    };
    engines[0].docker().init_swarm(request).await.context("`swarm init` failed on head")?;
    let swarm = engines[0].docker().inspect_swarm().await.context("head does not tell the join tokens")?;
    let tokens = swarm.join_tokens.context("head has no join tokens")?;
    let remote = format!("{head}:{SWARM_PORT}");
    let joins = specs.iter().zip(engines).skip(1).map(|(spec, engine)| {
        let token = match spec.role {
            Role::Manager => tokens.manager.clone(),
            Role::Worker => tokens.worker.clone(),
        };
        let request = SwarmJoinRequest {
            listen_addr: Some(format!("{}:{SWARM_PORT}", spec.private.1)),
            advertise_addr: Some(spec.private.1.to_string()),
            data_path_addr: Some(spec.private.1.to_string()),
            remote_addrs: Some(vec![remote.clone()]),
            join_token: token,
        };
        async move {
            engine.docker().join_swarm(request).await.with_context(|| format!("`swarm join` failed on {}", spec.name))
        }
    });
    try_join_all(joins).await?;
    Ok(())
}

/// Waits until all nodes are Ready.
async fn ready(head: &Engine, nodes: usize) -> Result<()> {
    let swarm = head.clone().swarm().await?;
    let start = Instant::now();
    loop {
        let seen = swarm.nodes().await?;
        if seen.iter().filter(|node| node.ready).count() == nodes {
            return Ok(());
        }
        if start.elapsed() > patient(READY_WITHIN) {
            let states: Vec<String> = seen.iter().map(|node| format!("{} {}", node.name, node.state)).collect();
            bail!("not all nodes were Ready in {} s: {}", patient(READY_WITHIN).as_secs(), states.join(", "));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(nodes: u32, managers: u32) -> Config {
        Config {
            name: Name::default(),
            nodes,
            managers,
            image: String::new(),
            bare: false,
            publish: Vec::new(),
            bind: [127, 0, 0, 1].into(),
            mounts: Vec::new(),
            dockerd: Vec::new(),
            keep: false,
        }
    }

    #[test]
    fn head_comes_first_and_the_other_managers_next() {
        let names: Vec<String> = config(5, 3).names().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["head", "head-2", "head-3", "worker-1", "worker-2"]);
    }

    #[test]
    fn impossible_clusters_are_refused_by_the_flag_s_name() {
        for (config, flag) in
            [(config(0, 1), "--nodes 0"), (config(3, 0), "--managers 0"), (config(3, 4), "--managers 4")]
        {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(flag), "{error}");
        }
    }
}
