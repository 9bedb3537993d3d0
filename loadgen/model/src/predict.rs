//! What a network will do: throughput, waiting, the limit, and what would move it.

use crate::network::{Invalid, Limit, Network};
use crate::{constant, mva};

/// A network at work with a given number of jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Jobs a second.
    pub throughput: f64,
    /// How long a job needs for one round, think time included, in seconds.
    pub round_s: f64,
    /// Each station, in the order of the visits.
    pub stations: Vec<Load>,
}

/// How busy one station is.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// The station.
    pub name: String,
    /// Share of its slots that are taken, from 0 to 1; `None` where there is no limit.
    pub utilisation: Option<f64>,
    /// Mean number of jobs that wait, those in service left out.
    pub queue: f64,
    /// Mean time from arriving to leaving, in seconds.
    pub response_s: f64,
    /// Mean time that a newcomer waits for its turn, in seconds: what a probe sees. `None` where nobody waits or where
    /// there is no short form.
    pub turn_s: Option<f64>,
}

/// What a network will do with a given number of jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The number of jobs.
    pub jobs: u32,
    /// With constant service times, which is also the upper bound for all others.
    pub constant: Operation,
    /// With random (exponential) service times, by mean-value analysis.
    pub random: Operation,
}

/// Predicts the network with `jobs` jobs. `None` where nothing takes any time, so that nothing can be said.
pub fn predict(network: &Network, jobs: u32) -> Option<Prediction> {
    Some(Prediction { jobs, constant: constant::operate(network, jobs)?, random: mva::operate(network, jobs)? })
}

/// What copies of the bottleneck bring.
#[derive(Debug, Clone, PartialEq)]
pub struct Relief {
    /// The station that is the bottleneck now.
    pub station: String,
    /// The fewest copies of it with which it is no longer the limit.
    pub replicas: u32,
    /// The throughput with so many, in jobs a second.
    pub throughput: f64,
    /// The station that is the limit then; `None` where the number of jobs is.
    pub next: Option<String>,
}

/// The fewest copies of the bottleneck that move the limit elsewhere. `None` where no station is the limit, and where
/// more copies of it alone bring nothing, because something else is just as slow.
pub fn relieve(network: &Network, jobs: u32) -> Result<Option<Relief>, Invalid> {
    let Limit::Station(bottleneck) = network.limit(jobs) else {
        return Ok(None);
    };
    let one = bottleneck.capacity() / f64::from(bottleneck.replicas);
    let others = network
        .stations()
        .iter()
        .filter(|station| station.name != bottleneck.name)
        .map(|station| station.capacity())
        .fold(f64::INFINITY, f64::min);
    let ceiling = (f64::from(jobs) / network.round_s()).min(others);
    // A hair less than the quotient, so that 3.0000000000000004 does not ask for a fourth.
    let replicas = (ceiling / one * (1.0 - 1e-9)).ceil().min(f64::from(u32::MAX)) as u32;
    if replicas <= bottleneck.replicas {
        return Ok(None);
    }
    let relieved = network.with_replicas(&bottleneck.name, replicas)?;
    let next = (others <= f64::from(jobs) / network.round_s())
        .then(|| {
            let slowest = network.stations().iter().filter(|station| station.name != bottleneck.name);
            slowest.min_by(|a, b| a.capacity().total_cmp(&b.capacity())).map(|station| station.name.clone())
        })
        .flatten();
    Ok(Some(Relief {
        station: bottleneck.name.clone(),
        replicas,
        throughput: constant::throughput(&relieved, jobs),
        next,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Station;

    #[test]
    fn four_copies_of_rng_hand_the_limit_to_the_ten_workers() {
        let network =
            Network::new(0.1, vec![Station::serial("rng", 0.1), Station::unlimited("hasher", 0.1)]).expect("sound");
        let relief = relieve(&network, 10).expect("sound").expect("rng is the limit");
        assert_eq!((relief.station.as_str(), relief.replicas, relief.next), ("rng", 4, None));
        assert!((relief.throughput - 100.0 / 3.0).abs() < 1e-9);
        assert_eq!(relieve(&network, 2).expect("sound"), None, "two workers leave rng idle a third of the time");
        assert_eq!(relieve(&network, 3).expect("sound"), None, "three workers can do no more than one rng");
    }

    #[test]
    fn a_second_serial_station_is_the_next_bottleneck() {
        let stations = vec![Station::serial("rng", 0.1), Station::serial("hasher", 0.04)];
        let network = Network::new(0.1, stations).expect("sound");
        let relief = relieve(&network, 20).expect("sound").expect("rng is the limit");
        assert_eq!((relief.replicas, relief.next.as_deref()), (3, Some("hasher")));
        assert!((relief.throughput - 25.0).abs() < 1e-9);
    }

    #[test]
    fn both_models_agree_where_nobody_waits() {
        let network = Network::new(0.2, vec![Station::serial("rng", 0.1)]).expect("sound");
        let one = predict(&network, 1).expect("finite");
        assert!((one.constant.throughput - one.random.throughput).abs() < 1e-12);
        let nothing = Network::new(0.0, vec![Station::serial("rng", 0.0)]).expect("sound");
        assert_eq!(predict(&nothing, 1), None);
    }
}
