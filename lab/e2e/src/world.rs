//! The machine, the cluster on it, and the words in which steps are written.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cluster::status::Status;
use cluster::{Outer, label};
use ledger::Announcement;
use swarm::bollard::query_parameters::ListNetworksOptionsBuilder;
use swarm::kernel::{self, Module};
use swarm::{Converged, Swarm, patient};
use tokio::process::Command;

/// Name of the cluster that is made.
pub const CLUSTER: &str = "e2e";
/// The stack's name.
pub const STACK: &str = "dockercoins";
/// How long services may take to converge; recovery from a lost node includes Swarm's own 15 s or so until it notices.
pub fn within() -> Duration {
    patient(Duration::from_secs(90))
}

/// Everything that steps share.
pub struct World {
    /// The engine of this machine.
    pub outer: Outer,
    /// Whether this kernel has IPVS: virtual IPs and the routing mesh.
    pub ipvs: bool,
    /// The bridges of the cluster's networks.
    pub bridges: Vec<String>,
    lab: PathBuf,
    root: PathBuf,
}

/// How a command of ours ended.
pub struct Said {
    /// Whether its exit code was 0.
    pub well: bool,
    /// Both outputs.
    pub text: String,
}

impl World {
    /// Looks for what is needed.
    pub async fn new() -> Result<World> {
        swarm::patience::check().map_err(anyhow::Error::msg)?;
        let outer = Outer::connect().await?;
        let folder = std::env::current_exe()?.parent().context("this program is in no folder")?.to_owned();
        let lab = folder.join("lab");
        if !lab.is_file() {
            bail!("{} is missing\n  run this by lab/e2e/run.sh, which builds it", lab.display());
        }
        let root = std::env::current_dir()?;
        if !root.join("compose/stack.yml").is_file() {
            bail!("{} is not the repository\n  run this by lab/e2e/run.sh, which goes there", root.display());
        }
        let ipvs = kernel::ipvs() != Module::Missing;
        Ok(World { outer, ipvs, bridges: Vec::new(), lab, root })
    }

    /// Runs `lab`, and returns what it said.
    pub async fn lab(&self, arguments: &[&str]) -> Result<Said> {
        self.lab_with(arguments, &[]).await
    }

    /// Runs `lab` with more in its environment.
    pub async fn lab_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Said> {
        let output = Command::new(&self.lab)
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .output()
            .await?;
        let text = [output.stdout, output.stderr].concat();
        Ok(Said { well: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() })
    }

    /// Runs `lab`, which must succeed.
    pub async fn lab_ok(&self, arguments: &[&str]) -> Result<String> {
        let said = self.lab(arguments).await?;
        if !said.well {
            bail!("`lab {}` failed:\n{}", arguments.join(" "), said.text);
        }
        Ok(said.text)
    }

    /// Runs a shell command on a node, which must succeed.
    pub async fn on(&self, node: &str, command: &str) -> Result<String> {
        let container = self.outer.node(CLUSTER, node).await?.id;
        let command = format!("cd {} && {command}", cluster::REPOSITORY);
        self.outer.exec_ok(&container, &["sh", "-c", &command]).await
    }

    /// Makes a service on the stack's network, known by its tasks' own addresses, of an image with its arguments.
    pub async fn create(&self, name: &str, run: &str) -> Result<()> {
        let create = format!("docker service create -q -d --name {name} --network {STACK} --endpoint-mode dnsrr {run}");
        self.on("head", &create).await.map(drop)
    }

    /// The Swarm, through head.
    pub async fn swarm(&self) -> Result<Swarm> {
        Ok(cluster::node_engine(CLUSTER, "head").await?.swarm().await?)
    }

    /// How the cluster is.
    pub async fn status(&self) -> Result<Status> {
        cluster::status::status(&self.outer, CLUSTER).await
    }

    /// Waits for one of the stack's services.
    pub async fn converge(&self, service: &str) -> Result<Converged> {
        Ok(self.swarm().await?.converge(&format!("{STACK}_{service}"), within()).await?)
    }

    /// Scales one of the stack's services, and waits.
    pub async fn scale(&self, service: &str, replicas: u32) -> Result<Converged> {
        self.swarm().await?.scale(&format!("{STACK}_{service}"), replicas).await?;
        self.converge(service).await
    }

    /// Asks Redis, which is on head.
    pub async fn redis(&self, command: &str) -> Result<String> {
        let ask =
            format!("docker exec $(docker ps -q -f name={STACK}_redis.1 -f health=healthy) redis-cli --raw {command}");
        Ok(self.on("head", &ask).await?.trim().to_owned())
    }

    /// Hashes counted.
    pub async fn hashes(&self) -> Result<u64> {
        Ok(self.redis("GET hashes").await?.parse()?)
    }

    /// What the workers say of themselves; there must be some.
    pub async fn workers(&self) -> Result<Vec<Announcement>> {
        let ids = self.redis("ZRANGE swarmlab:announced 0 -1").await?;
        let keys: Vec<String> = ids.lines().map(|id| format!("swarmlab:worker:{id}")).collect();
        if keys.is_empty() {
            bail!("no worker has announced itself");
        }
        let values = self.redis(&format!("MGET {}", keys.join(" "))).await?;
        Ok(values.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Loops that failed, over all workers.
    pub async fn failures(&self) -> Result<u64> {
        Ok(self.workers().await?.iter().map(|worker| worker.failures).sum())
    }

    /// Waits until something holds; the closure says what it saw when it does not.
    pub async fn until<F>(&self, what: &str, bound: Duration, mut look: impl FnMut() -> F) -> Result<Duration>
    where
        F: Future<Output = Result<Option<String>>>,
    {
        let begun = Instant::now();
        loop {
            let Some(last) = look().await? else { return Ok(begun.elapsed()) };
            if begun.elapsed() > bound {
                bail!("{what} did not come about in {} s: {last}", bound.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until Swarm says so of a node.
    pub async fn node_is(&self, name: &str, state: &str) -> Result<Duration> {
        let swarm = self.swarm().await?;
        let swarm = &swarm;
        self.until(&format!("{name} {state}"), within(), || async move {
            let nodes = swarm.nodes().await?;
            let seen = nodes.into_iter().find(|node| node.name == name).map(|node| node.state);
            Ok(if seen.as_deref() == Some(state) { None } else { Some(format!("it is {seen:?}")) })
        })
        .await
    }

    /// Keeps the nodes' logs for whoever looks into a failure.
    pub async fn collect_logs(&self) {
        if let Ok(folder) = cluster::logs::collect(&self.outer, CLUSTER, "all", None).await {
            println!("        the nodes' logs are in {}", folder.display());
        }
    }
}

/// The bridges that a cluster's networks have on this machine.
pub async fn bridges(outer: &Outer) -> Result<Vec<String>> {
    let filter = label::filter(Some(CLUSTER));
    let options = ListNetworksOptionsBuilder::default().filters(&filter).build();
    let networks = outer.docker().list_networks(Some(options)).await?;
    Ok(networks.into_iter().filter_map(|network| Some(format!("br-{}", network.id?.get(..12)?))).collect())
}
