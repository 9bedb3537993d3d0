//! What a run is asked to do.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use crate::request::Request;
use crate::schedule::{Arrivals, Stage};
use crate::segment::Segment;
use crate::statuses::Statuses;
use crate::target::Target;

/// How requests are paced.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// Each connection sends its next request when the last is answered: as much as the server takes.
    Closed,
    /// Requests are due by a schedule, whatever the server does.
    Open {
        /// The rate over time. The warm-up goes before the first stage, at the rate with which that one begins.
        stages: Vec<Stage>,
        /// How arrivals are spread.
        arrivals: Arrivals,
        /// Seed of Poisson arrivals.
        seed: u64,
    },
}

/// When names are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolve {
    /// Before the run.
    Once,
    /// For each new connection, taking the addresses of an answer in turn.
    Each,
}

/// When connections are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// All of them before the first request is due; one that is lost is opened again.
    UpFront,
    /// When a request is due and none is free.
    AsNeeded,
}

/// How a server's certificate is checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// By the authorities that the system trusts.
    #[default]
    System,
    /// By the authorities in this PEM file only.
    File(std::path::PathBuf),
    /// Not at all.
    Anything,
}

/// A run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where requests go.
    pub target: Target,
    /// What is sent.
    pub request: Request,
    /// How requests are paced.
    pub load: Load,
    /// The part of the load that this generator sends, where several send one plan. Connections are its own.
    pub segment: Segment,
    /// When the run begins, by this machine's clock; at once where absent.
    pub begin: Option<SystemTime>,
    /// Connections; with an open loop, the most that are opened.
    pub connections: usize,
    /// Threads; each has its share of the connections and of the schedule.
    pub threads: usize,
    /// Requests that are sent before the measuring begins.
    pub warm_up: Duration,
    /// How long to measure; no end where absent.
    pub duration: Option<Duration>,
    /// How many requests to measure, over all segments; no end where absent.
    pub requests: Option<u64>,
    /// How long to wait at the end for requests that were due before it.
    pub drain: Duration,
    /// Time that a request may take, from when it is acted on, connecting included.
    pub timeout: Duration,
    /// Which statuses count as success.
    pub ok: Statuses,
    /// When connections are opened.
    pub opening: Opening,
    /// Age from which a connection takes no further request; none where absent.
    pub max_age: Option<Duration>,
    /// When names are resolved.
    pub resolve: Resolve,
    /// Addresses to use in place of the name's own; the name is asked for where there are none.
    pub addresses: Vec<SocketAddr>,
    /// How certificates are checked.
    pub trust: Trust,
    /// Length of an interval of the time plots and of the HDR log.
    pub interval: Duration,
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    /// Nothing would be sent.
    #[error("{0} must be more than zero")]
    Zero(&'static str),
    /// A number that is too large or not a number.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// The run would not end and nothing was asked of it.
    #[error("an open loop needs at least one stage")]
    NoStage,
}

/// Most connections in a run: what one client address can have to one server address.
pub const MOST_CONNECTIONS: usize = 60_000;

/// Most requests per second that a schedule can ask for.
pub const HIGHEST_RATE: f64 = 1e8;

impl Config {
    /// A closed loop of ten connections for ten seconds.
    pub fn new(target: Target) -> Self {
        Config {
            target,
            request: Request::default(),
            load: Load::Closed,
            segment: Segment::WHOLE,
            begin: None,
            connections: 10,
            threads: 1,
            warm_up: Duration::ZERO,
            duration: Some(Duration::from_secs(10)),
            requests: None,
            drain: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
            ok: Statuses::default(),
            opening: Opening::AsNeeded,
            max_age: None,
            resolve: Resolve::Once,
            addresses: Vec::new(),
            trust: Trust::System,
            interval: Duration::from_secs(1),
        }
    }

    /// Says what is wrong, before anything is sent.
    pub fn check(&self) -> Result<(), BadConfig> {
        for (name, zero) in [
            ("the number of connections", self.connections == 0),
            ("the number of threads", self.threads == 0),
            ("the number of requests", self.requests == Some(0)),
            ("the duration", self.duration == Some(Duration::ZERO)),
            ("the timeout", self.timeout.is_zero()),
            ("the interval", self.interval.is_zero()),
            ("the highest age of a connection", self.max_age == Some(Duration::ZERO)),
        ] {
            if zero {
                return Err(BadConfig::Zero(name));
            }
        }
        if self.connections > MOST_CONNECTIONS {
            return Err(BadConfig::Range("the number of connections"));
        }
        if self.threads > self.connections || self.threads > 1024 {
            return Err(BadConfig::Range("the number of threads (at most one a connection)"));
        }
        let longest = Duration::from_secs(366 * 24 * 3600);
        if [Some(self.warm_up), self.duration, Some(self.drain), Some(self.timeout), Some(self.interval), self.max_age]
            .into_iter()
            .flatten()
            .any(|duration| duration > longest)
        {
            return Err(BadConfig::Range("a duration of more than a year"));
        }
        if let Load::Open { stages, .. } = &self.load {
            if stages.is_empty() {
                return Err(BadConfig::NoStage);
            }
            let proper = |rate: f64| (0.0..=HIGHEST_RATE).contains(&rate);
            if !stages.iter().all(|stage| proper(stage.from) && proper(stage.to) && stage.seconds > 0.0) {
                return Err(BadConfig::Range("the rate"));
            }
            if stages.iter().all(|stage| stage.from == 0.0 && stage.to == 0.0) {
                return Err(BadConfig::Zero("the rate"));
            }
        }
        Ok(())
    }

    /// When the measuring ends, in seconds from its begin, as far as it is known beforehand.
    pub fn seconds(&self) -> Option<f64> {
        let asked = self.duration.map(|duration| duration.as_secs_f64());
        let staged = match &self.load {
            Load::Open { stages, .. } => {
                let sum: f64 = stages.iter().map(|stage| stage.seconds).sum();
                sum.is_finite().then_some(sum)
            }
            Load::Closed => None,
        };
        match (asked, staged) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}
