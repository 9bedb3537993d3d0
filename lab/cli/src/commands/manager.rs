//! Which Swarm a command means.

use cluster::{Name, Outer, manager_engine, node_of};
use swarm::{Engine, Error, Swarm};

/// Options of commands that talk to a Swarm.
#[derive(Debug, clap::Args)]
pub struct Manager {
    /// A manager's engine, as unix:///var/run/docker.sock or tcp://10.0.0.1:2375
    // DOCKER_HOST is not its twin: what is exported for `docker` must not stand in the way of --cluster.
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    /// The Swarm of this `lab cluster`. Without it and --host: that of DOCKER_HOST, else of the cluster that LAB_CLUSTER
    /// names, else the local engine's, else that of the cluster `swarmlab`
    #[arg(long, value_name = "NAME", conflicts_with = "host")]
    cluster: Option<Name>,
}

impl Manager {
    /// Connects to the Swarm that is meant.
    pub async fn swarm(&self) -> anyhow::Result<Swarm> {
        if let Some(host) = &self.host {
            return Ok(Engine::connect(Some(host)).await?.swarm().await?);
        }
        if let Some(name) = &self.cluster {
            return of_cluster(name).await;
        }
        if let Some(host) = swarm::exported() {
            // A worker's socket, or that of a node that is broken, still says which cluster is meant.
            return match (swarm(&host).await, node_of(&host)) {
                (Err(_), Some((name, _))) => of_cluster(&name).await,
                (swarm, _) => Ok(swarm?),
            };
        }
        if let Some(name) = named()? {
            return of_cluster(&name).await;
        }
        match swarm(swarm::DEFAULT_HOST).await {
            Err(not_in_swarm @ Error::NotInSwarm { .. }) => of_cluster(&Name::default()).await.map_err(|error| {
                // Of a cluster whose nodes are in no swarm yet that is news, and of one that is not there it is none.
                let bare = matches!(error.downcast_ref::<Error>(), Some(Error::NotInSwarm { .. }));
                if bare { error } else { not_in_swarm.into() }
            }),
            swarm => Ok(swarm?),
        }
    }
}

/// The cluster that `LAB_CLUSTER` names, where it names one.
fn named() -> anyhow::Result<Option<Name>> {
    let Ok(name) = std::env::var("LAB_CLUSTER") else { return Ok(None) };
    Ok(Some(name.parse().map_err(|error| anyhow::anyhow!("LAB_CLUSTER: {error}"))?))
}

async fn swarm(host: &str) -> Result<Swarm, Error> {
    Engine::connect(Some(host)).await?.swarm().await
}

/// Says which clusters there are when there is none of that name.
async fn of_cluster(name: &Name) -> anyhow::Result<Swarm> {
    Ok(manager_engine(&Outer::connect().await?, name).await?.swarm().await?)
}
