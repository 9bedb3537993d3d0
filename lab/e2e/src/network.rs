//! Names and published ports: what a virtual IP and the routing mesh do, or what stands in for them.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use swarm::bollard::models::Service;
use swarm::patient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::{STACK, World};

/// The published ports answer on this machine and on every node.
pub fn reach(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let status = world.status().await?;
        let here = |port: u16| {
            let addresses = status.nodes[0].ports.get(&port).and_then(|here| here.first());
            addresses.with_context(|| format!("{port} is published"))
        };
        let page = get(here(8000)?, "/json").await?;
        ensure!(page.contains("hashes"), "webui: {page}");
        let rng = get(here(8001)?, "/").await?;
        ensure!(rng.contains("RNG running on"), "rng: {rng}");
        let hasher = get(here(8002)?, "/").await?;
        ensure!(hasher.contains("HASHER running on"), "hasher: {hasher}");
        let converged = world.converge("rng").await?;
        let with: BTreeSet<&str> = converged.running.iter().map(|task| converged.node_of(task)).collect();
        let mut without = Vec::new();
        for node in &status.nodes {
            let address = node.public.clone().context("a node has an address")?;
            let rng = get(&format!("{address}:8001"), "/").await?;
            ensure!(rng.contains("RNG running on"), "rng through {}: {rng}", node.name);
            if !with.contains(node.name.as_str()) {
                without.push(node.name.as_str());
            }
        }
        ensure!(!without.is_empty(), "every node has a task of rng, so nothing had to be passed on");
        let mesh = world.swarm().await?.services().await?.iter().any(|service| service.name == format!("{STACK}_mesh"));
        ensure!(mesh != world.ipvs, "IPVS is there: {}; a stand-in for the routing mesh: {mesh}", world.ipvs);
        let how = if mesh { "mesh" } else { "the routing mesh" };
        Ok(format!(
            "webui, rng and hasher from this machine; rng by {how} through {} without a task",
            without.join(", ")
        ))
    }
    .boxed()
}

async fn get(address: &str, path: &str) -> Result<String> {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: test\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(patient(Duration::from_secs(10)), ask).await;
    answer.with_context(|| format!("no answer from {address}{path}"))?.with_context(|| format!("{address}{path}"))
}

/// A service's name is its virtual IP, whatever runs behind it; without IPVS it is all of its tasks.
pub fn names(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let mut seen = Vec::new();
        let mut virtual_ip = BTreeSet::new();
        for replicas in [1, 2] {
            let mode = world.scale("rng", replicas).await?.service.endpoint_mode;
            let (name, tasks) = (resolve(world, "rng").await?, resolve(world, "tasks.rng").await?);
            ensure!(tasks.len() == replicas as usize, "tasks.rng is {tasks:?} with {replicas} replicas");
            if world.ipvs {
                virtual_ip = virtual_ips(world, "rng").await?;
                ensure!(mode == "vip", "the endpoint mode is {mode}");
                ensure!(name == virtual_ip && name.len() == 1, "rng is {name:?}, its virtual IP {virtual_ip:?}");
                ensure!(name.is_disjoint(&tasks), "rng is {name:?}, its tasks are {tasks:?}");
            } else {
                ensure!(mode == "dnsrr", "the endpoint mode is {mode}");
                ensure!(name == tasks, "rng is {name:?}, its tasks are {tasks:?}");
            }
            seen.push(format!("{tasks:?}"));
        }
        world.scale("rng", 1).await?;
        let behind = seen.join(", then ");
        Ok(if world.ipvs {
            format!("rng is its virtual IP {virtual_ip:?}, behind it {behind}")
        } else {
            format!("rng is its tasks: {behind}")
        })
    }
    .boxed()
}

/// What a name is for a container on the application's network.
async fn resolve(world: &World, name: &str) -> Result<BTreeSet<String>> {
    let ask = format!("docker run --rm --network {STACK} busybox:1 nslookup -type=a {name}. 127.0.0.11 2>&1");
    let said = world.on("head", &ask).await?;
    // The server's own address comes first, before the first empty line.
    let (_, answer) = said.split_once("\n\n").with_context(|| format!("nslookup said {said:?}"))?;
    let addresses = answer.lines().filter_map(|line| line.strip_prefix("Address:"));
    Ok(addresses.map(|address| address.trim().to_owned()).collect())
}

/// The virtual IPs that Swarm gave a service.
async fn virtual_ips(world: &World, service: &str) -> Result<BTreeSet<String>> {
    let swarm = world.swarm().await?;
    let docker = swarm.engine().docker();
    let network = docker.inspect_network(STACK, None).await?.id;
    let found: Service = docker.inspect_service(&format!("{STACK}_{service}"), None).await?;
    let all = found.endpoint.and_then(|endpoint| endpoint.virtual_ips).unwrap_or_default();
    let ours = all.into_iter().filter(|one| one.network_id == network).filter_map(|one| one.addr);
    // It is written with the network's prefix, as 10.0.1.2/24.
    Ok(ours.filter_map(|address| address.split('/').next().map(ToOwned::to_owned)).collect())
}
