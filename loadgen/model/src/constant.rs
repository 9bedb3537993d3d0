//! A network whose service times are constant.
//!
//! With jobs that visit the stations in a fixed order, first come first served, and constant times, the network is a
//! timed marked graph. Its rate is the smallest ratio of tokens to time over all circuits (Baccelli, Cohen, Olsder and
//! Quadrat, *Synchronization and Linearity*, 1992, chapter 2). The circuits are the round itself, N jobs in D + Z
//! seconds, and each station, m servers in D_k seconds. So the throughput is exactly
//! X(N) = min(N / (D + Z), min m_k / D_k), which for every other distribution of times is only the upper bound
//! (Denning and Buzen, *The Operational Analysis of Queueing Network Models*, 1978).
//!
//! Copies of a station are taken to be fed in turn, as a balancer that goes round does.

use crate::network::{Limit, Network};
use crate::predict::{Load, Operation};

/// The throughput of `jobs` jobs, in jobs a second. Infinite where nothing takes any time.
pub fn throughput(network: &Network, jobs: u32) -> f64 {
    if jobs == 0 {
        return 0.0;
    }
    (f64::from(jobs) / network.round_s()).min(network.capacity())
}

/// Throughput, utilisation and waiting with `jobs` jobs. `None` where nothing takes any time.
pub fn operate(network: &Network, jobs: u32) -> Option<Operation> {
    let throughput = throughput(network, jobs);
    if !throughput.is_finite() {
        return None;
    }
    // All that wait, wait at the station that is the limit. Of several equally slow ones each gets the same share:
    // where the waiting jobs really are then depends on how the run began.
    let waiting = (f64::from(jobs) - throughput * network.round_s()).max(0.0);
    let limit = match network.limit(jobs) {
        Limit::Station(station) => station.capacity(),
        Limit::Population => f64::NAN,
    };
    let is_limit = |capacity: f64| (capacity / limit - 1.0).abs() < 1e-9;
    let sharers = network.stations().iter().filter(|station| is_limit(station.capacity())).count();
    let stations = network
        .stations()
        .iter()
        .map(|station| {
            let queue = if is_limit(station.capacity()) { waiting / sharers as f64 } else { 0.0 };
            let busy = throughput * station.demand_s;
            let wait = if throughput > 0.0 { queue / throughput } else { 0.0 };
            let utilisation = station.servers().map(|servers| busy / f64::from(servers));
            Load {
                name: station.name.clone(),
                utilisation,
                queue,
                response_s: station.demand_s + wait,
                // A newcomer that takes its turn waits for those in line, and on average for half of what is
                // being served if all slots are taken at that moment.
                turn_s: utilisation
                    .map(|share| wait + share * station.demand_s / 2.0 / f64::from(station.slots.unwrap_or(1))),
            }
        })
        .collect();
    Some(Operation {
        throughput,
        round_s: if throughput > 0.0 { f64::from(jobs) / throughput } else { network.round_s() },
        stations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Station;

    fn mine(rng: u32) -> Network {
        let rng = Station::serial("rng", 0.1).with_replicas(rng);
        Network::new(0.1, vec![rng, Station::unlimited("hasher", 0.1)]).expect("sound")
    }

    #[test]
    fn the_table_of_the_mine() {
        for (workers, rng, expected) in [
            (1, 1, 10.0 / 3.0),
            (2, 1, 20.0 / 3.0),
            (3, 1, 10.0),
            (10, 1, 10.0),
            (10, 2, 20.0),
            (10, 3, 30.0),
            (10, 5, 100.0 / 3.0),
        ] {
            let rate = throughput(&mine(rng), workers);
            assert!((rate - expected).abs() < 1e-9, "{workers} workers, {rng} rng: {rate}, not {expected}");
        }
    }

    #[test]
    fn a_probe_of_rng_at_ten_workers_waits_three_quarters_of_a_second() {
        let operation = operate(&mine(1), 10).expect("finite");
        let rng = &operation.stations[0];
        assert!((rng.response_s - 0.8).abs() < 1e-9, "N·D − Z");
        assert!((rng.turn_s.expect("limited") - 0.75).abs() < 1e-9);
        assert!((rng.utilisation.expect("limited") - 1.0).abs() < 1e-9);
        assert!((operation.round_s - 1.0).abs() < 1e-9);
        assert_eq!(operation.stations[1].turn_s, None, "nobody waits at hasher");
    }

    #[test]
    fn nobody_waits_below_the_knee() {
        let operation = operate(&mine(1), 2).expect("finite");
        assert!(operation.stations.iter().all(|station| station.queue == 0.0));
        assert!((operation.round_s - 0.3).abs() < 1e-12);
    }

    #[test]
    fn nothing_that_takes_time_gives_no_operation() {
        let network = Network::new(0.0, vec![Station::serial("rng", 0.0)]).expect("sound");
        assert_eq!(operate(&network, 5), None);
        assert_eq!(throughput(&network, 5), f64::INFINITY);
    }
}
