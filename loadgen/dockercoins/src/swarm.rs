//! The application as services of a Swarm, scaled through a manager's engine.
//!
//! It is measured from inside the application's network, as a task or a container on it: there Redis, the workers'
//! announcements and each task's metrics are within reach.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ledger::Ledger;
use swarm::{Engine, Swarm as Manager};

use crate::application::{Application, Observation};
use crate::deployed::{Addresses, observe, resolve};
use crate::environment::{Environment, complete};
use sweep::platform::{Error, Placed, Platform, Replicas};
use sweep::result::{Machine, Node, Settings};

/// The services that are watched and may be scaled.
const SERVICES: [&str; 3] = ["worker", "rng", "hasher"];

/// How long a worker may be silent. It announces itself once a second; Swarm itself takes about 15 s to notice that a node
/// is gone, and a measurement in that time would be one of fewer workers.
const SILENT_FOR: Duration = Duration::from_millis(3500);

/// Where the application is.
#[derive(Debug, Clone)]
pub struct Config {
    /// A manager's engine, as `unix:///var/run/docker.sock`; none for `DOCKER_HOST` or the local one.
    pub host: Option<String>,
    /// Name of the stack; a service without a stack is looked for by its own name.
    pub stack: String,
    /// How long services may take to converge.
    pub bound: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { host: None, stack: "dockercoins".to_owned(), bound: Duration::from_secs(90) }
    }
}

/// The application on a Swarm.
pub struct Swarm {
    manager: Manager,
    config: Config,
    /// Full names of the services by their names in the application.
    names: BTreeMap<String, String>,
    /// Replicas as they were found.
    found: Replicas,
    /// Identifiers of the networks that the services are on.
    networks: BTreeSet<String>,
    ledger: Ledger,
    inside: bool,
    /// When each worker was last heard of: its announcement's own time, and when that was first seen.
    heard: BTreeMap<String, (f64, Instant)>,
    /// Workers that were asked for.
    workers: u32,
}

impl Swarm {
    /// Finds the application and remembers how it is scaled.
    ///
    /// # Errors
    /// There is no manager, or the application is not deployed.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        let engine = Engine::connect(config.host.as_deref()).await.map_err(said)?;
        let manager = engine.swarm().await.map_err(said)?;
        let mut names = BTreeMap::new();
        let mut found = Replicas::new();
        let mut networks = BTreeSet::new();
        for service in SERVICES {
            let deployed = deployed(&manager, &config.stack, service).await?;
            let full = deployed.name;
            networks.extend(deployed.networks);
            let saved = manager.save(std::slice::from_ref(&full)).await.map_err(said)?;
            found.insert(service.to_owned(), saved.get(&full).copied().unwrap_or(1));
            names.insert(service.to_owned(), full);
        }
        let inside = !resolve("tasks.rng", 80).await.is_empty();
        let ledger = ledger::in_redis("redis://redis").map_err(|error| Error(error.to_string()))?;
        let workers = found.get("worker").copied().unwrap_or(1);
        Ok(Self { manager, config, names, found, networks, ledger, inside, heard: BTreeMap::new(), workers })
    }

    /// Whether this process is on the application's network, where it can be measured.
    pub fn is_inside(&self) -> bool {
        self.inside
    }

    /// The Swarm's manager.
    pub fn manager(&self) -> &Manager {
        &self.manager
    }

    /// Identifiers of the networks that the application is on.
    pub fn networks(&self) -> Vec<String> {
        self.networks.iter().cloned().collect()
    }

    /// Remembers who was heard of just now. The nodes' clocks are not compared with this one's.
    fn hear(&mut self, observation: &Observation) {
        let before = std::mem::take(&mut self.heard);
        self.heard = observation
            .workers
            .iter()
            .map(|worker| {
                let known = before.get(&worker.id).filter(|(now, _)| *now == worker.now).copied();
                (worker.id.clone(), known.unwrap_or((worker.now, observation.at)))
            })
            .collect();
    }

    /// Workers that are not silent; none where workers do not announce themselves.
    fn audible(&self) -> Option<usize> {
        let heard = self.heard.values().filter(|(_, at)| at.elapsed() < SILENT_FOR).count();
        (!self.heard.is_empty()).then_some(heard)
    }

    fn full(&self, service: &str) -> Result<&str, Error> {
        let known = || SERVICES.join(", ");
        let name = self.names.get(service);
        name.map(String::as_str)
            .ok_or_else(|| Error(format!("there is no service `{service}` to scale: there are {}", known())))
    }
}

/// The service in the stack, or the one of its own name where it was made without a stack.
async fn deployed(manager: &Manager, stack: &str, service: &str) -> Result<swarm::Service, Error> {
    let found = match manager.service(&format!("{stack}_{service}")).await {
        Err(swarm::Error::NoService { known, .. }) if known.iter().any(|name| name == service) => {
            return manager.service(service).await.map_err(said);
        }
        found => found,
    };
    found.map_err(|error| {
        Error(format!("{error}\n  deploy it with `docker stack deploy`, or name its stack with --stack"))
    })
}

fn said(error: swarm::Error) -> Error {
    Error(error.to_string())
}

impl Platform for Swarm {
    fn name(&self) -> &'static str {
        "swarm"
    }

    async fn describe(&mut self, settings: &mut Settings, machine: &mut Machine) -> Result<(), Error> {
        let mut environments = BTreeMap::<String, Environment>::new();
        for (service, full) in &self.names {
            environments.insert(service.clone(), self.manager.service(full).await.map_err(said)?.environment);
        }
        complete(settings, &environments);
        machine.engine = Some(self.manager.engine().version().to_owned());
        let nodes = self.manager.nodes().await.map_err(said)?.into_iter();
        let node = |node: swarm::Node| Node {
            name: node.name,
            cpus: node.cpus,
            memory_bytes: node.memory_bytes,
            machine: node.machine,
        };
        machine.nodes = nodes.map(node).collect();
        Ok(())
    }

    async fn scale(&mut self, replicas: &Replicas) -> Result<(), Error> {
        for (service, count) in replicas {
            self.manager.scale(self.full(service)?, *count).await.map_err(said)?;
        }
        self.workers = replicas.get("worker").copied().unwrap_or(self.workers);
        for service in replicas.keys() {
            self.manager.converge(self.full(service)?, self.config.bound).await.map_err(said)?;
        }
        Ok(())
    }

    async fn placement(&mut self) -> Result<Vec<Placed>, Error> {
        let mut placement = Vec::new();
        for (service, full) in &self.names {
            // A step has just been measured, so the service has converged but for what was lost in the last moment.
            let converged = self.manager.converge(full, self.config.bound).await.map_err(said)?;
            placement.extend(converged.running.iter().map(|task| Placed {
                service: service.clone(),
                task: task.name(service),
                node: converged.node_of(task).to_owned(),
                // A container's host name is the beginning of its id, unless the service was given one.
                replica: task.container.as_ref().and_then(|id| Some(id.get(..12)?.to_owned())),
            }));
        }
        Ok(placement)
    }

    async fn restore(&mut self) -> Result<(), Error> {
        let by_name = self.found.iter().filter_map(|(service, count)| Some((self.names.get(service)?.clone(), *count)));
        let saved: BTreeMap<String, u32> = by_name.collect();
        self.manager.restore(&saved).await.map_err(|error| {
            let by_hand: Vec<String> = saved.iter().map(|(name, count)| format!("{name}={count}")).collect();
            Error(format!("{error}\n  by hand: docker service scale {}", by_hand.join(" ")))
        })
    }
}

impl Application for Swarm {
    async fn observe(&mut self) -> Result<Observation, Error> {
        let mut replicas: BTreeMap<String, Addresses> = BTreeMap::new();
        for service in SERVICES {
            replicas.insert(service.to_owned(), resolve(&format!("tasks.{service}"), 80).await);
        }
        let observation = observe(&self.ledger, &replicas).await?;
        self.hear(&observation);
        Ok(observation)
    }

    fn probes(&self) -> BTreeMap<String, String> {
        // Not by the virtual IP, where it would take a turn of the workers' round robin.
        ["rng", "hasher"].map(|service| (service.to_owned(), format!("http://tasks.{service}/"))).into()
    }

    async fn whole(&mut self) -> Result<bool, Error> {
        if self.audible().is_some_and(|audible| audible < self.workers as usize) {
            return Ok(false);
        }
        for full in self.names.values() {
            if !self.manager.whole(full).await.map_err(said)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
