//! Taking a cluster away, whole or half-made.

use anyhow::{Context as _, Result};
use futures_util::future::join_all;
use swarm::bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptionsBuilder,
};

use crate::{NODE_SOCKETS, Name, Outer, label};

/// What was taken away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Containers, each of them a node.
    pub containers: usize,
    /// Networks.
    pub networks: usize,
    /// Volumes.
    pub volumes: usize,
}

/// Removes everything that has the cluster's label. Nothing there is no error.
///
/// # Errors
/// When something cannot be removed; the rest is removed all the same.
pub async fn down(outer: &Outer, cluster: &Name) -> Result<Removed> {
    let docker = outer.docker();
    let filter = label::filter(Some(cluster));
    let mut removed = Removed::default();
    let mut failed = Vec::new();

    let options = ListContainersOptionsBuilder::default().all(true).filters(&filter).build();
    let containers = docker.list_containers(Some(options)).await.context("cannot list containers")?;
    let ids: Vec<String> = containers.into_iter().filter_map(|container| container.id).collect();
    let results = join_all(ids.iter().map(|id| {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        async move { docker.remove_container(id, Some(options)).await }
    }))
    .await;
    removed.containers = count(results, &mut failed);

    let options = ListNetworksOptionsBuilder::default().filters(&filter).build();
    let networks = docker.list_networks(Some(options)).await.context("cannot list networks")?;
    let ids: Vec<String> = networks.into_iter().filter_map(|network| network.id).collect();
    let results = join_all(ids.iter().map(|id| docker.remove_network(id))).await;
    removed.networks = count(results, &mut failed);

    let options = ListVolumesOptionsBuilder::default().filters(&filter).build();
    let volumes = docker.list_volumes(Some(options)).await.context("cannot list volumes")?;
    let names: Vec<String> = volumes.volumes.unwrap_or_default().into_iter().map(|volume| volume.name).collect();
    let results = join_all(names.iter().map(|name| {
        let options = RemoveVolumeOptionsBuilder::default().force(true).build();
        async move { docker.remove_volume(name, Some(options)).await }
    }))
    .await;
    removed.volumes = count(results, &mut failed);

    // Sockets that nobody listens on any more. Only root may remove them; they do no harm.
    let _ = std::fs::remove_dir_all(format!("{NODE_SOCKETS}/{cluster}"));
    let _ = std::fs::remove_dir(NODE_SOCKETS);

    if failed.is_empty() {
        return Ok(removed);
    }
    anyhow::bail!("cluster {cluster} could not be removed whole:\n  {}", failed.join("\n  "))
}

fn count(results: Vec<Result<(), swarm::bollard::errors::Error>>, failed: &mut Vec<String>) -> usize {
    let all = results.len();
    let before = failed.len();
    failed.extend(results.into_iter().filter_map(Result::err).map(|error| error.to_string()));
    all - (failed.len() - before)
}
