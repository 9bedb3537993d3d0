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
use std::time::Duration;

use swarm::bollard::Docker;
use swarm::bollard::query_parameters::{ListSecretsOptionsBuilder, ListServicesOptionsBuilder};
use swarm::{Engine, Swarm};

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

/// Removes services with this label, then secrets: a secret that a service uses cannot be removed.
async fn remove(docker: &Docker, label: &str) -> Result<(), Error> {
    let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
    let mut last = None;
    for _ in 0..TRIES {
        match remove_once(docker, &filters).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(PAUSE).await;
    }
    last.map_or(Ok(()), |error| Err(swarm::Error::api(format!("remove what is labelled {label}"), &error).into()))
}

/// Tries to remove everything; how much there was.
async fn remove_once(
    docker: &Docker,
    filters: &HashMap<String, Vec<String>>,
) -> Result<usize, swarm::bollard::errors::Error> {
    let services = ListServicesOptionsBuilder::default().filters(filters).build();
    let services = docker.list_services(Some(services)).await?;
    let secrets = ListSecretsOptionsBuilder::default().filters(filters).build();
    let secrets = docker.list_secrets(Some(secrets)).await?;
    let there = services.len() + secrets.len();
    for id in services.into_iter().filter_map(|service| service.id) {
        docker.delete_service(&id).await?;
    }
    for id in secrets.into_iter().filter_map(|secret| secret.id) {
        docker.delete_secret(&id).await?;
    }
    Ok(there)
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
