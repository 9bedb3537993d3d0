//! What the containers of each node use, as their engines tell it: `docker stats` sees its own node alone.
//!
//! On each other node one task has the engine's socket and answers whoever has the run's token, over the same kind of signed
//! connection as an agent. This node's engine is asked directly.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use agents::{Link, Newcomers, Token, reach};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use instrument::threads::{self, Threads};
use serde::{Deserialize, Serialize};
use swarm::bollard::Docker;
use swarm::bollard::models::ContainerSummary;
use swarm::bollard::query_parameters::ListContainersOptionsBuilder;
use swarm::{Engine, Swarm, patient};

use crate::crew::{NO_NODE, away_from_nodes, deploy, failing};
use crate::janitor::Waiting;
use crate::remote::SOCKET;
use crate::spec::Program;
use crate::{Count, Error, Wanted, new_run, reachable};

/// The labels that Swarm gives to the containers of its tasks.
const SERVICE_ID: &str = "com.docker.swarm.service.id";
const SERVICE: &str = "com.docker.swarm.service.name";
const TASK: &str = "com.docker.swarm.task.name";

/// How long the tasks that look may take until they answer.
const COME: Duration = Duration::from_secs(30);

/// How long a node may take for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// How long a task that looks tries to reach whoever asks.
const REACH: Duration = Duration::from_secs(8);

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// What a node's containers have used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeUse {
    /// The node's host name.
    pub node: String,
    /// Its processors.
    pub processors: u32,
    /// How long its processors were busy since it started, all together, in nanoseconds, whatever ran there.
    pub busy: Option<u64>,
    /// The containers of the services that were asked for.
    pub containers: Vec<ContainerUse>,
}

/// What the container of a task has used since it started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerUse {
    /// Its service's name.
    pub service: String,
    /// Its task's name, as `web.3`.
    pub task: String,
    /// Processor time, in nanoseconds.
    pub processor: u64,
    /// That of each of its threads.
    pub threads: Threads,
    /// Memory, in bytes, without what the kernel keeps of files and can give back.
    pub memory: u64,
    /// Its addresses, on all of its networks.
    pub addresses: Vec<IpAddr>,
}

/// What is asked: identifiers of services.
#[derive(Debug, Serialize, Deserialize)]
struct Question {
    services: Vec<String>,
}

/// The nodes of a Swarm, as far as they can be asked. They are asked no more when the value goes.
pub struct Nodes {
    docker: Docker,
    name: String,
    others: Vec<(String, Arc<Mutex<Link>>)>,
    /// Nodes that cannot be asked, with the reason.
    pub silent: BTreeMap<String, String>,
    /// Takes the tasks away when this goes.
    janitor: Option<Waiting>,
}

impl Nodes {
    /// Makes all nodes ready to be asked. Those that cannot be are in `silent`; so much less is known then.
    ///
    /// # Errors
    /// When the manager does not answer.
    pub async fn of(swarm: &Swarm, networks: &[String], image: Option<&str>) -> Result<Self, Error> {
        let nodes = swarm.nodes().await?;
        let own = nodes.iter().find(|node| node.id == swarm.node_id()).map(|node| node.name.clone());
        let docker = swarm.engine().docker().clone();
        let mut this =
            Nodes { docker, name: own.unwrap_or_default(), others: Vec::new(), silent: BTreeMap::new(), janitor: None };
        let usable = |node: &&swarm::Node| node.id != swarm.node_id() && node.ready;
        let others: Vec<String> = nodes.iter().filter(usable).map(|node| node.name.clone()).collect();
        if others.is_empty() {
            return Ok(this);
        }
        let trouble = this.hire(swarm, networks, image, others.len()).await.err();
        let came = |name: &String| this.others.iter().any(|(other, _)| other == name);
        let late = || format!("its task did not come within {} s", patient(COME).as_secs());
        let why = |name: &String| match &trouble {
            Some(Error::Task { node, .. }) if node != name && node != NO_NODE => late(),
            Some(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
            None => late(),
        };
        let silent = others.into_iter().filter(|name| !came(name)).map(|name| (why(&name), name));
        this.silent = silent.map(|(why, name)| (name, why)).collect();
        Ok(this)
    }

    /// Makes one task on each other node, and waits until they have come. Those that have can be asked also where one cannot.
    async fn hire(
        &mut self,
        swarm: &Swarm,
        networks: &[String],
        image: Option<&str>,
        nodes: usize,
    ) -> Result<(), Error> {
        let own = reachable(swarm, networks).await?;
        let listener =
            TcpListener::bind(SocketAddr::new(own, 0)).map_err(|cause| Error::Address { address: own, cause })?;
        let (token, run) = (Token::random(), new_run());
        self.janitor = Some(Waiting::start(swarm.engine().host(), &run)?);
        let wanted = Wanted {
            count: Count::Global,
            image: image.map(str::to_owned),
            networks: networks.to_vec(),
            constraints: away_from_nodes([swarm.node_id().to_owned()]),
            away_from: Vec::new(),
        };
        deploy(swarm, &wanted, &run, &token, listener.local_addr()?, Program::Node).await?;
        let over = Arc::new(AtomicBool::new(false));
        let gathered = tokio::task::spawn_blocking({
            let (over, token) = (over.clone(), token.clone());
            move || gather(&listener, nodes, &token, &over)
        });
        let mut gathered = std::pin::pin!(gathered.fuse());
        let (mut trouble, mut failed) = (Ok(()), Instant::now());
        let links = loop {
            tokio::select! {
                links = &mut gathered => break links.map_err(std::io::Error::other)??,
                () = tokio::time::sleep(PAUSE) => {
                    if trouble.is_ok() {
                        trouble = failing(swarm, &run).await;
                        failed = Instant::now();
                    }
                    // The others may be on their way.
                    over.store(trouble.is_err() && failed.elapsed() > patient(ANSWER), Ordering::Relaxed);
                }
            }
        };
        self.others.extend(links.into_iter().map(|(name, link)| (name, Arc::new(Mutex::new(link)))));
        trouble
    }

    /// Asks all nodes what the containers of these services, by their identifiers, have used. A node that does not answer
    /// is asked no more.
    pub async fn look(&mut self, services: &[String]) -> Vec<NodeUse> {
        let others = self.others.iter().map(|(name, link)| {
            let (name, link) = (name.clone(), link.clone());
            async move { (name, ask(link, services.to_vec()).await) }
        });
        let (own, others) = tokio::join!(here(&self.docker, &self.name, services), join_all(others));
        let mut found = vec![own];
        for (name, answer) in others {
            match answer {
                Some(answer) => found.push(answer),
                None => {
                    self.others.retain(|(other, _)| *other != name);
                    self.silent.insert(name, "it stopped answering".to_owned());
                }
            }
        }
        found
    }
}

/// Asks one node.
async fn ask(link: Arc<Mutex<Link>>, services: Vec<String>) -> Option<NodeUse> {
    let asked = tokio::task::spawn_blocking(move || {
        let mut link = link.lock().unwrap_or_else(PoisonError::into_inner);
        ask_now(&mut link, services)
    });
    asked.await.ok().flatten()
}

fn ask_now(link: &mut Link, services: Vec<String>) -> Option<NodeUse> {
    link.sending.send(&Question { services }).ok()?;
    link.receiving.receive::<NodeUse>().ok()
}

/// Takes so many connections of nodes, with their names; those that have come by the bound, where fewer do.
fn gather(
    listener: &TcpListener,
    wanted: usize,
    token: &Token,
    over: &AtomicBool,
) -> std::io::Result<Vec<(String, Link)>> {
    let (until, token) = (Instant::now() + patient(COME), token.clone());
    let newcomers = Newcomers::new(listener, wanted, move |stream| greet(stream, &token, until))?;
    let mut links = Vec::new();
    while links.len() < wanted && Instant::now() < until && !over.load(Ordering::Relaxed) {
        links.extend(newcomers.take()?);
    }
    Ok(links)
}

/// A node that has come. The first question proves the token, and says which node it is.
fn greet(stream: TcpStream, token: &Token, until: Instant) -> Option<(String, Link)> {
    let mut link = Link::of_coordinator(stream, token).ok()?;
    // It may have to reach its engine first.
    link.receiving.patience(until.saturating_duration_since(Instant::now()).max(PAUSE)).ok()?;
    let first = ask_now(&mut link, Vec::new())?;
    link.receiving.patience(patient(ANSWER)).ok()?;
    Some((first.node, link))
}

/// Answers the questions of whoever has the token and made this task, until that is gone.
///
/// # Errors
/// When it cannot be reached, or the engine's socket is not there.
pub fn answer(coordinator: &str, token: &Token, stop: &AtomicBool) -> Result<(), Error> {
    let stream = reach(coordinator, patient(REACH), stop)?;
    let mut link = Link::of_agent(stream, token).map_err(std::io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let engine = runtime.block_on(Engine::connect(Some(&format!("unix://{SOCKET}"))))?;
    let name = runtime.block_on(engine.docker().info()).ok().and_then(|info| info.name).unwrap_or_default();
    // Short, so that it ends soon after it is told to.
    link.receiving.patience(Duration::from_millis(500))?;
    while !stop.load(Ordering::Relaxed) {
        match link.receiving.receive_or_nothing::<Question>() {
            Ok(None) => {}
            Ok(Some(question)) => {
                let found = runtime.block_on(here(engine.docker(), &name, &question.services));
                if link.sending.send(&found).is_err() {
                    return Ok(());
                }
            }
            // Whoever asked is gone, which is how this ends.
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

/// What this engine's containers have used.
async fn here(docker: &Docker, name: &str, services: &[String]) -> NodeUse {
    let busy = instrument::machine::busy().and_then(|busy| u64::try_from(busy.as_nanos()).ok());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let listed = listed(docker, services).await;
    let ids: Vec<&str> = listed.iter().filter_map(|container| container.id.as_deref()).collect();
    let threads = &threads::of_containers(&ids);
    let containers = join_all(listed.iter().map(|listed| used(docker, listed, threads))).await;
    NodeUse {
        node: name.to_owned(),
        processors: u32::try_from(processors).unwrap_or(u32::MAX),
        busy,
        containers: containers.into_iter().flatten().collect(),
    }
}

/// The running containers of these services.
async fn listed(docker: &Docker, services: &[String]) -> Vec<ContainerSummary> {
    let filters = HashMap::from([("label".to_owned(), vec![SERVICE_ID.to_owned()])]);
    let options = ListContainersOptionsBuilder::default().filters(&filters).build();
    let mut all = docker.list_containers(Some(options)).await.unwrap_or_default();
    all.retain(|container| {
        let id = container.labels.as_ref().and_then(|labels| labels.get(SERVICE_ID));
        id.is_some_and(|id| services.contains(id))
    });
    all
}

async fn used(docker: &Docker, listed: &ContainerSummary, threads: &BTreeMap<String, Threads>) -> Option<ContainerUse> {
    let (id, labels) = (listed.id.as_deref()?, listed.labels.as_ref()?);
    let used = swarm::used(docker, id).await?;
    let networks = listed.network_settings.iter().filter_map(|settings| settings.networks.as_ref());
    Some(ContainerUse {
        service: labels.get(SERVICE)?.clone(),
        task: short(labels.get(TASK)?).to_owned(),
        processor: u64::try_from(used.processor.as_nanos()).ok()?,
        memory: used.memory,
        threads: threads.get(id).cloned().unwrap_or_default(),
        addresses: networks.flat_map(HashMap::values).filter_map(|on| on.ip_address.as_ref()?.parse().ok()).collect(),
    })
}

/// A task's name as `docker service ps` prints it: without its identifier.
fn short(task: &str) -> &str {
    task.rsplit_once('.').map_or(task, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_named_as_service_ps_does() {
        assert_eq!(short("shop_web.3.x1y2z3"), "shop_web.3");
        assert_eq!(short("odd"), "odd");
    }

    #[test]
    fn who_does_not_have_the_token_learns_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asker = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut link = Link::of_coordinator(stream, &Token::random()).unwrap();
            link.receiving.patience(Duration::from_secs(5)).unwrap();
            link.sending.send(&Question { services: Vec::new() }).unwrap();
            link.receiving.receive::<NodeUse>().is_err()
        });
        let stream = TcpStream::connect(address).unwrap();
        let mut link = Link::of_agent(stream, &Token::random()).unwrap();
        assert!(link.receiving.receive::<Question>().is_err(), "the question is not signed with this token");
        drop(link);
        assert!(asker.join().unwrap(), "there is no answer");
    }

    #[test]
    fn a_stranger_takes_no_node_s_place() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, token) = (listener.local_addr().unwrap(), Token::random());
        // One has another token, and one does not even greet. Both come first.
        let other = TcpStream::connect(address).unwrap();
        let stranger = std::thread::spawn(move || Link::of_agent(other, &Token::random()));
        let _silent = TcpStream::connect(address).unwrap();
        let own = token.clone();
        let node = std::thread::spawn(move || {
            let mut link = Link::of_agent(TcpStream::connect(address).unwrap(), &own).unwrap();
            link.receiving.receive::<Question>().unwrap();
            let answer = NodeUse { node: "n2".into(), processors: 1, busy: None, containers: Vec::new() };
            link.sending.send(&answer).unwrap();
            link
        });
        let links = gather(&listener, 1, &token, &AtomicBool::new(false)).unwrap();
        let names: Vec<&str> = links.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["n2"]);
        let _ended = (stranger.join().unwrap(), node.join().unwrap());
    }
}
