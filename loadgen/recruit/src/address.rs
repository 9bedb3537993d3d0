//! Where agents come to: an address of this machine that the nodes reach.

use std::net::{IpAddr, Ipv4Addr};

use swarm::{Subnet, Swarm, towards};

use crate::Error;

/// An address of this machine that tasks of the Swarm reach: on one of these networks where this is a container on it, else
/// the one from which this machine reaches the Swarm's nodes.
///
/// # Errors
/// When the only way to the nodes is this machine's own loopback.
pub async fn reachable(swarm: &Swarm, networks: &[String]) -> Result<IpAddr, Error> {
    for name in networks {
        let subnets = swarm.network(name).await?.and_then(|network| network.ipam).and_then(|ipam| ipam.config);
        let subnets = subnets.unwrap_or_default().into_iter().filter_map(|config| config.subnet);
        if let Some(own) = subnets.filter_map(|subnet| subnet.parse::<Subnet>().ok()?.own()).next() {
            return Ok(own.into());
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
