//! Mean-value analysis against closed forms and against what has to hold in every network.

use model::{Network, Station, constant, mva};
use proptest::prelude::*;

/// The machine-repair model M/M/m//N in closed form: `jobs` jobs that think for `think` and then need one of `servers`
/// servers for `demand` seconds.
fn machine_repair(jobs: u32, servers: u32, think: f64, demand: f64) -> f64 {
    let ratio = demand / think;
    // The weight of k jobs at the servers: N!/(N−k)! · ratio^k / (min(1,m)·min(2,m)·…·min(k,m)).
    let mut weight = 1.0;
    let (mut total, mut busy) = (1.0, 0.0);
    for k in 1..=jobs {
        weight *= f64::from(jobs - k + 1) * ratio / f64::from(k.min(servers));
        total += weight;
        busy += weight * f64::from(k.min(servers));
    }
    busy / total / demand
}

fn station(name: &'static str) -> impl Strategy<Value = Station> {
    (0.001..1.0f64, 1..5u32, prop::option::of(1..3u32)).prop_map(move |(demand_s, replicas, slots)| Station {
        name: name.to_owned(),
        demand_s,
        replicas,
        slots,
    })
}

proptest! {
    #[test]
    fn one_station_is_the_machine_repair_model(jobs in 1..60u32, servers in 1..12u32, think in 0.01..2.0f64, demand in 0.01..2.0f64) {
        let network = Network::new(think, vec![Station::serial("rng", demand).with_replicas(servers)]).expect("sound");
        let closed = machine_repair(jobs, servers, think, demand);
        let found = mva::throughput(&network, jobs);
        prop_assert!((found / closed - 1.0).abs() < 1e-9, "{found} instead of {closed}");
    }

    #[test]
    fn random_times_are_never_faster_than_constant_ones(think in 0.0..1.0f64, a in station("a"), b in station("b"), c in station("c"), jobs in 1..40u32) {
        let network = Network::new(think, vec![a, b, c]).expect("sound");
        let (one_less, random) = (mva::throughput(&network, jobs - 1), mva::throughput(&network, jobs));
        prop_assert!(random <= constant::throughput(&network, jobs) * (1.0 + 1e-9));
        prop_assert!(random >= one_less * (1.0 - 1e-9), "one job more never hurts: {one_less}, then {random}");
        // The pessimistic bound: everybody queues behind everybody, at every station.
        let worst = f64::from(jobs) / (think + f64::from(jobs) * (network.round_s() - think));
        prop_assert!(random >= worst * (1.0 - 1e-9));
    }

    #[test]
    fn every_job_is_somewhere(think in 0.0..1.0f64, a in station("a"), b in station("b"), jobs in 1..40u32) {
        let network = Network::new(think, vec![a, b]).expect("sound");
        let operation = mva::operate(&network, jobs).expect("finite");
        let round = think + operation.stations.iter().map(|station| station.response_s).sum::<f64>();
        prop_assert!((round / operation.round_s - 1.0).abs() < 1e-9);
        prop_assert!(operation.stations.iter().all(|station| station.utilisation.is_none_or(|share| share <= 1.0 + 1e-9)));
    }
}

#[test]
fn large_networks_stay_sound_near_saturation() {
    let network = Network::new(
        1.0,
        vec![Station::serial("a", 0.01).with_replicas(8), Station::serial("b", 0.009).with_replicas(7)],
    )
    .expect("sound");
    let rate = mva::throughput(&network, 2000);
    assert!((rate - 7.0 / 0.009).abs() < 0.01 * rate, "{rate}");
    assert!(rate <= network.capacity() * (1.0 + 1e-9));
}
