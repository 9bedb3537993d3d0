//! Subnets, and which address this machine has in one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::str::FromStr;

use serde::Serialize;

/// A range of IPv4 addresses, as `192.168.101.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subnet {
    address: u32,
    prefix: u8,
}

impl Subnet {
    /// The subnet that has this address and this many leading bits.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Subnet {
        Subnet { address: u32::from(address) & mask(prefix), prefix }
    }

    /// Whether both have an address in common.
    pub fn overlaps(self, other: Subnet) -> bool {
        let mask = mask(self.prefix.min(other.prefix));
        self.address & mask == other.address & mask
    }

    /// Whether the address lies in it.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        self.overlaps(Subnet::new(address, 32))
    }

    /// The address that this machine has in it: the one that it would send from.
    pub fn own(self) -> Option<Ipv4Addr> {
        match towards(self.nth(1).into())? {
            IpAddr::V4(address) if self.contains(address) => Some(address),
            _ => None,
        }
    }

    /// The nth address.
    pub fn nth(self, n: u32) -> Ipv4Addr {
        Ipv4Addr::from(self.address.saturating_add(n))
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.address), self.prefix)
    }
}

impl Serialize for Subnet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Subnet {
    type Err = BadSubnet;

    fn from_str(text: &str) -> Result<Subnet, BadSubnet> {
        let read = || {
            let (address, prefix) = text.split_once('/')?;
            Some(Subnet::new(address.parse().ok()?, prefix.parse().ok().filter(|prefix| *prefix <= 32)?))
        };
        read().ok_or_else(|| BadSubnet(text.to_owned()))
    }
}

/// What is no subnet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a subnet such as 192.168.101.0/24")]
pub struct BadSubnet(String);

/// The address from which this machine would send there. Nothing is sent: the kernel only looks up its way.
pub fn towards(there: IpAddr) -> Option<IpAddr> {
    let any = if there.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(SocketAddr::new(there, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn overlap_is_one_holding_the_other() {
        assert!(subnet("10.0.0.0/8").overlaps(subnet("10.1.2.0/24")));
        assert!(subnet("10.1.2.0/24").overlaps(subnet("10.0.0.0/8")));
        assert!(!subnet("192.168.1.0/24").overlaps(subnet("192.168.2.0/24")));
        assert!(subnet("0.0.0.0/0").overlaps(subnet("192.168.2.0/24")));
        assert!(subnet("192.168.1.0/24").contains(Ipv4Addr::new(192, 168, 1, 77)));
    }

    #[test]
    fn an_address_is_in_its_subnet_and_in_no_other() {
        assert!(subnet("10.0.1.0/24").contains(Ipv4Addr::new(10, 0, 1, 7)));
        assert!(!subnet("10.0.1.0/24").contains(Ipv4Addr::new(10, 0, 2, 7)));
        assert!(subnet("0.0.0.0/0").contains(Ipv4Addr::new(1, 2, 3, 4)));
        assert_eq!(subnet("10.0.1.0/24").nth(1), Ipv4Addr::new(10, 0, 1, 1));
    }

    #[test]
    fn what_is_not_a_subnet_is_refused() {
        for text in ["", "10.0.0.0", "10.0.1.0", "10.0.0.0/33", "10.0.1.0/33", "fd00::/64", "x/8"] {
            let error = text.parse::<Subnet>().unwrap_err().to_string();
            assert!(error.contains("is not a subnet such as 192.168.101.0/24"), "{text}: {error}");
        }
    }

    #[test]
    fn the_way_to_oneself_is_oneself() {
        assert_eq!(towards(Ipv4Addr::LOCALHOST.into()), Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(subnet("127.0.0.0/8").own(), Some(Ipv4Addr::LOCALHOST));
    }
}
