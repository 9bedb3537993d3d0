//! How a run used its connections.

use std::net::SocketAddr;

/// What came of one address of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressUse {
    /// The address.
    pub address: SocketAddr,
    /// Connections opened to it.
    pub connections: u64,
    /// Measured requests that it answered.
    pub answers: u64,
}

/// How connections were used. Adds up over threads and over generators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The most measured requests that one connection carried to their answer.
    pub busiest: u64,
    /// By address, in the order of the addresses.
    pub addresses: Vec<AddressUse>,
}

/// One connection carried nearly all where it carried more than this share.
const NEARLY_ALL: f64 = 0.9;

/// Fewer answers than this say nothing about how connections are used.
const ENOUGH: u64 = 20;

impl Usage {
    /// The place of an address in the list, added to it where it is new.
    pub(crate) fn place(&mut self, address: SocketAddr) -> usize {
        let found = self.addresses.iter().position(|entry| entry.address == address);
        found.unwrap_or_else(|| {
            self.addresses.push(AddressUse { address, connections: 0, answers: 0 });
            self.addresses.len() - 1
        })
    }

    /// Adds what another thread or generator used.
    pub fn add(&mut self, other: &Usage) {
        self.busiest = self.busiest.max(other.busiest);
        for theirs in &other.addresses {
            let place = self.place(theirs.address);
            self.addresses[place].connections += theirs.connections;
            self.addresses[place].answers += theirs.answers;
        }
        self.addresses.sort_by_key(|entry| entry.address);
    }

    /// Adds those of a name's addresses to which no connection went, of the family of one to which some did: `localhost` has one
    /// of each family.
    pub(crate) fn add_idle(&mut self, all: &[SocketAddr]) {
        let used: Vec<bool> = self.addresses.iter().map(|entry| entry.address.is_ipv4()).collect();
        for address in all.iter().filter(|address| used.contains(&address.is_ipv4())) {
            self.place(*address);
        }
        self.addresses.sort_by_key(|entry| entry.address);
    }

    /// How many of the name's addresses got no connection, of how many.
    pub fn idle(&self) -> (usize, usize) {
        (self.addresses.iter().filter(|entry| entry.connections == 0).count(), self.addresses.len())
    }

    /// The share of the answers that one connection carried, where that was nearly all of several.
    pub fn one_carried(&self, answers: u64) -> Option<f64> {
        let share = self.busiest as f64 / answers.max(1) as f64;
        (answers >= ENOUGH && share > NEARLY_ALL).then_some(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_a_connection_are_told_of_the_family_that_is_used() {
        let all: Vec<SocketAddr> =
            ["10.0.0.3:80", "10.0.0.4:80", "[fd00::3]:80"].map(|text| text.parse().expect("an address")).into();
        let mut usage = Usage::default();
        usage.add_idle(&all);
        assert_eq!(usage.idle(), (0, 0), "nothing was used, so nothing is known");
        let place = usage.place(all[1]);
        usage.addresses[place].connections = 4;
        usage.add_idle(&all);
        assert_eq!(usage.idle(), (1, 2));
        assert_eq!(usage.addresses[0], AddressUse { address: all[0], connections: 0, answers: 0 });
    }

    #[test]
    fn usage_adds_up_by_address() {
        let of = |port: u16, connections, answers| AddressUse {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            connections,
            answers,
        };
        let mut total = Usage { busiest: 7, addresses: vec![of(2, 1, 7)] };
        total.add(&Usage { busiest: 9, addresses: vec![of(1, 2, 12), of(2, 1, 1)] });
        assert_eq!(total, Usage { busiest: 9, addresses: vec![of(1, 2, 12), of(2, 2, 8)] });
        assert_eq!(total.one_carried(20), None);
        assert_eq!(Usage { busiest: 20, ..total.clone() }.one_carried(20), Some(1.0));
        assert_eq!(Usage { busiest: 9, ..total }.one_carried(9), None, "too few to tell");
    }
}
