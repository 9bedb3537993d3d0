//! What the settings, or the measured demands, say that dockercoins should do.

use std::collections::BTreeMap;

use model::predict::{Prediction, predict};
use model::{Invalid, Network, Station};

use crate::result::{Dockercoins, Settings, Step};

/// The services of the application in which time is spent, in the order in which a worker asks them.
pub const SERVICES: [&str; 2] = ["rng", "hasher"];

/// The application as a closed network: workers think, ask rng, ask hasher. Nothing where another service was measured.
pub fn network(settings: &Settings, replicas: &BTreeMap<String, u32>) -> Option<Network> {
    network_of(settings.dockercoins.as_ref()?, replicas).ok()
}

/// The network of these settings.
///
/// # Errors
/// A number that no network can have.
pub fn network_of(settings: &Dockercoins, replicas: &BTreeMap<String, u32>) -> Result<Network, Invalid> {
    let station = |name: &str, delay_ms: f64, concurrency: u32| Station {
        name: name.to_owned(),
        demand_s: delay_ms / 1000.0,
        replicas: replicas.get(name).copied().unwrap_or(1),
        slots: (concurrency > 0).then_some(concurrency),
    };
    Network::new(
        settings.think_ms / 1000.0,
        vec![
            station("rng", settings.rng_delay_ms, settings.rng_concurrency),
            station("hasher", settings.hasher_delay_ms, settings.hasher_concurrency),
        ],
    )
}

/// How many loops go round: the workers, times the loops that each of them runs.
pub fn jobs(settings: &Settings, replicas: &BTreeMap<String, u32>) -> u32 {
    replicas.get("worker").copied().unwrap_or(1).saturating_mul(settings.loops())
}

/// What the settings give for these replicas. `None` where nothing takes any time, so that the processor is the limit.
pub fn expect(settings: &Settings, replicas: &BTreeMap<String, u32>) -> Option<Prediction> {
    predict(&network(settings, replicas)?, jobs(settings, replicas))
}

/// Seconds of a loop that waits for nobody; 0 where nothing takes any time.
pub fn round_s(settings: &Settings, replicas: &BTreeMap<String, u32>) -> f64 {
    let alone = network(settings, replicas).and_then(|network| predict(&network, 1));
    alone.map_or(0.0, |alone| 1.0 / alone.constant.throughput)
}

/// The network with the demands that a step has measured instead of those that were set.
///
/// A service with a limit was busy for U·m of each second while X rounds were done, so a round needs U·m/X of it (the
/// utilisation law). What is left of the loop time of a step in which nobody waits is think time, whatever it is spent on.
pub fn measured(settings: &Settings, steps: &[Step]) -> Option<Network> {
    let quiet = steps.iter().filter(|step| step.loop_time.count > 0).min_by_key(|step| step.workers())?;
    let busiest = steps.iter().max_by_key(|step| step.workers())?;
    let mut stations = network(settings, &busiest.replicas)?.stations().to_vec();
    let mut left = quiet.loop_time.mean_ms / 1000.0;
    for station in &mut stations {
        let (Some(servers), Some(share)) = (station.servers(), busiest.utilisation.get(&station.name)) else {
            left -= station.demand_s;
            continue;
        };
        let rate = busiest.throughput.value;
        if rate <= 0.0 {
            return None;
        }
        station.demand_s = share * f64::from(servers) / rate;
        left -= station.demand_s;
    }
    let found = Network::new(left.max(0.0), stations).ok()?;
    // Jobs that stood in line in the quietest step have been counted as thinking. The measured queue cannot tell, because
    // probes stand in it too; the settings can.
    let settings_then = network(settings, &quiet.replicas)?;
    let nobody_waits = f64::from(jobs(settings, &quiet.replicas)) <= settings_then.knee() * (1.0 + 1e-9);
    nobody_waits.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(dockercoins: Dockercoins) -> Settings {
        Settings { dockercoins: Some(dockercoins), ..Settings::default() }
    }

    fn replicas(workers: u32, rng: u32) -> BTreeMap<String, u32> {
        [("worker".to_owned(), workers), ("rng".to_owned(), rng)].into()
    }

    #[test]
    fn ten_workers_and_three_rng_give_thirty() {
        let expected = expect(&with(Dockercoins::plain()), &replicas(10, 3)).expect("finite");
        assert!((expected.constant.throughput - 30.0).abs() < 1e-9);
        assert!(expected.random.throughput < 30.0);
    }

    #[test]
    fn loops_count_as_workers() {
        let two_loops = Dockercoins { loops: 2, ..Dockercoins::plain() };
        let expected = expect(&with(two_loops), &replicas(1, 1)).expect("finite");
        assert!((expected.constant.throughput - 20.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn without_delays_theory_is_silent() {
        let none = Dockercoins { rng_delay_ms: 0.0, hasher_delay_ms: 0.0, think_ms: 0.0, ..Dockercoins::plain() };
        assert!(expect(&with(none), &replicas(10, 1)).is_none());
        assert!(expect(&Settings::default(), &replicas(10, 1)).is_none());
    }
}
