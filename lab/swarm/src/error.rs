//! What can go wrong, in the words of the person who can put it right.

use std::time::Duration;

/// A failure of a Docker engine or of a Swarm, with the remedy where there is one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing answers at the engine's address.
    #[error("no Docker engine answers at {host}: {cause}\n  {}", other_engine(*.exported))]
    NoEngine {
        /// The address that was tried.
        host: String,
        /// What the attempt said.
        cause: String,
        /// Whether the address is that of `DOCKER_HOST`.
        exported: bool,
    },
    /// The engine is there, and does not answer.
    #[error("Docker did not {what} within {}\n  see whether its engine is alive: `docker info`", seconds(.bound))]
    Slow {
        /// What was asked for, as `list nodes`.
        what: String,
        /// How long was waited.
        bound: Duration,
    },
    /// The socket is there, and this user may not open it.
    #[error(
        "permission denied on {host}\n  join the group docker (`sudo usermod -aG docker $USER`, then log in again), or run as root"
    )]
    Permission {
        /// The address that was tried.
        host: String,
    },
    /// The engine's address cannot be used.
    #[error("the engine at {host} cannot be reached: {reason}")]
    Host {
        /// The address as given.
        host: String,
        /// Why not.
        reason: String,
    },
    /// The engine speaks only older versions of the API than this program needs.
    #[error(
        "the Docker engine at {host} is too old: it speaks API {api}, and API {needed} (Docker 20.10) is needed\n  install a newer engine"
    )]
    EngineTooOld {
        /// The engine's address.
        host: String,
        /// The newest version that it speaks.
        api: String,
        /// The oldest version that is needed.
        needed: String,
    },
    /// The engine refuses the version of the API that it was spoken to in.
    #[error(
        "the Docker engine refused the API version: {message}\n  Engine 29 refuses API versions under 1.44: update the client, or unset DOCKER_API_VERSION"
    )]
    ClientTooOld {
        /// What the engine said.
        message: String,
    },
    /// The engine is in no Swarm.
    #[error("the engine {engine} is in no swarm\n  make one there with `docker swarm init`{}", or_cluster(*.node))]
    NotInSwarm {
        /// Name of the engine.
        engine: String,
        /// Whether it is the engine of a node, so that there is a cluster already.
        node: bool,
    },
    /// The engine is a worker of its Swarm, and only managers answer.
    #[error(
        "{engine} is a worker, and only a manager can list or change services\n  run this on a manager{}",
        on_managers(.managers)
    )]
    NotManager {
        /// Name of the engine.
        engine: String,
        /// Addresses of the managers that the worker knows.
        managers: Vec<String>,
    },
    /// Too few managers are left to decide anything.
    #[error(
        "the swarm has lost its majority of managers: {message}\n  running tasks go on, and nothing can change until most managers are back"
    )]
    NoQuorum {
        /// What the engine said.
        message: String,
    },
    /// There is no service of that name.
    #[error("there is no service {name}\n  {}", known_services(.known))]
    NoService {
        /// The name that was asked for.
        name: String,
        /// The services that there are.
        known: Vec<String>,
    },
    /// There is no node of that name.
    #[error("there is no node {name}\n  {}", known_nodes(.known))]
    NoNode {
        /// The name that was asked for.
        name: String,
        /// The nodes that there are.
        known: Vec<String>,
    },
    /// A global service or a job has no number of replicas to set.
    #[error("{name} cannot be scaled: it is {mode}\n  only replicated services have a number of replicas")]
    NotReplicated {
        /// Name of the service.
        name: String,
        /// How the service runs, as `global`.
        mode: String,
    },
    /// The bound of a wait was passed.
    #[error("{name} did not converge in {}: {last}", seconds(.bound))]
    NotConverged {
        /// Name of the service.
        name: String,
        /// How long was waited.
        bound: Duration,
        /// What was last seen, with the failing task's error where there is one.
        last: String,
    },
    /// An update stopped or was rolled back by Swarm.
    #[error("the update of {name} ended as {state}: {message}")]
    UpdateFailed {
        /// Name of the service.
        name: String,
        /// Swarm's word for it, as `rollback_completed`.
        state: String,
        /// Swarm's reason, with the failing task's error where there is one.
        message: String,
    },
    /// The containers of a compose project are not as they would have to be.
    #[error("{0}")]
    Compose(String),
    /// Something else that the engine answered.
    #[error("Docker could not {what}: {cause}")]
    Api {
        /// What was being done, as `list services`.
        what: String,
        /// The engine's answer.
        cause: String,
    },
}

impl Error {
    /// An answer of the engine to `what`, made specific where the message is known.
    pub fn api(what: impl Into<String>, error: &bollard::errors::Error) -> Error {
        let message = message(error);
        if message.contains("client version") && message.contains("too old") {
            return Error::ClientTooOld { message };
        }
        if message.contains("does not have a leader") || message.contains("lost quorum") {
            return Error::NoQuorum { message };
        }
        Error::Api { what: what.into(), cause: message }
    }
}

/// The engine's own words, without the client's frame around them.
pub(crate) fn message(error: &bollard::errors::Error) -> String {
    match error {
        bollard::errors::Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        other => {
            let mut text = other.to_string();
            let mut source = std::error::Error::source(other);
            while let Some(cause) = source {
                let cause_text = cause.to_string();
                if !text.contains(&cause_text) {
                    text = format!("{text}: {cause_text}");
                }
                source = cause.source();
            }
            text
        }
    }
}

/// The status of the engine's answer, where it answered.
pub(crate) fn status(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

fn other_engine(exported: bool) -> &'static str {
    if exported {
        "DOCKER_HOST names it: `unset DOCKER_HOST` for the engine of this machine, or start the one that it names"
    } else {
        "start it (`systemctl start docker`), or name another with DOCKER_HOST"
    }
}

fn or_cluster(node: bool) -> &'static str {
    if node { "" } else { ", or a whole cluster with `lab cluster up`" }
}

fn on_managers(addresses: &[String]) -> String {
    if addresses.is_empty() { String::new() } else { format!(": {}", addresses.join(", ")) }
}

fn known_services(names: &[String]) -> String {
    if names.is_empty() {
        "no service runs in this swarm yet".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    }
}

fn known_nodes(names: &[String]) -> String {
    format!("there are: {}", names.join(", "))
}

fn seconds(bound: &Duration) -> String {
    format!("{} s", bound.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn who_has_a_cluster_is_not_told_to_make_one() {
        let said = |node| Error::NotInSwarm { engine: "head".to_owned(), node }.to_string();
        assert_eq!(said(true), "the engine head is in no swarm\n  make one there with `docker swarm init`");
        assert!(said(false).ends_with("`docker swarm init`, or a whole cluster with `lab cluster up`"));
    }
}
