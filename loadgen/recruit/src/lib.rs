//! What loadgen starts inside a Swarm for the time of one run: agents that send load (`loadgen bench --agents 6`), what looks
//! at the nodes' containers, and the whole program, where a sweep has to see what the application's own clients see.
//!
//! A [`Wanted`] crew becomes one service, whose tasks Swarm places, starts and supervises; each task is an agent that comes
//! to the coordinator and proves the run's token, which it has as a Swarm secret. What was made has one label with the
//! run's name, and a process of its own ([`janitor`]) takes it away as soon as the coordinator is gone, however it went.

#![forbid(unsafe_code)]

mod address;
mod carry;
mod crew;
mod image;
pub mod janitor;
pub mod nodes;
pub mod remote;
mod spec;

use std::net::IpAddr;

pub use address::reachable;
pub use crew::hire;

/// The label that everything has that was made for one run; its value is the run's name.
pub const LABEL: &str = "swarmlab.loadgen.run";

/// How many agents there are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many, spread over the nodes by Swarm.
    Some(u32),
    /// One on each node that the constraints allow.
    Global,
}

impl std::str::FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Count, String> {
        match (text, text.parse()) {
            ("global", _) => Ok(Count::Global),
            (_, Ok(0)) | (_, Err(_)) => Err(format!("{text:?} is neither a number above 0 nor `global`")),
            (_, Ok(number)) => Ok(Count::Some(number)),
        }
    }
}

/// The agents of one run.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// How many.
    pub count: Count,
    /// Their image; none for the newest of the manager's images that is labelled as loadgen.
    pub image: Option<String>,
    /// Networks that they are attached to, so that they reach what they load by the names that it has there.
    pub networks: Vec<String>,
    /// Swarm's placement constraints, as `node.role==worker`.
    pub constraints: Vec<String>,
    /// Services whose nodes they keep away from.
    pub away_from: Vec<String>,
}

/// Why agents cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Swarm or its manager refuses.
    #[error(transparent)]
    Swarm(#[from] swarm::Error),
    /// There is no such network, or none that a service of its own may join.
    #[error("there is no network {name} that agents can join\n  {known}")]
    Network {
        /// The name that was asked for.
        name: String,
        /// Those that there are, as a sentence.
        known: String,
    },
    /// No image of loadgen is on the manager.
    #[error(
        "the manager {manager} has no image of loadgen\n  build and push one (`docker build -f compose/Dockerfile --target loadgen …`), and name it with --agent-image"
    )]
    NoImage {
        /// The manager's name.
        manager: String,
    },
    /// The address that agents would have to come to is this machine's own alone.
    #[error(
        "agents on other machines cannot come to {address}\n  name an address of this machine that the nodes reach: --coordinator IP"
    )]
    Loopback {
        /// The address that was found.
        address: IpAddr,
    },
    /// The address that agents are to come to is not this machine's.
    #[error(
        "cannot wait for agents on {address}: {cause}\n  --coordinator takes an address of this machine that the nodes reach"
    )]
    Address {
        /// The address.
        address: IpAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A task cannot become an agent.
    #[error("an agent on {node} does not start: {reason}{}", remedy(.reason))]
    Task {
        /// The node, or `no node`.
        node: String,
        /// What Swarm says.
        reason: String,
    },
    /// Agents run, and do not come.
    #[error(
        "{came} of {wanted} agents came within {seconds} s, although their tasks run\n  do the nodes reach {address}? A firewall, or another network? --coordinator IP names another address"
    )]
    Silent {
        /// How many came.
        came: usize,
        /// How many were to come.
        wanted: usize,
        /// How long was waited.
        seconds: u64,
        /// Where they were to come to.
        address: std::net::SocketAddr,
    },
    /// The agents that came cannot be used.
    #[error(transparent)]
    Agents(#[from] agents::Error),
    /// The engine's machine cannot run this program.
    #[error(
        "this program is built for {here}, and the engine's machine is {there}\n  name an image of loadgen that it can run, with --image"
    )]
    Architecture {
        /// What this program is built for.
        here: String,
        /// What the engine says.
        there: String,
    },
    /// Somebody else changes the same.
    #[error(
        "another sweep scales {changes} now, and two would measure each other\n  wait until it is done; one whose machine was lost is taken away by the next sweep, when its task has ended"
    )]
    Taken {
        /// What is changed.
        changes: String,
    },
    /// The manager runs no task.
    #[error(
        "the task that measures cannot start on this manager: {reason}\n  is its node active (`docker node ls`)? `docker node update --availability active NODE`, or use another manager's engine"
    )]
    Manager {
        /// What Swarm says.
        reason: String,
    },
    /// This machine refuses something.
    #[error("the system refused what agents need: {0}")]
    System(#[from] std::io::Error),
}

/// A name for a run that no other has.
fn new_run() -> String {
    format!("loadgen-{:08x}", rand::random::<u32>())
}

/// What to do about Swarm's reason, where that is known.
fn remedy(reason: &str) -> &'static str {
    if reason.contains("No such image") || reason.contains("no such image") {
        "\n  that node has no such image, and no registry gives it: push it to one that every node reaches, as 127.0.0.1:5000/loadgen:v1, and name it with --agent-image"
    } else if reason.contains("no suitable node") {
        "\n  no node is active, ready and as the constraints want it: `docker node ls`, --agent-constraint, --agents-away-from"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_a_number_or_global() {
        assert_eq!("6".parse(), Ok(Count::Some(6)));
        assert_eq!("global".parse(), Ok(Count::Global));
        for bad in ["0", "-1", "all", "", "1.5", "99999999999"] {
            assert!(bad.parse::<Count>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reason_that_is_known_has_a_remedy() {
        let said = |reason: &str| Error::Task { node: "worker-1".into(), reason: reason.into() }.to_string();
        assert!(said("No such image: loadgen:v1").contains("push it to one that every node reaches"));
        assert!(said("no suitable node (scheduling constraints not satisfied on 3 nodes)").contains("docker node ls"));
        assert_eq!(said("task: non-zero exit (1)"), "an agent on worker-1 does not start: task: non-zero exit (1)");
    }
}
