//! A service of a compose project: containers of one engine, at their own addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use instrument::target::Target;
use instrument::threads;
use swarm::Engine;
use swarm::compose::{Container, Project};
use sweep::platform::{Error, Placed, Platform, Replicas};
use sweep::result::{Machine, Settings};

use crate::served::{Busy, Served, Snapshot, Used};
use crate::swarm::{silent, wait_for};

/// How long replicas that take no connection are looked at, to tell whether they have ended.
const ENDED_WITHIN: Duration = Duration::from_secs(1);

/// How often it is seen whether all containers still run.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// What is swept.
#[derive(Debug, Clone)]
pub struct Config {
    /// The engine; none for `DOCKER_HOST` or the local one.
    pub host: Option<String>,
    /// Name of the compose project.
    pub project: String,
    /// The service's name, as in the compose file.
    pub service: String,
    /// What is asked.
    pub target: Target,
    /// A service that passes requests on to it, and is asked instead.
    pub via: Option<String>,
    /// Scale it although its containers write to a volume or a folder of the machine.
    pub volumes: bool,
    /// How long containers may take to run and be healthy.
    pub bound: Duration,
}

/// A service, and the others of its project.
pub struct Service {
    project: Project,
    config: Config,
    found: u32,
    network: String,
    /// The containers of every service.
    containers: BTreeMap<String, Vec<Container>>,
    checked: Instant,
}

impl Service {
    /// Finds the service and sees that it can be scaled; nothing is changed.
    ///
    /// # Errors
    /// There is no engine or no such service, or it cannot be scaled: why, and what to do.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        let engine = Engine::connect(config.host.as_deref()).await.map_err(said)?;
        let project = Project::new(engine, &config.project);
        let mut containers = BTreeMap::new();
        for name in project.services().await.map_err(said)? {
            containers.insert(name.clone(), project.containers(&name).await.map_err(said)?);
        }
        let missing = |name: &String| {
            let there: Vec<&str> = containers.keys().map(String::as_str).collect();
            let there = if there.is_empty() { "nothing runs there".to_owned() } else { there.join(", ") };
            Error(format!(
                "no container of {name} runs in the compose project {}: {there}\n  start it with `docker compose up -d`, or \
                 name another project with --project",
                config.project
            ))
        };
        let own =
            containers.get(&config.service).filter(|all| !all.is_empty()).ok_or_else(|| missing(&config.service))?;
        if let Some(via) = config.via.as_ref().filter(|via| !containers.contains_key(*via)) {
            return Err(missing(via));
        }
        if let Some(place) = own.iter().find_map(|container| container.writes_to().into_iter().next())
            && !config.volumes
        {
            return Err(Error(format!(
                "{0} writes to {place}, and several containers would write to the same\n  say --volumes if {0} may have several \
                 all the same",
                config.service
            )));
        }
        let asked = config.via.as_ref().unwrap_or(&config.service);
        if config.target.host != *asked {
            return Err(Error(format!(
                "{0} is not {asked}: a published port leads to one container, however many there are\n  name it in --url, as \
                 http://{asked}:{1}{2}; or with --via the service that passes requests on to {asked}",
                config.target.host, config.target.port, config.target.path
            )));
        }
        let (found, network) = (own.len() as u32, own.iter().find_map(|all| all.addresses().into_keys().next()));
        let network = network.ok_or_else(|| Error(format!("{} is on no network", config.service)))?;
        Ok(Self { project, config, found, network, containers, checked: Instant::now() })
    }

    /// The engine on which it runs.
    pub fn engine(&self) -> &Engine {
        self.project.engine()
    }

    /// The network on which it is.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// Whether this process reaches the containers: on the engine's machine, or as a container on their network.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn is_inside(&self) -> Result<bool, Error> {
        self.project.is_here(&self.network).await.map_err(|error| Error(error.to_string()))
    }

    /// A sentence on how requests reach it.
    pub fn route(&self) -> String {
        match &self.config.via {
            None => format!(
                "{} is asked at the addresses of its containers, with connections in turn.",
                self.config.service
            ),
            Some(via) => {
                format!("{} is asked through {via}: which container answers is decided there.", self.config.service)
            }
        }
    }

    /// Where requests go.
    fn asked(&self) -> Vec<SocketAddr> {
        let asked = self.config.via.as_ref().unwrap_or(&self.config.service);
        let all = self.containers.get(asked).into_iter().flatten();
        all.filter_map(|container| Some(SocketAddr::new(self.address(container)?, self.config.target.port))).collect()
    }

    fn address(&self, container: &Container) -> Option<IpAddr> {
        container.addresses().get(&self.network).copied()
    }
}

fn said(error: swarm::Error) -> Error {
    Error(error.to_string())
}

impl Platform for Service {
    fn name(&self) -> &'static str {
        "compose"
    }

    async fn describe(&mut self, _: &mut Settings, machine: &mut Machine) -> Result<(), Error> {
        machine.engine = Some(self.engine().version().to_owned());
        Ok(())
    }

    async fn scale(&mut self, replicas: &Replicas) -> Result<(), Error> {
        let Some(count) = replicas.get(&self.config.service).copied() else { return Ok(()) };
        self.project.scale(&self.config.service, count).await.map_err(said)?;
        let converged = self.project.converge(&self.config.service, count, self.config.bound).await.map_err(said)?;
        self.containers.insert(self.config.service.clone(), converged);
        let Some(address) = wait_for(&self.asked()).await else { return Ok(()) };
        // One that has ended meanwhile says more than its address, which nobody has any more.
        self.project.converge(&self.config.service, count, ENDED_WITHIN).await.map_err(said)?;
        Err(silent(address, self.config.via.as_ref().unwrap_or(&self.config.service)))
    }

    async fn placement(&mut self) -> Result<Vec<Placed>, Error> {
        let node = self.engine().docker().info().await.ok().and_then(|info| info.name).unwrap_or_default();
        let all = self.containers.iter().flat_map(|(service, all)| all.iter().map(move |one| (service, one.name())));
        let placed = all.map(|(service, name)| Placed {
            service: service.clone(),
            task: name.clone(),
            node: node.clone(),
            replica: Some(name),
        });
        Ok(placed.collect())
    }

    async fn restore(&mut self) -> Result<(), Error> {
        self.project.scale(&self.config.service, self.found).await.map_err(|error| {
            let (name, count) = (&self.config.service, self.found);
            Error(format!("{error}\n  by hand: docker compose up -d --scale {name}={count}"))
        })
    }
}

impl Served for Service {
    fn service(&self) -> &str {
        &self.config.service
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.asked()
    }

    fn replica_at(&self, address: SocketAddr) -> Option<String> {
        let own = self.containers.get(&self.config.service)?;
        own.iter().find(|container| self.address(container) == Some(address.ip())).map(Container::name)
    }

    async fn usage(&mut self) -> Result<Snapshot, Error> {
        let docker = self.engine().docker();
        let processors = docker.info().await.ok().and_then(|info| info.ncpu).map(|ncpu| ncpu as f64);
        let mut snapshot = Snapshot { nodes: Busy::here().into_iter().collect(), ..Snapshot::default() };
        let all = self.containers.iter().flat_map(|(service, all)| all.iter().map(move |one| (service, one)));
        let ids: Vec<&str> = all.clone().map(|(_, container)| container.id()).collect();
        let threads = &threads::of_containers(&ids);
        let asked = all.map(|(service, container)| async move {
            let used = swarm::used(docker, container.id()).await?;
            Some(Used {
                service: service.clone(),
                task: container.name(),
                processor: used.processor,
                threads: threads.get(container.id()).cloned().unwrap_or_default(),
                limit: container.cpu_limit().or(processors),
                memory: used.memory,
            })
        });
        snapshot.tasks = futures_util::future::join_all(asked).await.into_iter().flatten().collect();
        Ok(snapshot)
    }

    async fn check(&mut self) -> Result<(), Error> {
        if self.checked.elapsed() < CHECK_EVERY {
            return Ok(());
        }
        self.checked = Instant::now();
        let service = &self.config.service;
        let now = self.project.containers(service).await.map_err(said)?;
        let trouble = now.iter().find_map(|container| container.state().err());
        let count = self.containers.get(service).map_or(0, Vec::len);
        if now.len() == count && trouble.is_none() {
            return Ok(());
        }
        let why = trouble.unwrap_or_else(|| format!("{} of {count} run", now.len()));
        Err(Error(format!("a container of {service} was lost while this was measured: {why}")))
    }
}
