//! A run's configuration as it goes over the wire.

use std::net::SocketAddr;
use std::time::Duration;

use instrument::config::{Config, Load, Opening, Resolve, Trust};
use instrument::request::Request;
use instrument::schedule::{Arrivals, Stage};
use instrument::segment::Segment;
use instrument::target::Target;
use serde::{Deserialize, Serialize};

/// Everything of a [`Config`] but the moment at which it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    target: String,
    method: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    keep_alive: bool,
    open: Option<OpenLoop>,
    /// Which of how many agents this one is.
    segment: (u64, u64),
    connections: u64,
    threads: u64,
    warm_up: Duration,
    duration: Option<Duration>,
    requests: Option<u64>,
    drain: Duration,
    timeout: Duration,
    ok: String,
    up_front: bool,
    max_age: Option<Duration>,
    resolve_each: bool,
    addresses: Vec<SocketAddr>,
    insecure: bool,
    interval: Duration,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OpenLoop {
    /// Length, rate at the begin, rate at the end.
    stages: Vec<(f64, f64, f64)>,
    poisson: bool,
    seed: u64,
}

/// Why a plan cannot be shared out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPlan {
    /// Each agent needs a connection.
    #[error("{agents} agents need at least {agents} connections, and {connections} were asked for")]
    Connections {
        /// How many agents there are.
        agents: u64,
        /// How many connections there are to share.
        connections: u64,
    },
    /// The file lies on the coordinator's machine only.
    #[error(
        "--cacert names a file of this machine, which agents do not have: let their system trust the authority, or use --insecure"
    )]
    Authority,
    /// The configuration is itself a segment.
    #[error("only a whole plan can be shared out among agents")]
    Segment,
}

impl Plan {
    /// The part of one of several agents: its segment of the schedule, and its share of the connections.
    pub fn part(config: &Config, index: u64, agents: u64) -> Result<Plan, BadPlan> {
        // Taken apart without `..`, so that a setting that is added to it cannot be forgotten here.
        let Config {
            target,
            request,
            load,
            segment,
            begin: _,
            connections,
            threads,
            warm_up,
            duration,
            requests,
            drain,
            timeout,
            ok,
            opening,
            max_age,
            resolve,
            addresses,
            trust,
            interval,
        } = config;
        if *segment != Segment::WHOLE {
            return Err(BadPlan::Segment);
        }
        if matches!(trust, Trust::File(_)) {
            return Err(BadPlan::Authority);
        }
        let all = *connections as u64;
        let connections = all / agents + u64::from(index < all % agents);
        if connections == 0 {
            return Err(BadPlan::Connections { agents, connections: all });
        }
        Ok(Plan {
            target: target.to_string(),
            method: request.method.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            keep_alive: request.keep_alive,
            open: match load {
                Load::Closed => None,
                Load::Open { stages, arrivals, seed } => Some(OpenLoop {
                    stages: stages.iter().map(|stage| (stage.seconds, stage.from, stage.to)).collect(),
                    poisson: *arrivals == Arrivals::Poisson,
                    seed: *seed,
                }),
            },
            segment: (index, agents),
            connections,
            threads: (*threads as u64).min(connections),
            warm_up: *warm_up,
            duration: *duration,
            requests: *requests,
            drain: *drain,
            timeout: *timeout,
            ok: ok.to_string(),
            up_front: *opening == Opening::UpFront,
            max_age: *max_age,
            resolve_each: *resolve == Resolve::Each,
            addresses: addresses.clone(),
            insecure: *trust == Trust::Anything,
            interval: *interval,
        })
    }

    /// The configuration that the agent runs. What is wrong with it is said in words, for the coordinator's user.
    pub fn config(self) -> Result<Config, String> {
        let target = Target::parse(&self.target).map_err(|error| error.to_string())?;
        let (index, agents) = self.segment;
        let config = Config {
            request: Request {
                method: self.method,
                headers: self.headers,
                body: self.body,
                keep_alive: self.keep_alive,
            },
            load: self.open.map_or(Load::Closed, |open| Load::Open {
                stages: open.stages.into_iter().map(|(seconds, from, to)| Stage { seconds, from, to }).collect(),
                arrivals: if open.poisson { Arrivals::Poisson } else { Arrivals::Constant },
                seed: open.seed,
            }),
            segment: Segment::new(index, agents).ok_or("the segment does not exist")?,
            begin: None,
            connections: usize::try_from(self.connections).map_err(|error| error.to_string())?,
            threads: usize::try_from(self.threads).map_err(|error| error.to_string())?,
            warm_up: self.warm_up,
            duration: self.duration,
            requests: self.requests,
            drain: self.drain,
            timeout: self.timeout,
            ok: self.ok.parse().map_err(|error: instrument::statuses::BadStatuses| error.to_string())?,
            opening: if self.up_front { Opening::UpFront } else { Opening::AsNeeded },
            max_age: self.max_age,
            resolve: if self.resolve_each { Resolve::Each } else { Resolve::Once },
            addresses: self.addresses,
            trust: if self.insecure { Trust::Anything } else { Trust::System },
            interval: self.interval,
            target,
        };
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let mut config = Config::new(Target::parse("https://[::1]:8443/a?b=c").expect("a URL"));
        config.request = Request {
            method: "POST".into(),
            headers: vec![("X-A".into(), "b".into())],
            body: vec![0, 255],
            keep_alive: false,
        };
        let stages = vec![Stage { seconds: 2.0, from: 0.0, to: 7.0 }, Stage::constant(7.0, f64::INFINITY)];
        config.load = Load::Open { stages, arrivals: Arrivals::Poisson, seed: 42 };
        (config.connections, config.threads, config.requests) = (7, 3, Some(99));
        config.ok = "200..299,404".parse().expect("statuses");
        (config.opening, config.resolve, config.trust) = (Opening::UpFront, Resolve::Each, Trust::Anything);
        config.max_age = Some(Duration::from_secs(9));
        config.addresses = vec!["10.0.0.1:80".parse().expect("an address")];
        config
    }

    #[test]
    fn a_plan_comes_out_as_it_went_in_but_for_the_agents_share() {
        let whole = config();
        for (index, connections) in [(0, 3), (1, 2), (2, 2)] {
            let sent =
                postcard::to_stdvec(&Plan::part(&whole, index, 3).expect("enough connections")).expect("written");
            let part = postcard::from_bytes::<Plan>(&sent).expect("read").config().expect("sound");
            let expected = Config {
                segment: Segment::new(index, 3).expect("it exists"),
                connections,
                threads: 3.min(connections),
                ..whole.clone()
            };
            assert_eq!(format!("{part:?}"), format!("{expected:?}"));
        }
    }

    #[test]
    fn what_cannot_be_shared_out_is_refused() {
        let mut few = config();
        few.connections = 2;
        assert_eq!(Plan::part(&few, 2, 3), Err(BadPlan::Connections { agents: 3, connections: 2 }));
        let mut own = config();
        own.trust = Trust::File("ca.pem".into());
        assert_eq!(Plan::part(&own, 0, 1), Err(BadPlan::Authority));
    }

    #[test]
    fn an_agent_checks_what_it_is_told() {
        let mut plan = Plan::part(&config(), 0, 1).expect("sound");
        plan.threads = 1_000_000;
        assert!(plan.config().expect_err("too many").contains("threads"));
    }
}
