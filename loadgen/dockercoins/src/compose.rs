//! The application as containers of one host, as `docker compose` started it.
//!
//! More replicas are made as compose makes them: containers like the first, with the next number and the same labels, so that
//! compose counts them as its own. Their addresses on the application's network are within reach from the same machine.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use swarm::Engine;
use swarm::bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, EndpointSettings, HealthStatusEnum, HostConfig, NetworkingConfig,
};
use swarm::bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};

use crate::application::{Application, Observation};
use crate::deployed::{Addresses, Counter};
use crate::environment::{Environment, complete, pairs};
use sweep::platform::{Error, Placed, Platform, Replicas};
use sweep::result::{Machine, Settings};

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const NUMBER: &str = "com.docker.compose.container-number";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// The services that are watched and may be scaled.
const SERVICES: [&str; 3] = ["worker", "rng", "hasher"];

/// Pause between two looks at containers that are starting.
const LOOK_EVERY: Duration = Duration::from_millis(100);

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
    engine: Engine,
    config: Config,
    found: Replicas,
    counter: Counter,
    replicas: BTreeMap<String, Vec<Replica>>,
}

/// One container of a service.
#[derive(Debug, Clone)]
struct Replica {
    number: u32,
    container: ContainerInspectResponse,
}

impl Replica {
    fn id(&self) -> &str {
        self.container.id.as_deref().unwrap_or_default()
    }

    fn name(&self) -> String {
        self.container.name.as_deref().unwrap_or_default().trim_start_matches('/').to_owned()
    }

    /// Runs, and is healthy where it has a health check; otherwise what it is.
    fn state(&self) -> Result<(), String> {
        let state = self.container.state.clone().unwrap_or_default();
        if !state.running.unwrap_or(false) {
            let error = state.error.filter(|error| !error.is_empty()).map(|error| format!(": {error}"));
            let code = state.exit_code.unwrap_or(-1);
            return Err(format!("{} does not run, exit code {code}{}", self.name(), error.unwrap_or_default()));
        }
        let health = state.health.unwrap_or_default();
        match health.status {
            None | Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE | HealthStatusEnum::HEALTHY) => Ok(()),
            Some(status) => {
                let last = health.log.unwrap_or_default().pop().and_then(|log| log.output).unwrap_or_default();
                Err(format!("{} is {status} {}", self.name(), last.trim()))
            }
        }
    }

    fn address(&self) -> Option<IpAddr> {
        let networks = self.container.network_settings.as_ref()?.networks.as_ref()?;
        networks.values().find_map(|network| network.ip_address.as_ref()?.parse().ok())
    }
}

impl Compose {
    /// Finds the application and remembers how it is scaled.
    ///
    /// # Errors
    /// There is no engine, or the project does not run.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        let engine = Engine::connect(config.host.as_deref()).await.map_err(|error| Error(error.to_string()))?;
        let mut this = Self {
            engine,
            config,
            found: Replicas::new(),
            counter: Counter::Page(String::new()),
            replicas: BTreeMap::new(),
        };
        for service in SERVICES {
            let containers = this.containers(service).await?;
            if containers.is_empty() {
                return Err(Error(format!(
                    "no container of {service} runs in the compose project {}\n  start it with `docker compose -f compose/compose.yml up -d`, or name another with --project",
                    this.config.project
                )));
            }
            this.found.insert(service.to_owned(), containers.len() as u32);
            this.replicas.insert(service.to_owned(), containers);
        }
        let redis = this.containers("redis").await?;
        let address = redis.iter().find_map(Replica::address);
        let address =
            address.ok_or_else(|| Error(format!("no redis runs in the compose project {}", this.config.project)))?;
        let url = format!("redis://{}", SocketAddr::new(address, 6379));
        let ledger = ledger::Ledger::in_redis(&url).map_err(|error| Error(error.to_string()))?;
        this.counter = Counter::Ledger(Box::new(ledger));
        Ok(this)
    }

    /// The running containers of a service, by number.
    async fn containers(&self, service: &str) -> Result<Vec<Replica>, Error> {
        let docker = self.engine.docker();
        let labels =
            [format!("{PROJECT}={}", self.config.project), format!("{SERVICE}={service}"), format!("{ONE_OFF}=False")];
        let filters = HashMap::from([("label".to_owned(), labels.to_vec())]);
        let options = ListContainersOptionsBuilder::default().filters(&filters).build();
        let failed = |error| Error(format!("the engine does not tell the containers of {service}: {error}"));
        let list = docker.list_containers(Some(options)).await.map_err(failed)?;
        let inspected = list.into_iter().filter_map(|container| {
            let number = container.labels?.get(NUMBER)?.parse().ok()?;
            Some((number, container.id?))
        });
        let inspected = inspected.map(|(number, id)| async move {
            let container = docker.inspect_container(&id, None).await.map_err(failed)?;
            Ok(Replica { number, container })
        });
        let mut replicas = try_join_all(inspected).await?;
        replicas.sort_by_key(|replica| replica.number);
        Ok(replicas)
    }

    /// Makes one more container, like the first.
    async fn add(&self, service: &str, like: &Replica, number: u32) -> Result<(), Error> {
        let name = format!("{}-{service}-{number}", self.config.project);
        let docker = self.engine.docker();
        let failed = |error| Error(format!("cannot start {name}: {error}"));
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        docker.create_container(Some(options), another(service, like, number)).await.map_err(failed)?;
        docker.start_container(&name, None).await.map_err(failed)
    }

    async fn remove(&self, replica: &Replica) -> Result<(), Error> {
        let failed = |error| Error(format!("cannot remove {}: {error}", replica.name()));
        let docker = self.engine.docker();
        // Told to stop first, so that a worker commits what it has done.
        docker.stop_container(replica.id(), None).await.map_err(failed)?;
        let options = RemoveContainerOptionsBuilder::default().v(true).force(true).build();
        docker.remove_container(replica.id(), Some(options)).await.map_err(failed)
    }

    async fn scale_one(&mut self, service: &str, count: u32) -> Result<(), Error> {
        let replicas = self.containers(service).await?;
        let Some(first) = replicas.first() else {
            return Err(Error(format!(
                "there is no container of `{service}` to make others like it: there are {}",
                SERVICES.join(", ")
            )));
        };
        if count == 0 {
            return Err(Error(format!("{service} cannot be scaled to none: others are made like the first one")));
        }
        let taken: Vec<u32> = replicas.iter().map(|replica| replica.number).collect();
        let missing = (count as usize).saturating_sub(replicas.len());
        let free = (1..).filter(|number| !taken.contains(number)).take(missing);
        try_join_all(free.map(|number| self.add(service, first, number))).await?;
        try_join_all(replicas.iter().skip(count as usize).map(|replica| self.remove(replica))).await?;
        Ok(())
    }

    async fn converge(&mut self, service: &str, count: u32) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let replicas = self.containers(service).await?;
            let trouble: Vec<String> = replicas.iter().filter_map(|replica| replica.state().err()).collect();
            if replicas.len() == count as usize && trouble.is_empty() {
                self.replicas.insert(service.to_owned(), replicas);
                return Ok(());
            }
            if begun.elapsed() > self.config.bound {
                let (bound, has) = (self.config.bound.as_secs(), replicas.len());
                let said = trouble.join("; ");
                return Err(Error(format!("{service} has {has} of {count} containers after {bound} s: {said}")));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// A container like another one, with another number and no published ports: those are taken by the first.
fn another(service: &str, like: &Replica, number: u32) -> ContainerCreateBody {
    let config = like.container.config.clone().unwrap_or_default();
    let mut labels = config.labels.unwrap_or_default();
    labels.insert(NUMBER.to_owned(), number.to_string());
    let networks = like.container.network_settings.clone().and_then(|settings| settings.networks).unwrap_or_default();
    let endpoint = EndpointSettings { aliases: Some(vec![service.to_owned()]), ..Default::default() };
    ContainerCreateBody {
        image: config.image,
        user: config.user,
        env: config.env,
        cmd: config.cmd,
        entrypoint: config.entrypoint,
        healthcheck: config.healthcheck,
        stop_signal: config.stop_signal,
        stop_timeout: config.stop_timeout,
        labels: Some(labels),
        host_config: like.container.host_config.clone().map(|host| HostConfig { port_bindings: None, ..host }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(networks.into_keys().map(|name| (name, endpoint.clone())).collect()),
        }),
        ..Default::default()
    }
}

impl Platform for Compose {
    fn name(&self) -> &'static str {
        "compose"
    }

    async fn describe(&mut self, settings: &mut Settings, machine: &mut Machine) -> Result<(), Error> {
        let environment = |replicas: &Vec<Replica>| -> Environment {
            let list = replicas.first().and_then(|first| first.container.config.clone()?.env).unwrap_or_default();
            pairs(&list)
        };
        complete(
            settings,
            &self.replicas.iter().map(|(name, replicas)| (name.clone(), environment(replicas))).collect(),
        );
        machine.engine = Some(self.engine.version().to_owned());
        Ok(())
    }

    async fn scale(&mut self, replicas: &Replicas) -> Result<(), Error> {
        for (service, count) in replicas {
            self.scale_one(service, *count).await?;
        }
        for (service, count) in replicas {
            self.converge(service, *count).await?;
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
        let addresses = |replicas: &Vec<Replica>| -> Addresses {
            let known =
                replicas.iter().filter_map(|replica| Some((replica.name(), SocketAddr::new(replica.address()?, 80))));
            known.collect()
        };
        let servers = self.replicas.iter().filter(|(name, _)| name.as_str() != "worker");
        let servers = servers.map(|(name, replicas)| (name.clone(), addresses(replicas))).collect();
        let docker = self.engine.docker();
        let used = self.replicas.iter().flat_map(|(service, replicas)| {
            replicas.iter().map(move |replica| async move {
                Some((service.clone(), replica.name(), cpu(docker, replica.id()).await?))
            })
        });
        let (observation, used) = tokio::join!(self.counter.observe(&servers), join_all(used));
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
            let address = self.replicas.get(service)?.first()?.address()?;
            Some((service.to_owned(), format!("http://{}/", SocketAddr::new(address, 80))))
        };
        ["rng", "hasher"].into_iter().filter_map(first).collect()
    }

    async fn whole(&mut self) -> Result<bool, Error> {
        for (service, replicas) in &self.replicas {
            let now = self.containers(service).await?;
            if now.len() != replicas.len() || now.iter().any(|replica| replica.state().is_err()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Processor time that a container has used since it began.
async fn cpu(docker: &swarm::bollard::Docker, id: &str) -> Option<Duration> {
    use futures_util::StreamExt as _;
    let options = swarm::bollard::query_parameters::StatsOptionsBuilder::default().stream(false).one_shot(true).build();
    let stats = std::pin::pin!(docker.stats(id, Some(options))).next().await?.ok()?;
    stats.cpu_stats?.cpu_usage?.total_usage.map(Duration::from_nanos)
}
