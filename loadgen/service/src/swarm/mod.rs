//! A service of a Swarm, scaled through a manager's engine, and asked from a task on its own network.

mod route;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use instrument::target::Target;
use recruit::nodes::Nodes;
use recruit::remote::is_inside;
use swarm::{Engine, Mode, Swarm as Manager, patient};
use sweep::platform::{Error, Placed, Platform, Replicas};
use sweep::result::{Machine, Node, Settings};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use self::route::Route;
use crate::served::{Busy, Served, Snapshot, Used};

/// How long a task that runs may take until it takes a connection.
const LISTENS: Duration = Duration::from_secs(20);

/// One try to connect, or to resolve a name.
const TRY: Duration = Duration::from_secs(2);

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// How often it is seen whether all tasks still run.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// What is swept.
#[derive(Debug, Clone)]
pub struct Config {
    /// A manager's engine, as `unix:///var/run/docker.sock`; none for `DOCKER_HOST` or the local one.
    pub host: Option<String>,
    /// The service's name, as `docker service ls` has it.
    pub service: String,
    /// What is asked.
    pub target: Target,
    /// A service that passes requests on to it, so that the URL may name that one.
    pub via: Option<String>,
    /// Scale it although its tasks write to a volume or a folder of their nodes.
    pub volumes: bool,
    /// The image of what looks at the other nodes; none for the newest of the manager's images that is loadgen's.
    pub image: Option<String>,
    /// How long scaling may take until all tasks run and are healthy.
    pub bound: Duration,
}

/// A service, and what is beside it.
pub struct Service {
    manager: Manager,
    config: Config,
    service: swarm::Service,
    found: u32,
    /// How many were asked for last.
    asked: Option<u32>,
    /// All other services, but for what loadgen itself has made.
    others: Vec<swarm::Service>,
    /// How requests reach it, and who tells what the tasks use: both are known inside alone.
    inside: Option<(Route, Nodes)>,
    tasks: Vec<SocketAddr>,
    names: BTreeMap<IpAddr, String>,
    checked: Instant,
}

impl Service {
    /// Finds the service and sees that it can be scaled; nothing is changed.
    ///
    /// # Errors
    /// There is no manager or no such service, or it cannot be scaled: what it is, and what to do.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        let engine = Engine::connect(config.host.as_deref()).await.map_err(said)?;
        let manager = engine.swarm().await.map_err(said)?;
        let service = manager.service(&config.service).await.map_err(said)?;
        let Mode::Replicated(found) = service.mode else {
            let (name, mode) = (service.name, service.mode.to_string());
            return Err(said(swarm::Error::NotReplicated { name, mode }));
        };
        if let Some(place) = service.writes_to.first().filter(|_| !config.volumes) {
            return Err(Error(format!(
                "{0} writes to {place}: on each node its tasks would find another one, or several would write to the same\n  \
                 say --volumes if {0} may have several tasks all the same",
                service.name
            )));
        }
        let foreign = |other: &swarm::Service| other.id != service.id && !other.labels.contains_key(recruit::LABEL);
        let others = manager.services().await.map_err(said)?.into_iter().filter(foreign).collect();
        let checked = Instant::now();
        let (tasks, names, inside) = (Vec::new(), BTreeMap::new(), None);
        Ok(Self { manager, config, service, found, asked: None, others, inside, tasks, names, checked })
    }

    /// The Swarm's manager.
    pub fn manager(&self) -> &Manager {
        &self.manager
    }

    /// The stack that it belongs to, or itself: two sweeps of one application would measure each other.
    pub fn application(&self) -> &str {
        self.service.stack.as_deref().unwrap_or(&self.service.name)
    }

    /// Identifiers of the networks that it is on.
    pub fn networks(&self) -> &[String] {
        &self.service.networks
    }

    /// Whether this process can see what a task on its networks sees.
    ///
    /// # Errors
    /// The manager does not answer.
    pub async fn is_inside(&self) -> Result<bool, Error> {
        is_inside(&self.manager, &self.service.networks).await.map_err(|error| Error(error.to_string()))
    }

    /// Gets ready to measure from here, a task on its networks. Returns a sentence on how requests reach it.
    ///
    /// # Errors
    /// The URL leads elsewhere: where, and what to do.
    pub async fn enter(&mut self) -> Result<String, Error> {
        let machines = self.manager.nodes().await.map_err(said)?;
        let machines: Vec<IpAddr> = machines.iter().filter_map(|node| node.address.parse().ok()).collect();
        let route = Route::find(&self.config, &self.service, &self.others, &machines).await?;
        let nodes = Nodes::of(&self.manager, &self.service.networks, self.config.image.as_deref()).await;
        let nodes = nodes.map_err(|error| Error(error.to_string()))?;
        let sentence = route.sentence(&self.service.name, &self.config.target);
        self.inside = Some((route, nodes));
        Ok(sentence)
    }

    /// Waits until the name of its tasks leads to all of them, and each takes a connection.
    async fn reach(&mut self, count: usize) -> Result<(), Error> {
        let name = format!("tasks.{}", self.service.name);
        let (begun, bound) = (Instant::now(), patient(LISTENS));
        loop {
            self.tasks = route::resolve(&name, self.config.target.port).await;
            if self.tasks.len() == count {
                break;
            }
            if begun.elapsed() > bound {
                return Err(Error(format!(
                    "the name {name} leads to {} of its {count} tasks after {} s",
                    self.tasks.len(),
                    bound.as_secs()
                )));
            }
            sleep(PAUSE).await;
        }
        match wait_for(&self.tasks).await {
            None => Ok(()),
            Some(address) => Err(silent(address, &self.service.name)),
        }
    }
}

/// Waits until all of these take connections. The first that does not within the bound is returned.
pub(crate) async fn wait_for(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    let (begun, bound) = (Instant::now(), patient(LISTENS));
    for address in addresses {
        while !matches!(timeout(TRY, TcpStream::connect(address)).await, Ok(Ok(_))) {
            if begun.elapsed() > bound {
                return Some(*address);
            }
            sleep(PAUSE).await;
        }
    }
    None
}

/// What to say of one that does not.
pub(crate) fn silent(address: SocketAddr, service: &str) -> Error {
    Error(format!(
        "{address} takes no connection: does {service} listen on port {}, and on that interface?\n  --url names the port",
        address.port()
    ))
}

/// A service, and those of the others that share a network with it.
fn together<'a>(service: &'a swarm::Service, others: &'a [swarm::Service]) -> impl Iterator<Item = &'a swarm::Service> {
    std::iter::once(service).chain(others.iter().filter(move |other| other.is_beside(service)))
}

fn said(error: swarm::Error) -> Error {
    Error(error.to_string())
}

impl Platform for Service {
    fn name(&self) -> &'static str {
        "swarm"
    }

    async fn describe(&mut self, _: &mut Settings, machine: &mut Machine) -> Result<(), Error> {
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
        let Some(count) = replicas.get(&self.service.name).copied() else { return Ok(()) };
        self.asked = Some(count);
        self.manager.scale(&self.service.name, count).await.map_err(said)?;
        self.manager.converge(&self.service.name, self.config.bound).await.map_err(said)?;
        if matches!(self.inside, Some((Route::Tasks, _))) {
            self.reach(count as usize).await?;
        }
        Ok(())
    }

    async fn placement(&mut self) -> Result<Vec<Placed>, Error> {
        let mut placement = Vec::new();
        let nodes = self.manager.nodes().await.map_err(said)?;
        for service in together(&self.service, &self.others) {
            let tasks = self.manager.tasks(Some(&service.id)).await.map_err(said)?;
            placement.extend(tasks.iter().filter(|task| task.state == swarm::State::Running).map(|task| {
                let node = nodes.iter().find(|node| Some(&node.id) == task.node_id.as_ref());
                let name = task.name(&service.name);
                Placed {
                    service: service.name.clone(),
                    task: name.clone(),
                    node: node.map_or_else(|| "-".to_owned(), |node| node.name.clone()),
                    replica: Some(name),
                }
            }));
        }
        Ok(placement)
    }

    async fn restore(&mut self) -> Result<(), Error> {
        let saved = BTreeMap::from([(self.service.name.clone(), self.found)]);
        self.manager.restore(&saved).await.map_err(|error| {
            Error(format!("{error}\n  by hand: docker service scale {}={}", self.service.name, self.found))
        })
    }
}

impl Served for Service {
    fn service(&self) -> &str {
        &self.service.name
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        match self.inside {
            Some((Route::Tasks, _)) => self.tasks.clone(),
            _ => Vec::new(),
        }
    }

    fn replica_at(&self, address: SocketAddr) -> Option<String> {
        // One on a node that tells nothing is known by its address.
        let own = self.tasks.contains(&address).then(|| address.ip().to_string());
        self.names.get(&address.ip()).cloned().or(own)
    }

    async fn usage(&mut self) -> Result<Snapshot, Error> {
        let Some((_, nodes)) = &mut self.inside else { return Ok(Snapshot::default()) };
        let services: Vec<&swarm::Service> = together(&self.service, &self.others).collect();
        let ids: Vec<String> = services.iter().map(|service| service.id.clone()).collect();
        let mut snapshot = Snapshot::default();
        for node in nodes.look(&ids).await {
            let processors = node.processors;
            snapshot.nodes.extend(node.busy.map(|nanos| Busy {
                node: node.node,
                processors,
                busy: Duration::from_nanos(nanos),
            }));
            for container in node.containers {
                if container.service == self.service.name {
                    let addresses = container.addresses.iter().map(|address| (*address, container.task.clone()));
                    self.names.extend(addresses);
                }
                let limit = services.iter().find(|service| service.name == container.service);
                snapshot.tasks.push(Used {
                    service: container.service,
                    task: container.task,
                    processor: Duration::from_nanos(container.processor),
                    threads: container.threads,
                    // One without a limit may use all that its node has.
                    limit: limit.and_then(|service| service.cpu_limit).or(Some(f64::from(processors))),
                    memory: container.memory,
                });
            }
        }
        let silent = nodes.silent.iter();
        snapshot.notes =
            silent.map(|(node, why)| format!("What the tasks on {node} use is not known: {why}")).collect();
        Ok(snapshot)
    }

    async fn check(&mut self) -> Result<(), Error> {
        if self.checked.elapsed() < CHECK_EVERY {
            return Ok(());
        }
        self.checked = Instant::now();
        let name = &self.service.name;
        // What is lost is replaced by Swarm, with another address: the step would be one of fewer tasks.
        if self.manager.whole(name).await.map_err(said)? {
            return match (self.asked, self.manager.service(name).await.map_err(said)?.mode) {
                (Some(asked), Mode::Replicated(now)) if now != asked => Err(Error(format!(
                    "somebody else scaled {name} to {now} while {asked} were measured: let one alone scale it at a time"
                ))),
                _ => Ok(()),
            };
        }
        let last = self.manager.converge(&self.service.name, Duration::ZERO).await;
        let why = last.err().map_or_else(|| "it was replaced".to_owned(), |error| error.to_string());
        Err(Error(format!("a task of {} was lost while this was measured: {why}", self.service.name)))
    }
}
