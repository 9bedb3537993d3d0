//! A closed queueing network: a fixed number of jobs that think, and then visit each station in turn.

/// A place where a job is served, and where it may have to wait.
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// What it is called.
    pub name: String,
    /// How long one job needs it on each round, in seconds: the service demand D.
    pub demand_s: f64,
    /// How many copies of it run.
    pub replicas: u32,
    /// How many jobs one copy serves at a time; `None` for no limit.
    pub slots: Option<u32>,
}

impl Station {
    /// One copy that serves one job at a time.
    pub fn serial(name: impl Into<String>, demand_s: f64) -> Self {
        Self { name: name.into(), demand_s, replicas: 1, slots: Some(1) }
    }

    /// A station where nobody waits, however many come.
    pub fn unlimited(name: impl Into<String>, demand_s: f64) -> Self {
        Self { name: name.into(), demand_s, replicas: 1, slots: None }
    }

    /// The same station with so many copies.
    pub fn with_replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// How many jobs all copies together serve at a time; `None` for no limit.
    pub fn servers(&self) -> Option<u32> {
        self.slots.map(|slots| slots.saturating_mul(self.replicas))
    }

    /// The most jobs a second that the station can serve; infinite where nothing limits it.
    pub fn capacity(&self) -> f64 {
        match self.servers() {
            Some(servers) if self.demand_s > 0.0 => f64::from(servers) / self.demand_s,
            _ => f64::INFINITY,
        }
    }
}

/// Why a network makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// A time is negative, infinite or not a number.
    #[error("{what} is {seconds} s; it has to be a finite time of at least 0")]
    Time {
        /// Which time.
        what: String,
        /// Its value.
        seconds: f64,
    },
    /// A station that nothing can ever leave.
    #[error("{0} has nobody to serve: replicas and slots have to be at least 1")]
    NoServers(String),
    /// Two stations cannot be told apart.
    #[error("there are two stations called {0}")]
    Twice(String),
    /// A name that is not in the network.
    #[error("there is no station called {name}; there are: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

/// What keeps the throughput from being higher.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit<'a> {
    /// There are too few jobs: each spends its whole round in service or thinking and none waits.
    Population,
    /// This station is always busy.
    Station(&'a Station),
}

/// A fixed number of jobs that go round: think, then visit each station once, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    think_s: f64,
    stations: Vec<Station>,
}

impl Network {
    /// A network whose jobs think for `think_s` seconds (Z) on each round and then visit the stations in order.
    pub fn new(think_s: f64, stations: Vec<Station>) -> Result<Self, Invalid> {
        let time = |what: &str, seconds: f64| {
            if seconds.is_finite() && seconds >= 0.0 {
                Ok(())
            } else {
                Err(Invalid::Time { what: what.to_owned(), seconds })
            }
        };
        time("the think time", think_s)?;
        for (index, station) in stations.iter().enumerate() {
            time(&format!("the demand of {}", station.name), station.demand_s)?;
            if station.replicas == 0 || station.slots == Some(0) {
                return Err(Invalid::NoServers(station.name.clone()));
            }
            if stations[..index].iter().any(|other| other.name == station.name) {
                return Err(Invalid::Twice(station.name.clone()));
            }
        }
        Ok(Self { think_s, stations })
    }

    /// The think time, in seconds.
    pub fn think_s(&self) -> f64 {
        self.think_s
    }

    /// The stations, in the order in which a job visits them.
    pub fn stations(&self) -> &[Station] {
        &self.stations
    }

    /// The station of that name.
    pub fn station(&self, name: &str) -> Option<&Station> {
        self.stations.iter().find(|station| station.name == name)
    }

    /// The same network with so many copies of one station.
    pub fn with_replicas(&self, name: &str, replicas: u32) -> Result<Self, Invalid> {
        let mut stations = self.stations.clone();
        let Some(station) = stations.iter_mut().find(|station| station.name == name) else {
            let known: Vec<_> = self.stations.iter().map(|station| station.name.as_str()).collect();
            return Err(Invalid::Unknown { name: name.to_owned(), known: known.join(", ") });
        };
        station.replicas = replicas;
        Self::new(self.think_s, stations)
    }

    /// How long one round takes when nobody is in the way: D + Z, in seconds.
    pub fn round_s(&self) -> f64 {
        self.think_s + self.stations.iter().map(|station| station.demand_s).sum::<f64>()
    }

    /// The station that saturates first; absent where no station has a limit.
    pub fn bottleneck(&self) -> Option<&Station> {
        self.stations
            .iter()
            .filter(|station| station.capacity().is_finite())
            .min_by(|a, b| a.capacity().total_cmp(&b.capacity()))
    }

    /// The most jobs a second that the network can do, however many jobs there are; infinite where nothing limits it.
    pub fn capacity(&self) -> f64 {
        self.bottleneck().map_or(f64::INFINITY, Station::capacity)
    }

    /// The number of jobs from which the bottleneck is always busy, N* = capacity · (D + Z). It need not be whole.
    pub fn knee(&self) -> f64 {
        let knee = self.capacity() * self.round_s();
        if knee.is_nan() { f64::INFINITY } else { knee }
    }

    /// What limits the network when `jobs` go round. At the knee itself the station counts as the limit.
    pub fn limit(&self, jobs: u32) -> Limit<'_> {
        // A hair of tolerance, because 1/0.1 · 0.3 is not quite 3 in binary.
        let saturated = f64::from(jobs) >= self.knee() * (1.0 - 1e-9);
        match self.bottleneck() {
            Some(station) if saturated => Limit::Station(station),
            _ => Limit::Population,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mine() -> Network {
        Network::new(0.1, vec![Station::serial("rng", 0.1), Station::unlimited("hasher", 0.1)]).expect("sound")
    }

    #[test]
    fn three_workers_are_the_knee_of_the_mine() {
        let network = mine();
        assert!((network.knee() - 3.0).abs() < 1e-12);
        assert_eq!(network.limit(2), Limit::Population);
        assert_eq!(network.limit(3), Limit::Station(&Station::serial("rng", 0.1)));
    }

    #[test]
    fn a_network_without_limits_has_no_bottleneck() {
        let network = Network::new(0.0, vec![Station::unlimited("hasher", 0.0)]).expect("sound");
        assert_eq!(network.bottleneck(), None);
        assert_eq!(network.limit(1000), Limit::Population);
        assert_eq!(network.knee(), f64::INFINITY);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let refused = |think, stations| Network::new(think, stations).expect_err("nonsense").to_string();
        assert!(refused(-1.0, vec![]).contains("think time"));
        assert!(refused(0.0, vec![Station::serial("rng", f64::NAN)]).contains("the demand of rng"));
        assert!(refused(0.0, vec![Station::serial("rng", 0.1).with_replicas(0)]).contains("rng has nobody to serve"));
        let twice = vec![Station::serial("rng", 0.1), Station::serial("rng", 0.1)];
        assert!(refused(0.0, twice).contains("two stations called rng"));
        let unknown = mine().with_replicas("redis", 2).expect_err("unknown").to_string();
        assert_eq!(unknown, "there is no station called redis; there are: rng, hasher");
    }
}
