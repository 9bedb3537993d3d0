//! Where agents come to: an address of this machine that the nodes reach.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use swarm::Swarm;

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
        for (base, length) in subnets.filter_map(|subnet| parse(&subnet)) {
            if let Some(IpAddr::V4(own)) = towards(IpAddr::V4(first(base)))
                && inside(own, base, length)
            {
                return Ok(own.into());
            }
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

/// The address from which this machine would send there. Nothing is sent: the kernel only looks up its way.
fn towards(there: IpAddr) -> Option<IpAddr> {
    let any = if there.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(SocketAddr::new(there, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// `10.0.1.0/24` as its base and length.
fn parse(subnet: &str) -> Option<(Ipv4Addr, u32)> {
    let (base, length) = subnet.split_once('/')?;
    Some((base.parse().ok()?, length.parse().ok().filter(|length| *length <= 32)?))
}

fn first(base: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(base).saturating_add(1))
}

fn inside(address: Ipv4Addr, base: Ipv4Addr, length: u32) -> bool {
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    u32::from(address) & mask == u32::from(base) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_subnet_and_in_no_other() {
        let (base, length) = parse("10.0.1.0/24").unwrap();
        assert!(inside("10.0.1.7".parse().unwrap(), base, length));
        assert!(!inside("10.0.2.7".parse().unwrap(), base, length));
        assert!(inside("1.2.3.4".parse().unwrap(), Ipv4Addr::UNSPECIFIED, 0));
        assert_eq!(first(base), Ipv4Addr::new(10, 0, 1, 1));
        for bad in ["10.0.1.0", "10.0.1.0/33", "fd00::/64", "x/8"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_way_to_oneself_is_oneself() {
        assert_eq!(towards(IpAddr::V4(Ipv4Addr::LOCALHOST)), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
