//! The containers of a compose project, and their number.
//!
//! More replicas are made as compose makes them: containers like the first, with the next number and the same labels, so that
//! compose counts them as its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, EndpointSettings, HealthStatusEnum, HostConfig, NetworkInspect,
    NetworkingConfig,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures_util::future::try_join_all;

use crate::{Engine, Error};

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const NUMBER: &str = "com.docker.compose.container-number";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// The label of those that were made here: one of them that has ended is nobody's, and is removed.
const MADE: &str = "swarmlab.made";

/// Pause between two looks at containers that are starting.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A compose project on an engine.
#[derive(Debug, Clone)]
pub struct Project {
    engine: Engine,
    name: String,
}

/// One container of a service.
#[derive(Debug, Clone)]
pub struct Container {
    number: u32,
    inspected: ContainerInspectResponse,
}

impl Project {
    /// The project of that name; whether it is there shows in what it has.
    pub fn new(engine: Engine, name: &str) -> Self {
        Self { engine, name: name.to_owned() }
    }

    /// The engine on which it runs.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Its services, by name; those with a running container.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn services(&self) -> Result<BTreeSet<String>, Error> {
        let listed = self.list(&[format!("{PROJECT}={}", self.name), format!("{ONE_OFF}=False")], false).await?;
        Ok(listed.into_iter().filter_map(|container| container.labels?.get(SERVICE).cloned()).collect())
    }

    /// The running containers of a service, by number.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn containers(&self, service: &str) -> Result<Vec<Container>, Error> {
        self.inspected(service, false).await
    }

    /// The containers of a service, by number: those that run, or all.
    async fn inspected(&self, service: &str, all: bool) -> Result<Vec<Container>, Error> {
        let labels = [format!("{PROJECT}={}", self.name), format!("{SERVICE}={service}"), format!("{ONE_OFF}=False")];
        let docker = self.engine.docker();
        let failed = |error| Error::api(format!("inspect the containers of {service}"), &error);
        let inspected = self.list(&labels, all).await?.into_iter().filter_map(|container| {
            let number = container.labels?.get(NUMBER)?.parse().ok()?;
            Some((number, container.id?))
        });
        let inspected = inspected.map(|(number, id)| async move {
            let inspected = docker.inspect_container(&id, None).await.map_err(failed)?;
            Ok::<_, Error>(Container { number, inspected })
        });
        let mut containers = try_join_all(inspected).await?;
        containers.sort_by_key(|container| container.number);
        Ok(containers)
    }

    async fn list(&self, labels: &[String], all: bool) -> Result<Vec<bollard::models::ContainerSummary>, Error> {
        let filters = HashMap::from([("label".to_owned(), labels.to_vec())]);
        let options = ListContainersOptionsBuilder::default().all(all).filters(&filters).build();
        let listed = self.engine.docker().list_containers(Some(options)).await;
        listed.map_err(|error| Error::api(format!("list the containers of {}", self.name), &error))
    }

    /// Whether this process reaches a network of the engine: as its machine does, or as a container that is on it. Addresses say
    /// nothing, as engines everywhere take them from the same ranges, and somebody else may answer at one.
    ///
    /// # Errors
    /// The engine does not answer, or has no such network.
    pub async fn is_here(&self, network: &str) -> Result<bool, Error> {
        let found = self.engine.docker().inspect_network(network, None).await;
        let found = found.map_err(|error| Error::api(format!("inspect network {network}"), &error))?;
        Ok(reaches(&found, Path::new("/sys/class/net")))
    }

    /// Asks for so many containers of a service; they may still be starting then.
    ///
    /// # Errors
    /// There is none to make others like it, or the engine refuses.
    pub async fn scale(&self, service: &str, count: u32) -> Result<(), Error> {
        let (containers, ended): (Vec<_>, Vec<_>) =
            self.inspected(service, true).await?.into_iter().partition(Container::runs);
        let Some(first) = containers.first() else {
            let there: Vec<String> = self.services().await?.into_iter().collect();
            return Err(Error::Compose(format!(
                "no container of {service} runs in the compose project {}, to make others like it\n  there are: {}",
                self.name,
                there.join(", ")
            )));
        };
        if count == 0 {
            return Err(Error::Compose(format!(
                "{service} cannot be scaled to none: others are made like the first one"
            )));
        }
        let (made, others): (Vec<_>, Vec<_>) = ended.iter().partition(|container| container.made());
        try_join_all(made.into_iter().map(|container| self.remove(container))).await?;
        let taken: Vec<u32> = containers.iter().chain(others).map(|container| container.number).collect();
        let missing = (count as usize).saturating_sub(containers.len());
        let free = (1..).filter(|number| !taken.contains(number)).take(missing);
        try_join_all(free.map(|number| self.add(service, first, number))).await?;
        try_join_all(containers.iter().skip(count as usize).map(|container| self.remove(container))).await?;
        Ok(())
    }

    /// Waits until a service has so many running and healthy containers, and no other, and returns them.
    ///
    /// # Errors
    /// When the bound is passed: the error says what was last seen.
    pub async fn converge(&self, service: &str, count: u32, bound: Duration) -> Result<Vec<Container>, Error> {
        let begun = Instant::now();
        loop {
            let mut containers = self.inspected(service, true).await?;
            containers.retain(|container| container.runs() || container.made());
            let trouble: Vec<String> = containers.iter().filter_map(|container| container.state().err()).collect();
            if containers.len() == count as usize && trouble.is_empty() {
                return Ok(containers);
            }
            if begun.elapsed() > bound {
                let last = format!("{} of {count} containers; {}", containers.len(), trouble.join("; "));
                return Err(Error::NotConverged { name: service.to_owned(), bound, last });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Makes one more container, like the first.
    async fn add(&self, service: &str, like: &Container, number: u32) -> Result<(), Error> {
        let name = format!("{}-{service}-{number}", self.name);
        let docker = self.engine.docker();
        let failed = |error| Error::api(format!("start {name}"), &error);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        docker.create_container(Some(options), another(service, like, number)).await.map_err(failed)?;
        docker.start_container(&name, None).await.map_err(failed)
    }

    async fn remove(&self, container: &Container) -> Result<(), Error> {
        let failed = |error| Error::api(format!("remove {}", container.name()), &error);
        let docker = self.engine.docker();
        if container.runs() {
            // Told to stop first, so that it finishes what it does.
            docker.stop_container(container.id(), None).await.map_err(failed)?;
        }
        let options = RemoveContainerOptionsBuilder::default().v(true).force(true).build();
        docker.remove_container(container.id(), Some(options)).await.map_err(failed)
    }
}

impl Container {
    /// Its identifier.
    pub fn id(&self) -> &str {
        self.inspected.id.as_deref().unwrap_or_default()
    }

    /// Its name, as `docker ps` prints it.
    pub fn name(&self) -> String {
        self.inspected.name.as_deref().unwrap_or_default().trim_start_matches('/').to_owned()
    }

    fn runs(&self) -> bool {
        self.inspected.state.as_ref().and_then(|state| state.running).unwrap_or(false)
    }

    fn made(&self) -> bool {
        let labels = self.inspected.config.as_ref().and_then(|config| config.labels.as_ref());
        labels.is_some_and(|labels| labels.contains_key(MADE))
    }

    /// Runs, and is healthy where it has a health check; otherwise what it is.
    ///
    /// # Errors
    /// A sentence with the exit code or the health check's last words.
    pub fn state(&self) -> Result<(), String> {
        let state = self.inspected.state.clone().unwrap_or_default();
        if !self.runs() {
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

    /// The networks that it is on, with its address on each.
    pub fn addresses(&self) -> BTreeMap<String, IpAddr> {
        let settings = self.inspected.network_settings.as_ref();
        let networks = settings.and_then(|settings| settings.networks.clone()).unwrap_or_default();
        networks.into_iter().filter_map(|(name, network)| Some((name, network.ip_address?.parse().ok()?))).collect()
    }

    /// The variables that it was started with.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let pairs = self.inspected.config.as_ref().and_then(|config| config.env.clone()).unwrap_or_default();
        let pairs = pairs.iter().filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Processors that it may use, where they are limited.
    pub fn cpu_limit(&self) -> Option<f64> {
        let nano = self.inspected.host_config.as_ref()?.nano_cpus.filter(|nano| *nano > 0)?;
        Some(nano as f64 / 1e9)
    }

    /// What it writes to beside its own file system: volumes, and folders of the machine.
    pub fn writes_to(&self) -> Vec<String> {
        let mounts = self.inspected.mounts.clone().unwrap_or_default().into_iter();
        let written = mounts.filter(|mount| mount.rw.unwrap_or(false));
        written.filter_map(|mount| mount.name.or(mount.source)).collect()
    }
}

/// Whether a machine with these interfaces is the one of the network's bridge, or a container on the network.
fn reaches(network: &NetworkInspect, interfaces: &Path) -> bool {
    let named = network.options.as_ref().and_then(|options| options.get("com.docker.network.bridge.name")).cloned();
    let bridge = named.or_else(|| Some(format!("br-{}", network.id.as_ref()?.get(..12)?)));
    let endpoints = network.containers.iter().flatten().filter_map(|(_, endpoint)| endpoint.mac_address.as_deref());
    let endpoints: BTreeSet<&str> = endpoints.filter(|address| !address.is_empty()).collect();
    let own = std::fs::read_dir(interfaces).into_iter().flatten().flatten();
    bridge.is_some_and(|bridge| interfaces.join(bridge).exists())
        || own
            .filter_map(|interface| std::fs::read_to_string(interface.path().join("address")).ok())
            .any(|address| endpoints.contains(address.trim()))
}

/// A container like another one, with another number and no published ports: those are taken by the first.
fn another(service: &str, like: &Container, number: u32) -> ContainerCreateBody {
    let config = like.inspected.config.clone().unwrap_or_default();
    let mut labels = config.labels.unwrap_or_default();
    labels.insert(NUMBER.to_owned(), number.to_string());
    labels.insert(MADE.to_owned(), String::new());
    let networks = like.inspected.network_settings.clone().and_then(|settings| settings.networks).unwrap_or_default();
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
        host_config: like.inspected.host_config.clone().map(|host| HostConfig { port_bindings: None, ..host }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(networks.into_keys().map(|name| (name, endpoint.clone())).collect()),
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn container(state: serde_json::Value) -> Container {
        let inspected = serde_json::from_value(json!({
            "Id": "c1", "Name": "/shop-web-1", "State": state,
            "Config": {"Image": "web", "Env": ["A=b"], "Labels": {NUMBER: "1", "own": "x"}},
            "HostConfig": {"NanoCpus": 500_000_000, "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
            "Mounts": [{"Name": "data", "Source": "/var/lib/x", "RW": true}, {"Source": "/etc/hosts", "RW": false}],
            "NetworkSettings": {"Networks": {"shop_default": {"IPAddress": "172.20.0.3"}}},
        }));
        Container { number: 1, inspected: inspected.expect("an answer of the engine") }
    }

    #[test]
    fn another_container_is_counted_by_compose_and_publishes_nothing() {
        let made = another("web", &container(json!({})), 4);
        let labels = made.labels.expect("labels");
        assert_eq!((labels[NUMBER].as_str(), labels["own"].as_str()), ("4", "x"));
        assert!(made.host_config.expect("settings").port_bindings.is_none());
        let networks = made.networking_config.and_then(|networks| networks.endpoints_config).expect("networks");
        assert_eq!(networks["shop_default"].aliases, Some(vec!["web".to_owned()]));
    }

    /// A machine that is on none of the engine's networks once took somebody else's refusal for the container's.
    #[test]
    fn a_network_is_reached_from_its_own_machine_and_its_own_containers() {
        let folder = tempfile::tempdir().expect("a folder");
        let interface = |name: &str, address: &str| {
            std::fs::create_dir(folder.path().join(name)).expect("made");
            std::fs::write(folder.path().join(name).join("address"), format!("{address}\n")).expect("written");
        };
        let network = |options: serde_json::Value| -> NetworkInspect {
            let containers = json!({"c1": {"MacAddress": "02:42:ac:12:00:02"}, "c2": {"MacAddress": ""}});
            let network = json!({"Id": "0123456789abcdef", "Options": options, "Containers": containers});
            serde_json::from_value(network).expect("an answer of the engine")
        };
        let here = |options| reaches(&network(options), folder.path());
        interface("lo", "00:00:00:00:00:00");
        interface("br-fedcba987654", "02:42:ac:12:00:01");
        interface("none", "");
        assert!(!here(json!({})));
        assert!(here(json!({"com.docker.network.bridge.name": "lo"})));
        interface("br-0123456789ab", "02:42:ac:12:00:01");
        assert!(here(json!({})));
        std::fs::remove_dir_all(folder.path().join("br-0123456789ab")).expect("removed");
        interface("eth0", "02:42:ac:12:00:02");
        assert!(here(json!({})));
    }

    #[test]
    fn what_a_container_is_and_has_is_read() {
        let healthy = container(json!({"Running": true, "Health": {"Status": "healthy"}}));
        assert_eq!(healthy.state(), Ok(()));
        assert_eq!(healthy.addresses()["shop_default"].to_string(), "172.20.0.3");
        assert_eq!((healthy.cpu_limit(), healthy.writes_to()), (Some(0.5), vec!["data".to_owned()]));
        let sick = json!({"Running": true, "Health": {"Status": "unhealthy", "Log": [{"Output": "refused\n"}]}});
        assert_eq!(container(sick).state(), Err("shop-web-1 is unhealthy refused".to_owned()));
        let dead = container(json!({"Running": false, "ExitCode": 137}));
        assert_eq!(dead.state(), Err("shop-web-1 does not run, exit code 137".to_owned()));
    }
}
