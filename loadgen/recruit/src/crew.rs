//! The agents of one run.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agents::{Fleet, Token};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use swarm::bollard::models::SecretSpec;
use swarm::{Engine, Swarm, patient};
use tokio::runtime::Runtime;

use crate::janitor::{Waiting, sweep_up};
use crate::spec::{Agents, Program, labels};
use crate::{Count, Error, Wanted, image, new_run, reachable};

/// How long agents may take from their service's making until they have come: a node may have to pull their image.
const COME: Duration = Duration::from_secs(60);

/// Between two looks at the tasks.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Makes the service of agents, and waits until all of them have come. They are taken away when the second value goes, which
/// should outlive the first: agents that are told to quit end as they should. `tell` gets a line for each thing worth saying.
///
/// # Errors
/// When the Swarm refuses, a task cannot start, or agents do not come. What was made is taken away then.
pub fn hire(
    wanted: &Wanted,
    host: Option<&str>,
    coordinator: Option<IpAddr>,
    stop: &AtomicBool,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<(Fleet, Waiting), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let swarm = runtime.block_on(async { Engine::connect(host).await?.swarm().await })?;
    for run in runtime.block_on(sweep_up(&swarm))? {
        tell(&format!("removed what run {run} had left"));
    }
    let token = Token::random();
    let own = match coordinator {
        Some(own) => own,
        None => runtime.block_on(reachable(&swarm, &wanted.networks))?,
    };
    let listener =
        TcpListener::bind(SocketAddr::new(own, 0)).map_err(|cause| Error::Address { address: own, cause })?;
    let address = listener.local_addr()?;
    let run = new_run();
    let janitor = Waiting::start(swarm.engine().host(), &run)?;
    let tasks = runtime.block_on(deploy(&swarm, wanted, &run, &token, address, Program::Agent))?;
    tell(&format!("{tasks} agents are to come to {address}"));
    let fleet = gather(&runtime, &swarm, &run, &listener, tasks, &token, stop)?;
    Ok((fleet, janitor))
}

/// Makes the secret and the service. Returns how many tasks it has.
pub(crate) async fn deploy(
    swarm: &Swarm,
    wanted: &Wanted,
    run: &str,
    token: &Token,
    coordinator: SocketAddr,
    program: Program,
) -> Result<usize, Error> {
    let image = match &wanted.image {
        Some(image) => image.clone(),
        None => image::of_manager(swarm).await?,
    };
    let networks = networks(swarm, &wanted.networks).await?;
    let mut constraints = wanted.constraints.clone();
    constraints.extend(away(swarm, &wanted.away_from).await?);
    let docker = swarm.engine().docker();
    let secret = SecretSpec {
        name: Some(run.to_owned()),
        labels: Some(labels(run)),
        data: Some(STANDARD.encode(token.text())),
        ..SecretSpec::default()
    };
    let secret = docker.create_secret(secret).await.map_err(|error| swarm::Error::api("make a secret", &error))?.id;
    let agents = Agents { run, count: wanted.count, program, image, networks, constraints, secret, coordinator };
    let made = docker.create_service(agents.spec(), None).await;
    made.map_err(|error| swarm::Error::api("make the service of agents", &error))?;
    match wanted.count {
        Count::Some(number) => Ok(number as usize),
        Count::Global => placed(swarm, run).await,
    }
}

/// How many tasks a global service has, as soon as Swarm has made them.
async fn placed(swarm: &Swarm, run: &str) -> Result<usize, Error> {
    let (begun, mut before) = (Instant::now(), 0);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = swarm.tasks(Some(run)).await?.len();
        if now > 0 && now == before {
            return Ok(now);
        }
        if begun.elapsed() > patient(COME) {
            return Err(Error::Task { node: "no node".to_owned(), reason: "no suitable node".to_owned() });
        }
        before = now;
    }
}

/// The identifiers of networks that tasks can join, by name or identifier.
async fn networks(swarm: &Swarm, wanted: &[String]) -> Result<Vec<String>, Error> {
    let docker = swarm.engine().docker();
    let all = docker.list_networks(None).await.map_err(|error| swarm::Error::api("list networks", &error))?;
    let overlays: Vec<(String, String)> = all
        .into_iter()
        .filter(|network| network.scope.as_deref() == Some("swarm") && network.ingress != Some(true))
        .filter_map(|network| Some((network.id?, network.name?)))
        .collect();
    let known = || match overlays.as_slice() {
        [] => "the swarm has no overlay network of its own".to_owned(),
        overlays => {
            let names: Vec<&str> = overlays.iter().map(|(_, name)| name.as_str()).collect();
            format!("there are {}", names.join(", "))
        }
    };
    let find = |name: &String| {
        let found = overlays.iter().find(|(id, own)| id == name || own == name);
        found.map(|(id, _)| id.clone()).ok_or_else(|| Error::Network { name: name.clone(), known: known() })
    };
    wanted.iter().map(find).collect()
}

/// Constraints that keep agents from the nodes where these services run now.
async fn away(swarm: &Swarm, services: &[String]) -> Result<Vec<String>, Error> {
    let mut nodes = BTreeSet::new();
    for service in services {
        let tasks = swarm.tasks(Some(service)).await?;
        nodes.extend(tasks.into_iter().filter(|task| task.desired.alive()).filter_map(|task| task.node_id));
    }
    Ok(away_from_nodes(nodes))
}

/// Constraints that keep tasks from nodes, by their identifiers.
pub(crate) fn away_from_nodes(nodes: impl IntoIterator<Item = String>) -> Vec<String> {
    nodes.into_iter().map(|id| format!("node.id!={id}")).collect()
}

/// Waits for the agents, and looks at their tasks meanwhile: one that cannot start never comes.
fn gather(
    runtime: &Runtime,
    swarm: &Swarm,
    run: &str,
    listener: &TcpListener,
    wanted: usize,
    token: &Token,
    stop: &AtomicBool,
) -> Result<Fleet, Error> {
    let (over, ended, came) = (AtomicBool::new(false), AtomicBool::new(false), Mutex::new(0));
    let trouble = Mutex::new(None);
    let within = patient(COME);
    let gathered = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let found = runtime.block_on(async {
                    tokio::time::sleep(LOOK_EVERY).await;
                    failing(swarm, run).await
                });
                if let Err(error) = found {
                    *trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
                    ended.store(true, Ordering::Relaxed);
                    return;
                }
                if stop.load(Ordering::Relaxed) {
                    ended.store(true, Ordering::Relaxed);
                }
            }
        });
        let mut tell = |number| *came.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = number;
        let gathered = Fleet::gather(listener, wanted, token, within, &ended, &mut tell);
        over.store(true, Ordering::Relaxed);
        gathered
    });
    let trouble = trouble.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    match (gathered, trouble) {
        (Ok(fleet), _) => Ok(fleet),
        (Err(_), Some(error)) => Err(error),
        (Err(agents::Error::Few { came, wanted, within }), None) => {
            Err(Error::Silent { came, wanted, seconds: within.as_secs(), address: listener.local_addr()? })
        }
        (Err(error), None) => Err(error.into()),
    }
}

/// The name in an error of a task that was placed nowhere.
pub(crate) const NO_NODE: &str = "no node";

/// Fails where a task has failed, or can be placed nowhere.
pub(crate) async fn failing(swarm: &Swarm, run: &str) -> Result<(), Error> {
    for task in swarm.tasks(Some(run)).await? {
        let reason = match (&task.error, task.state.alive()) {
            (Some(reason), false) => reason.clone(),
            (Some(reason), true) if reason.contains("no suitable node") => reason.clone(),
            (None, false) => format!("its task is {}", task.message),
            _ => continue,
        };
        let nodes = swarm.nodes().await?;
        let node = nodes.into_iter().find(|node| Some(&node.id) == task.node_id.as_ref());
        return Err(Error::Task { node: node.map_or_else(|| NO_NODE.to_owned(), |node| node.name), reason });
    }
    Ok(())
}
