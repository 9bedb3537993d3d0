//! Where agents come to: an address of this machine that the nodes reach.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use swarm::{Subnet, Swarm, towards};

use crate::Error;

/// This process's address on a network, by the network's name or identifier, where it is a container on it.
///
/// # Errors
/// When there is no such network, or the manager does not answer.
pub(crate) async fn own_address(swarm: &Swarm, network: &str) -> Result<Option<IpAddr>, Error> {
    // Swarm's overlays come from the same range everywhere: an address alone says little on a machine that is on none.
    if !Path::new("/.dockerenv").exists() {
        return Ok(None);
    }
    let docker = swarm.engine().docker();
    let found = docker.inspect_network(network, None).await;
    let found = found.map_err(|error| swarm::Error::api(format!("inspect network {network}"), &error))?;
    let ranges = found.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let mut subnets = ranges.into_iter().filter_map(|range| range.subnet?.parse::<Subnet>().ok());
    Ok(subnets.find_map(Subnet::own).map(IpAddr::from))
}

/// An address of this machine that tasks of the Swarm reach: on one of these networks where this is a container on it, else
/// the one from which this machine reaches the Swarm's nodes.
///
/// # Errors
/// When the only way to the nodes is this machine's own loopback.
pub async fn reachable(swarm: &Swarm, networks: &[String]) -> Result<IpAddr, Error> {
    for network in networks {
        if let Some(own) = own_address(swarm, network).await? {
            return Ok(own);
        }
    }
    let nodes = swarm.nodes().await?;
    // This manager last: it may be this machine, and give an address that is its own alone.
    let others = nodes.iter().filter(|node| !node.leader).chain(nodes.iter().filter(|node| node.leader));
    let found = others.filter_map(|node| node.address.parse().ok()).filter_map(towards);
    let mut last = None;
    for own in found {
        if !own.is_loopback() && !own.is_unspecified() {
            return Ok(own);
        }
        last = Some(own);
    }
    Err(Error::Loopback { address: last.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)) })
}
