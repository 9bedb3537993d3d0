//! Which Swarm a command means.

use cluster::{DEFAULT_NAME, Outer, node_engine};
use swarm::{Engine, Error, Swarm};

/// Options of commands that talk to a Swarm.
#[derive(Debug, clap::Args)]
pub struct Manager {
    /// A manager's engine, as unix:///var/run/docker.sock or tcp://10.0.0.1:2375
    #[arg(long, env = "DOCKER_HOST", value_name = "URL")]
    host: Option<String>,
    /// The Swarm of this `lab cluster`; by default the local engine's, and where that is in none, the cluster
    /// that LAB_CLUSTER names, or `swarmlab`
    #[arg(long, value_name = "NAME", conflicts_with = "host")]
    cluster: Option<String>,
}

impl Manager {
    /// Connects to the Swarm that is meant.
    pub async fn swarm(&self) -> anyhow::Result<Swarm> {
        if let Some(name) = &self.cluster {
            // Says which clusters there are when there is none of that name.
            Outer::connect().await?.existing(name).await?;
            return Ok(node_engine(name, "head").await?.swarm().await?);
        }
        let host = self.host.as_deref().filter(|host| !host.is_empty());
        match Engine::connect(host).await?.swarm().await {
            Err(not_in_swarm @ Error::NotInSwarm { .. }) if host.is_none() => {
                let name = std::env::var("LAB_CLUSTER").ok().filter(|name| !name.is_empty());
                match node_engine(name.as_deref().unwrap_or(DEFAULT_NAME), "head").await {
                    Ok(head) => Ok(head.swarm().await?),
                    Err(_) => Err(not_in_swarm.into()),
                }
            }
            swarm => Ok(swarm?),
        }
    }
}
