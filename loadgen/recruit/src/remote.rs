//! This program as a task on an application's own network: what it measures from there is what the application's clients see.
//!
//! It is placed on the manager that it was sent through, with that engine's socket, so that it can scale services, and so
//! that whoever sent it can follow and stop it through the same engine. No port has to be open for that. Whatever becomes of
//! the sender, a process of its own takes the task away; the task then ends as after ^C, and puts back what it has scaled.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use swarm::bollard::container::LogOutput;
use swarm::bollard::models::{
    ContainerCreateBody, EndpointSettings, EndpointSpec, EndpointSpecModeEnum, HostConfig, NetworkingConfig,
    SecretSpec, ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated, TaskSpec, TaskSpecContainerSpec,
    TaskSpecLogDriver, TaskSpecPlacement,
};
use swarm::bollard::query_parameters::{
    CreateContainerOptionsBuilder, KillContainerOptionsBuilder, LogsOptionsBuilder,
};
use swarm::{Engine, State, Swarm, patient};
use tokio_util::sync::CancellationToken;

use crate::address::own_address;
use crate::carry::carry;
use crate::janitor::{Waiting, sweep_up, sweep_up_engine};
use crate::spec::{attached, labels, of_node, once};
use crate::{Error, new_run};

/// Where an engine listens, on its own machine.
pub const SOCKET: &str = "/var/run/docker.sock";

/// How long the task may take to start.
const START: Duration = Duration::from_secs(60);

/// How long it may take to end when it is told to: it waits until what it had scaled is as before.
pub(crate) const END: Duration = Duration::from_secs(120);

/// How the names of locks begin.
pub(crate) const LOCK: &str = "loadgen-sweeps-";

/// Between two looks at the task.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is sent.
#[derive(Debug, Clone)]
pub struct Errand {
    /// The program's arguments.
    pub arguments: Vec<String>,
    /// Its environment, as `NAME=value`.
    pub environment: Vec<String>,
    /// An image of loadgen; none to carry this very program there.
    pub image: Option<String>,
    /// What it changes, as the name of a stack, or of a service that is in none: two errands that change the same are not there at once.
    pub changes: String,
}

/// An errand under way.
pub struct Remote {
    engine: Engine,
    container: String,
    _janitor: Waiting,
}

/// What an errand said: a line of its standard output or error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Standard output.
    Out(String),
    /// Standard error.
    Err(String),
}

/// Whether this process runs on one of these networks of the Swarm, as a task or a container on it.
///
/// # Errors
/// When the manager does not answer.
pub async fn is_inside(swarm: &Swarm, networks: &[String]) -> Result<bool, Error> {
    for id in networks {
        if own_address(swarm, id).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Remote {
    /// Sends this program as a task of a Swarm, on these networks, by their identifiers.
    ///
    /// # Errors
    /// Somebody else changes the same, the manager runs no tasks, or refuses.
    pub async fn on_swarm(swarm: &Swarm, errand: &Errand, networks: &[String]) -> Result<Self, Error> {
        sweep_up(swarm).await?;
        let image = errand.image(swarm.engine()).await?;
        let run = new_run();
        let janitor = Waiting::start(swarm.engine().host(), &run)?;
        lock(swarm, &run, &errand.changes).await?;
        let made =
            swarm.engine().docker().create_service(service(errand, &run, image, swarm.node_id(), networks), None);
        made.await.map_err(|error| swarm::Error::api("make the task that measures", &error))?;
        let container = started(swarm, &run).await?;
        Ok(Self { engine: swarm.engine().clone(), container, _janitor: janitor })
    }

    /// Sends this program as a container of an engine, on this network of it.
    ///
    /// # Errors
    /// Somebody else changes the same, or the engine refuses.
    pub async fn on_engine(engine: &Engine, errand: &Errand, network: &str) -> Result<Self, Error> {
        sweep_up_engine(engine.docker()).await?;
        let image = errand.image(engine).await?;
        let run = new_run();
        let janitor = Waiting::start(engine.host(), &run)?;
        // The name is what two errands with the same purpose cannot both have.
        let name = lock_name(&errand.changes);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let made = engine.docker().create_container(Some(options), container(errand, &run, image, network)).await;
        let id = made.map_err(|error| taken(&errand.changes, "make the container that measures", &error))?.id;
        let begun = engine.docker().start_container(&id, None).await;
        begun.map_err(|error| swarm::Error::api("start the container that measures", &error))?;
        Ok(Self { engine: engine.clone(), container: id, _janitor: janitor })
    }

    /// Hands over what it says until it ends, and returns its exit code. When `stop` is cancelled it is told to end, as by ^C.
    ///
    /// # Errors
    /// The engine does not say.
    pub async fn follow(&self, stop: &CancellationToken, mut tell: impl FnMut(Said)) -> Result<i64, Error> {
        let docker = self.engine.docker();
        let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true).build();
        let mut logs = std::pin::pin!(docker.logs(&self.container, Some(options)));
        let (mut out, mut err) = (Lines::default(), Lines::default());
        let mut told = false;
        loop {
            let piece = tokio::select! {
                () = stop.cancelled(), if !told => {
                    told = true;
                    let options = KillContainerOptionsBuilder::default().signal("SIGINT").build();
                    // One that has ended by itself meanwhile cannot be told, and need not be.
                    let _ = docker.kill_container(&self.container, Some(options)).await;
                    continue;
                }
                piece = logs.next() => piece,
            };
            match piece {
                None => break,
                Some(Ok(LogOutput::StdErr { message })) => err.push(&message, |line| tell(Said::Err(line))),
                Some(Ok(LogOutput::StdOut { message } | LogOutput::Console { message })) => {
                    out.push(&message, |line| tell(Said::Out(line)));
                }
                Some(Ok(LogOutput::StdIn { .. })) => {}
                Some(Err(error)) => return Err(swarm::Error::api("tell what the task says", &error).into()),
            }
        }
        let state = docker.inspect_container(&self.container, None).await;
        let state = state.map_err(|error| swarm::Error::api("say how the task ended", &error))?.state;
        Ok(state.and_then(|state| state.exit_code).unwrap_or(1))
    }
}

impl Errand {
    async fn image(&self, engine: &Engine) -> Result<String, Error> {
        match &self.image {
            Some(image) => Ok(image.clone()),
            None => carry(engine).await,
        }
    }
}

/// A name that only one run can have at a time, for what is changed.
fn lock_name(changes: &str) -> String {
    format!("{LOCK}{changes}")
}

/// Makes a secret that says who changes what. Names of secrets are unique in a Swarm, so a second run is refused.
async fn lock(swarm: &Swarm, run: &str, changes: &str) -> Result<(), Error> {
    let secret = SecretSpec {
        name: Some(lock_name(changes)),
        labels: Some(labels(run)),
        data: Some(STANDARD.encode(run)),
        ..SecretSpec::default()
    };
    let made = swarm.engine().docker().create_secret(secret).await;
    made.map(drop).map_err(|error| taken(changes, "make a secret", &error))
}

/// Tells that somebody else is at it from other errors.
fn taken(changes: &str, what: &str, error: &swarm::bollard::errors::Error) -> Error {
    match error {
        swarm::bollard::errors::Error::DockerResponseServerError { status_code: 409, .. } => {
            Error::Taken { changes: changes.to_owned() }
        }
        error => swarm::Error::api(what, error).into(),
    }
}

/// A name in the network that another task cannot take for an application's service.
fn service(errand: &Errand, run: &str, image: String, node: &str, networks: &[String]) -> ServiceSpec {
    let container = TaskSpecContainerSpec {
        image: Some(image),
        args: Some(errand.arguments.clone()),
        env: Some(errand.environment.clone()),
        labels: Some(labels(run)),
        // The report names where it was measured.
        hostname: Some("{{.Node.Hostname}}".to_owned()),
        // The engine's socket is root's.
        user: Some("0:0".to_owned()),
        mounts: Some(of_node()),
        init: Some(true),
        stop_grace_period: i64::try_from(END.as_nanos()).ok(),
        ..TaskSpecContainerSpec::default()
    };
    let task = TaskSpec {
        container_spec: Some(container),
        restart_policy: Some(once()),
        placement: Some(TaskSpecPlacement {
            constraints: Some(vec![format!("node.id=={node}")]),
            ..TaskSpecPlacement::default()
        }),
        networks: Some(attached(networks.to_vec())),
        // One whose lines can be read back, whatever the engine's own default is.
        log_driver: Some(TaskSpecLogDriver { name: Some("json-file".to_owned()), options: None }),
        ..TaskSpec::default()
    };
    ServiceSpec {
        name: Some(run.to_owned()),
        labels: Some(labels(run)),
        task_template: Some(task),
        mode: Some(ServiceSpecMode {
            replicated: Some(ServiceSpecModeReplicated { replicas: Some(1) }),
            ..ServiceSpecMode::default()
        }),
        endpoint_spec: Some(EndpointSpec { mode: Some(EndpointSpecModeEnum::DNSRR), ports: None }),
        ..ServiceSpec::default()
    }
}

fn container(errand: &Errand, run: &str, image: String, network: &str) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(image),
        cmd: Some(errand.arguments.clone()),
        env: Some(errand.environment.clone()),
        labels: Some(labels(run)),
        user: Some("0:0".to_owned()),
        stop_timeout: i64::try_from(END.as_secs()).ok(),
        host_config: Some(HostConfig { mounts: Some(of_node()), init: Some(true), ..HostConfig::default() }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network.to_owned(), EndpointSettings::default())])),
        }),
        ..ContainerCreateBody::default()
    }
}

/// Waits until the task has a container, and returns its identifier.
async fn started(swarm: &Swarm, run: &str) -> Result<String, Error> {
    let (begun, bound) = (Instant::now(), patient(START));
    loop {
        let tasks = swarm.tasks(Some(run)).await?;
        if let Some(task) = tasks.first() {
            let reason = task.error.clone().unwrap_or_default();
            match (&task.container, task.state) {
                // It may have ended already: what it said is still there.
                (Some(container), State::Running | State::Complete | State::Failed | State::Shutdown) => {
                    return Ok(container.clone());
                }
                (_, state) if !state.alive() || reason.contains("no suitable node") => {
                    return Err(Error::Manager { reason });
                }
                _ => {}
            }
        }
        if begun.elapsed() > bound {
            let state = tasks.first().map_or("not made".to_owned(), |task| task.state.to_string());
            return Err(Error::Manager { reason: format!("after {} s its task is {state}", bound.as_secs()) });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Bytes that come in pieces, handed on as whole lines.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn push(&mut self, piece: &[u8], mut tell: impl FnMut(String)) {
        self.0.extend_from_slice(piece);
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            tell(String::from_utf8_lossy(&line[..end]).trim_end_matches('\r').to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_come() {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        for piece in ["a", "b\nc", "\r\n", "\nrest"] {
            lines.push(piece.as_bytes(), |line| seen.push(line));
        }
        assert_eq!(seen, ["ab", "c", ""]);
    }

    fn errand() -> Errand {
        Errand {
            arguments: vec!["sweep".into()],
            environment: vec!["A=b".into()],
            image: None,
            changes: "shop_web".into(),
        }
    }

    #[test]
    fn the_task_is_on_this_manager_and_on_the_application_s_networks_and_runs_once() {
        let spec = service(&errand(), "loadgen-1", "image:1".into(), "node-1", &["n1".to_owned(), "n2".to_owned()]);
        let spec = serde_json::to_value(spec).unwrap();
        let task = &spec["TaskTemplate"];
        assert_eq!(task["Placement"]["Constraints"], serde_json::json!(["node.id==node-1"]));
        assert_eq!(task["Networks"][1]["Target"], "n2");
        assert_eq!(task["RestartPolicy"]["Condition"], "none");
        assert_eq!(task["ContainerSpec"]["Mounts"][0]["Source"], SOCKET);
        assert_eq!(spec["Labels"][crate::LABEL], "loadgen-1");
    }

    #[test]
    fn somebody_else_s_run_is_told_from_another_error() {
        let answer = |status_code| swarm::bollard::errors::Error::DockerResponseServerError {
            status_code,
            message: "name conflicts with an existing object".into(),
        };
        assert!(taken("shop_web", "make a secret", &answer(409)).to_string().contains("another sweep scales shop_web"));
        assert!(taken("shop_web", "make a secret", &answer(500)).to_string().contains("could not make a secret"));
    }
}
