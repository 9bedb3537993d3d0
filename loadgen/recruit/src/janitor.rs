//! What takes the agents away: a process of its own, which waits for the coordinator's end and then removes all that has
//! the run's label.
//!
//! The coordinator holds the other end of its standard input. That end closes however the coordinator goes: by itself, by
//! ^C, or by SIGKILL. Only a machine that dies with both leaves something behind: agents that have ended by themselves, which
//! the next run with agents removes ([`sweep_up`]).

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use swarm::bollard::models::{ContainerSummary, Secret};
use swarm::bollard::query_parameters::{
    ListContainersOptionsBuilder, ListSecretsOptionsBuilder, ListServicesOptionsBuilder,
};
use swarm::bollard::{self, Docker};
use swarm::{Engine, Swarm};

use crate::remote::{END, LOCK};
use crate::{Error, LABEL};

/// How often what cannot be removed is tried again.
const TRIES: usize = 20;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// A janitor that waits for this process's end, or for that of this value.
#[derive(Debug)]
pub struct Waiting(Child);

impl Waiting {
    /// Starts one for a run.
    pub(crate) fn start(host: &str, run: &str) -> std::io::Result<Waiting> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["janitor", "--host", host, "--run", run]);
        // ^C goes to the terminal's group, and is not meant for it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
        Ok(Waiting(command.spawn()?))
    }
}

impl Drop for Waiting {
    /// Lets it do its work, and waits until that is done.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It says on standard error what it could not do.
        let _ = self.0.wait();
    }
}

/// Waits until standard input ends, then removes all that was made for a run.
///
/// # Errors
/// When the manager does not answer, or something cannot be removed.
pub fn wait(host: &str, run: &str) -> Result<(), Error> {
    let mut nothing = [0; 64];
    while std::io::stdin().read(&mut nothing).is_ok_and(|count| count > 0) {}
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let engine = Engine::connect(Some(host)).await?;
        remove(engine.docker(), &format!("{LABEL}={run}")).await
    })
}

/// Removes services with this label, then secrets, as a secret that a service uses cannot be removed, and containers.
async fn remove(docker: &Docker, label: &str) -> Result<(), Error> {
    let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
    let (mut last, mut tries, begun) = (None, 0, Instant::now());
    while tries < TRIES {
        match remove_once(docker, &filters).await {
            Ok(Left::Nothing) => return Ok(()),
            // It has so long before it is killed, and then a moment.
            Ok(Left::PuttingBack) if begun.elapsed() < END => {}
            Ok(_) => tries += 1,
            Err(error) => {
                tries += 1;
                last = Some(error);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    last.map_or(Ok(()), |error| Err(swarm::Error::api(format!("remove what is labelled {label}"), &error).into()))
}

/// What there was to remove.
#[derive(Debug, PartialEq)]
enum Left {
    Nothing,
    /// A lock, whose task still puts back what it has changed.
    PuttingBack,
    Something,
}

/// Tries to remove everything. A lock stays while a task of its run is on this engine.
async fn remove_once(docker: &Docker, filters: &Filters) -> Result<Left, bollard::errors::Error> {
    let services = ListServicesOptionsBuilder::default().filters(filters).build();
    let services = where_managed(docker.list_services(Some(services)).await)?;
    let secrets = ListSecretsOptionsBuilder::default().filters(filters).build();
    let secrets = where_managed(docker.list_secrets(Some(secrets)).await)?;
    let containers = own_containers(docker, filters).await?;
    let running = ListContainersOptionsBuilder::default().filters(filters).build();
    let runs = !docker.list_containers(Some(running)).await?.is_empty();
    let is_lock = |secret: &Secret| {
        secret.spec.as_ref().and_then(|spec| spec.name.as_ref()).is_some_and(|name| name.starts_with(LOCK))
    };
    let (kept, secrets): (Vec<_>, Vec<_>) = secrets.into_iter().partition(|secret| runs && is_lock(secret));
    let left = match services.len() + secrets.len() + containers.len() {
        0 if kept.is_empty() => Left::Nothing,
        0 => Left::PuttingBack,
        _ => Left::Something,
    };
    for id in services.into_iter().filter_map(|service| service.id) {
        docker.delete_service(&id).await?;
    }
    for id in secrets.into_iter().filter_map(|secret| secret.id) {
        docker.delete_secret(&id).await?;
    }
    for id in containers.into_iter().filter_map(|container| container.id) {
        // Told to end first, so that it puts back what it has changed.
        docker.stop_container(&id, None).await?;
        docker.remove_container(&id, None).await?;
    }
    Ok(left)
}

/// The engine's filters by label.
type Filters = HashMap<String, Vec<String>>;

/// A list of the Swarm's things; empty where the engine manages none.
fn where_managed<T>(listed: Result<Vec<T>, bollard::errors::Error>) -> Result<Vec<T>, bollard::errors::Error> {
    match listed {
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 503, .. }) => Ok(Vec::new()),
        listed => listed,
    }
}

/// The containers with a label, running or not, but for those of services: they are Swarm's to remove.
async fn own_containers(docker: &Docker, filters: &Filters) -> Result<Vec<ContainerSummary>, bollard::errors::Error> {
    let options = ListContainersOptionsBuilder::default().all(true).filters(filters).build();
    let mut containers = docker.list_containers(Some(options)).await?;
    let of_service = |labels: &HashMap<String, String>| labels.contains_key("com.docker.swarm.task.id");
    containers.retain(|container| !container.labels.as_ref().is_some_and(of_service));
    Ok(containers)
}

/// Removes the containers that runs have left on an engine whose sender died together with its janitor, and that have ended.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn sweep_up_engine(docker: &Docker) -> Result<(), Error> {
    let ended = vec!["exited".to_owned(), "dead".to_owned()];
    let filters = HashMap::from([("label".to_owned(), vec![LABEL.to_owned()]), ("status".to_owned(), ended)]);
    let api = |error| swarm::Error::api("remove what a run has left", &error);
    for id in own_containers(docker, &filters).await.map_err(api)?.into_iter().filter_map(|container| container.id) {
        docker.remove_container(&id, None).await.map_err(api)?;
    }
    Ok(())
}

/// Removes what runs have left whose coordinator died together with its janitor: services of agents that have all ended.
///
/// # Errors
/// When the manager does not answer.
pub async fn sweep_up(swarm: &Swarm) -> Result<Vec<String>, Error> {
    let docker = swarm.engine().docker();
    let filters = HashMap::from([("label".to_owned(), vec![LABEL.to_owned()])]);
    let options = ListServicesOptionsBuilder::default().filters(&filters).build();
    let services = docker.list_services(Some(options)).await;
    let services = services.map_err(|error| swarm::Error::api("list services", &error))?;
    let mut left = Vec::new();
    for service in services {
        let Some(spec) = service.spec else { continue };
        let run = spec.labels.and_then(|labels| labels.get(LABEL).cloned()).unwrap_or_default();
        let tasks = swarm.tasks(spec.name.as_deref()).await?;
        // One without a task is about to get some.
        if !tasks.is_empty() && tasks.iter().all(|task| !task.state.alive()) {
            remove(docker, &format!("{LABEL}={run}")).await?;
            left.push(run);
        }
    }
    Ok(left)
}
