//! The application as containers of one host, as `docker compose` started it.
//!
//! The containers' addresses are within reach from the same machine, and from their own network.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use ledger::Ledger;
use swarm::Engine;
use swarm::compose::{Container, Project};
use sweep::platform::{Error, Placed, Platform, Replicas};
use sweep::result::{Machine, Settings};

use crate::application::{Application, Observation};
use crate::deployed::{Addresses, observe};
use crate::environment::complete;

/// The services that are watched and may be scaled.
const SERVICES: [&str; 3] = ["worker", "rng", "hasher"];

/// Where the application is.
#[derive(Debug, Clone)]
pub struct Config {
    /// The engine; none for `DOCKER_HOST` or the local one.
    pub host: Option<String>,
    /// Name of the compose project.
    pub project: String,
    /// How long containers may take to run and be healthy.
    pub bound: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { host: None, project: "dockercoins".to_owned(), bound: Duration::from_secs(60) }
    }
}

/// The application of one compose project.
pub struct Compose {
    project: Project,
    bound: Duration,
    found: Replicas,
    /// Where hashes are counted.
    ledger: Ledger,
    /// The network on which it is.
    network: String,
    replicas: BTreeMap<String, Vec<Container>>,
}

impl Compose {
    /// Finds the application and remembers how it is scaled.
    ///
    /// # Errors
    /// There is no engine, or the project does not run.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        let engine = Engine::connect(config.host.as_deref()).await.map_err(said)?;
        let project = Project::new(engine, &config.project);
        let mut found = Replicas::new();
        let mut replicas = BTreeMap::new();
        for service in SERVICES {
            let containers = project.containers(service).await.map_err(said)?;
            if containers.is_empty() {
                return Err(Error(format!(
                    "no container of {service} runs in the compose project {}\n  start it with `docker compose -f compose/compose.yml up -d`, or name another with --project",
                    config.project
                )));
            }
            found.insert(service.to_owned(), containers.len() as u32);
            replicas.insert(service.to_owned(), containers);
        }
        let redis = project.containers("redis").await.map_err(said)?;
        let place = redis.iter().find_map(|container| container.addresses().into_iter().next());
        let (network, address) =
            place.ok_or_else(|| Error(format!("no redis runs in the compose project {}", config.project)))?;
        let redis = SocketAddr::new(address, 6379);
        let ledger = ledger::in_redis(&format!("redis://{redis}")).map_err(|error| Error(error.to_string()))?;
        Ok(Self { project, bound: config.bound, found, ledger, network, replicas })
    }

    /// Whether this process reaches the containers: on the engine's machine, or as a container on their network.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn is_inside(&self) -> Result<bool, Error> {
        self.project.is_here(&self.network).await.map_err(said)
    }

    /// The engine on which it runs.
    pub fn engine(&self) -> &Engine {
        self.project.engine()
    }

    /// The network on which it is.
    pub fn network(&self) -> &str {
        &self.network
    }
}

fn said(error: swarm::Error) -> Error {
    Error(error.to_string())
}

fn address(container: &Container) -> Option<IpAddr> {
    container.addresses().into_values().next()
}

impl Platform for Compose {
    fn name(&self) -> &'static str {
        "compose"
    }

    async fn describe(&mut self, settings: &mut Settings, machine: &mut Machine) -> Result<(), Error> {
        let environment = |containers: &Vec<Container>| containers.first().map(Container::environment);
        let services = self.replicas.iter();
        let environments = services.map(|(name, all)| (name.clone(), environment(all).unwrap_or_default()));
        complete(settings, &environments.collect());
        machine.engine = Some(self.engine().version().to_owned());
        Ok(())
    }

    async fn scale(&mut self, replicas: &Replicas) -> Result<(), Error> {
        for (service, count) in replicas {
            self.project.scale(service, *count).await.map_err(said)?;
        }
        for (service, count) in replicas {
            let containers = self.project.converge(service, *count, self.bound).await.map_err(said)?;
            self.replicas.insert(service.clone(), containers);
        }
        Ok(())
    }

    async fn placement(&mut self) -> Result<Vec<Placed>, Error> {
        Ok(Vec::new())
    }

    async fn restore(&mut self) -> Result<(), Error> {
        let found = self.found.clone();
        self.scale(&found).await.map_err(|error| {
            let by_hand: Vec<String> = found.iter().map(|(name, count)| format!("--scale {name}={count}")).collect();
            Error(format!("{error}\n  by hand: docker compose -f compose/compose.yml up -d {}", by_hand.join(" ")))
        })
    }
}

impl Application for Compose {
    async fn observe(&mut self) -> Result<Observation, Error> {
        let addresses = |containers: &Vec<Container>| -> Addresses {
            let known = containers
                .iter()
                .filter_map(|container| Some((container.name(), SocketAddr::new(address(container)?, 80))));
            known.collect()
        };
        let servers = self.replicas.iter().filter(|(name, _)| name.as_str() != "worker");
        let servers = servers.map(|(name, replicas)| (name.clone(), addresses(replicas))).collect();
        let docker = self.engine().docker();
        let used = self.replicas.iter().flat_map(|(service, containers)| {
            containers.iter().map(move |container| async move {
                let used = swarm::used(docker, container.id()).await?;
                Some((service.clone(), container.name(), used.processor))
            })
        });
        let (observation, used) = tokio::join!(observe(&self.ledger, &servers), join_all(used));
        let mut observation = observation?;
        // The engine's figures, which the public application's parts have too.
        observation.cpu.clear();
        for (service, replica, time) in used.into_iter().flatten() {
            observation.cpu.entry(service).or_default().insert(replica, time);
        }
        Ok(observation)
    }

    fn probes(&self) -> BTreeMap<String, String> {
        let first = |service: &str| {
            let address = address(self.replicas.get(service)?.first()?)?;
            Some((service.to_owned(), format!("http://{}/", SocketAddr::new(address, 80))))
        };
        ["rng", "hasher"].into_iter().filter_map(first).collect()
    }

    async fn whole(&mut self) -> Result<bool, Error> {
        for (service, containers) in &self.replicas {
            let now = self.project.containers(service).await.map_err(said)?;
            if now.len() != containers.len() || now.iter().any(|container| container.state().is_err()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
