//! The throughput for constant service times, against a simulation that follows each job.

use model::{Network, Station, constant};
use proptest::prelude::*;

/// Follows `jobs` jobs through the network, first come first served, for many rounds, and returns the jobs a second of
/// the second half. Constant times keep the order of the jobs, so each job can be followed through its whole round
/// before the next: the k-th to be served at a station starts when it is there and the k−m-th has left.
fn simulate(network: &Network, jobs: usize) -> f64 {
    let rounds = 400;
    let mut free: Vec<Vec<f64>> =
        network.stations().iter().map(|station| vec![0.0; station.servers().unwrap_or(0) as usize]).collect();
    let mut turn: Vec<usize> = vec![0; free.len()];
    let mut begins = vec![0.0; jobs];
    let mut half = 0.0;
    for round in 0..rounds {
        if round == rounds / 2 {
            half = begins[0];
        }
        for begin in &mut begins {
            let mut now = *begin + network.think_s();
            for (k, station) in network.stations().iter().enumerate() {
                if free[k].is_empty() {
                    now += station.demand_s;
                    continue;
                }
                let servers = free[k].len();
                let server = &mut free[k][turn[k] % servers];
                turn[k] += 1;
                now = now.max(*server) + station.demand_s;
                *server = now;
            }
            *begin = now;
        }
    }
    (jobs * (rounds - rounds / 2)) as f64 / (begins[0] - half)
}

fn station(name: &'static str) -> impl Strategy<Value = Station> {
    (0.001..1.0f64, 1..6u32, prop::option::of(1..3u32)).prop_map(move |(demand_s, replicas, slots)| Station {
        name: name.to_owned(),
        demand_s,
        replicas,
        slots,
    })
}

proptest! {
    #[test]
    fn the_bound_is_what_happens(think in 0.0..1.0f64, a in station("a"), b in station("b"), c in station("c"), jobs in 1..30u32) {
        let network = Network::new(think, vec![a, b, c]).expect("sound");
        let simulated = simulate(&network, jobs as usize);
        let computed = constant::throughput(&network, jobs);
        // The second half may hold up to one round more or less than it should.
        prop_assert!((simulated / computed - 1.0).abs() < 0.01, "simulated {simulated}, computed {computed}");
    }

    #[test]
    fn littles_law_holds_for_the_whole_round(think in 0.0..1.0f64, a in station("a"), b in station("b"), jobs in 1..50u32) {
        let network = Network::new(think, vec![a, b]).expect("sound");
        let operation = constant::operate(&network, jobs).expect("finite");
        let round = think + operation.stations.iter().map(|station| station.response_s).sum::<f64>();
        prop_assert!((round - operation.round_s).abs() < 1e-9 * round.max(1.0));
        prop_assert!(operation.stations.iter().all(|station| station.utilisation.is_none_or(|share| share <= 1.0 + 1e-9)));
    }
}
