//! Choosing subnets that collide with nothing.

use std::net::Ipv4Addr;

use anyhow::{Result, bail};
use swarm::Subnet;

/// Routes with fewer leading bits are parts of a default route: a VPN has 0.0.0.0/1 and 128.0.0.0/1 in place of one.
const NARROW: u8 = 8;

/// The routes of this machine to networks of its own, from the kernel's table: all but the default route.
pub fn routes(table: &str) -> Vec<Subnet> {
    let hex = |field: &str| u32::from_str_radix(field, 16).ok().map(u32::from_be);
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, mask) = (hex(fields.get(1)?)?, hex(fields.get(7)?)?);
            let prefix = mask.count_ones() as u8;
            (prefix >= NARROW).then(|| Subnet::new(address.into(), prefix))
        })
        .collect()
}

/// The first `count` subnets that overlap with none of `taken`.
///
/// The candidates lie outside of 10.0.0.0/8, from which Swarm takes its overlay networks, and outside of 172.17 to
/// 172.20, from which the engine inside a node takes its first bridges.
pub fn free(count: usize, taken: &[Subnet]) -> Result<Vec<Subnet>> {
    let candidates = (101..=250)
        .map(|n| Subnet::new(Ipv4Addr::new(192, 168, n, 0), 24))
        .chain((24..=31).map(|n| Subnet::new(Ipv4Addr::new(172, n, 0, 0), 24)))
        .chain((64..=127).map(|n| Subnet::new(Ipv4Addr::new(100, n, 0, 0), 24)));
    let chosen: Vec<Subnet> =
        candidates.filter(|candidate| !taken.iter().any(|other| candidate.overlaps(*other))).take(count).collect();
    if chosen.len() < count {
        bail!(
            "no free subnet is left in 192.168.0.0/16, 172.24.0.0/13 and 100.64.0.0/10\n  see `ip route` and `docker network ls`"
        );
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn the_kernel_s_table_is_read_but_for_the_default_route() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        assert_eq!(routes(table), [subnet("192.0.2.0/24"), subnet("172.17.0.0/16")]);
    }

    #[test]
    fn the_halves_of_a_default_route_take_no_subnet() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
            tun0\t00000000\t0100080A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n\
            tun0\t00000080\t0100080A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n\
            tun0\t0000000A\t0100080A\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n";
        assert_eq!(routes(table), [subnet("10.0.0.0/8")]);
        assert!(free(2, &routes(table)).is_ok());
    }

    #[test]
    fn taken_subnets_are_passed_over() {
        let taken = [subnet("192.168.101.0/24"), subnet("192.168.103.128/25")];
        assert_eq!(free(2, &taken).unwrap(), [subnet("192.168.102.0/24"), subnet("192.168.104.0/24")]);
    }

    #[test]
    fn none_left_is_an_error_with_a_remedy() {
        let error = free(1, &[subnet("0.0.0.0/0")]).unwrap_err().to_string();
        assert!(error.contains("docker network ls"), "{error}");
    }

    #[test]
    fn candidates_stay_outside_of_swarm_s_pool() {
        let swarm = subnet("10.0.0.0/8");
        assert!(free(200, &[]).unwrap().iter().all(|candidate| !candidate.overlaps(swarm)));
    }
}
