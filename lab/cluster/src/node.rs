//! One node: a container with its own engine.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use swarm::bollard::body_full;
use swarm::bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigCgroupnsModeEnum, Mount,
    MountType, NetworkConnectRequest, NetworkingConfig, PortBinding, PortMap, VolumeCreateRequest,
};
use swarm::bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use swarm::{Engine, patient};
use tokio::time::Instant;

use crate::build::archive;
use crate::{Name, Outer, Subnet, label};

/// Where the sockets of the nodes' engines are on this machine, in a folder for each cluster.
pub const NODE_SOCKETS: &str = "/run/swarmlab";

/// Where each node has the repository.
pub const REPOSITORY: &str = "/root/swarmlab";

/// How long a node's engine may take to start, and to stop.
const ENGINE_WITHIN: Duration = Duration::from_secs(30);

/// The script that is a node's first process, and the one that starts and stops its engine. They are put into each
/// node when it is made, so that any image with an engine in it can be a node.
const SCRIPTS: [(&str, u32, &[u8]); 3] = [
    ("usr/local/lib/swarmlab/node-init", 0o755, include_bytes!("../image/node-init")),
    ("usr/local/lib/swarmlab/engine", 0o755, include_bytes!("../image/engine")),
    ("etc/init.d/docker", 0o755, include_bytes!("../image/engine")),
];

/// What a node is in the Swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Decides.
    Manager,
    /// Runs tasks.
    Worker,
}

impl Role {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Role::Manager => "manager",
            Role::Worker => "worker",
        }
    }
}

/// What a node is made from.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub cluster: Name,
    pub name: String,
    pub role: Role,
    pub image: String,
    pub public: (String, Ipv4Addr),
    pub private: (String, Ipv4Addr),
    pub private_subnet: Subnet,
    /// Port on this machine (0 for any free one) and port of the node.
    pub publish: Vec<(u16, u16)>,
    pub bind: String,
    /// What is mounted: here, there, and whether it may be written.
    pub mounts: Vec<(PathBuf, String, bool)>,
    pub dockerd: Vec<String>,
}

/// The engine of a node, through the socket that it shares with this machine.
///
/// # Errors
/// When the node does not run, or the command runs on another machine than the engine outside.
pub async fn node_engine(cluster: &str, node: &str) -> Result<Engine> {
    let host = format!("unix://{NODE_SOCKETS}/{cluster}/{node}.sock");
    Ok(Engine::connect(Some(&host)).await?)
}

/// The engine of the first manager that answers: `head`, unless it is broken and there are others.
///
/// # Errors
/// When there is no such cluster, or no manager answers: the error is that of `head`.
pub async fn manager_engine(outer: &Outer, cluster: &str) -> Result<Engine> {
    let nodes = outer.existing(cluster).await?;
    // A frozen node takes connections and never answers, so it is not asked.
    for node in nodes.iter().filter(|node| node.node.starts_with("head") && node.state == "running") {
        if let Ok(engine) = node_engine(cluster, &node.node).await {
            return Ok(engine);
        }
    }
    match nodes.first().filter(|head| head.state != "running") {
        Some(head) => bail!("{} does not run: it is {}\n  `lab cluster start {}`", head.node, head.state, head.node),
        None => node_engine(cluster, "head").await,
    }
}

/// The cluster and the node whose socket an address is, as in `unix:///run/swarmlab/CLUSTER/NODE.sock`.
pub fn node_of(host: &str) -> Option<(Name, &str)> {
    let inside = host.strip_prefix("unix://")?.strip_prefix(NODE_SOCKETS)?.strip_prefix('/')?;
    let (cluster, socket) = inside.split_once('/')?;
    Some((cluster.parse().ok()?, socket.strip_suffix(".sock")?))
}

impl Spec {
    /// The container's name, which is also that of its volume.
    pub fn container(&self) -> String {
        format!("{}-{}", self.cluster, self.name)
    }

    /// Makes and starts the node; with all privileges first, and with a set of capabilities where that is refused.
    pub async fn run(&self, outer: &Outer, confined: &AtomicBool) -> Result<()> {
        let docker = outer.docker();
        let labels = label::of(&self.cluster, &[(label::NODE, &self.name), (label::ROLE, self.role.word())]);
        let volume =
            VolumeCreateRequest { name: Some(self.container()), labels: Some(labels.clone()), ..Default::default() };
        docker.create_volume(volume).await.with_context(|| format!("cannot make a volume for {}", self.name))?;
        if !confined.load(Ordering::Relaxed) {
            match self.start(outer, labels.clone(), true).await {
                Err(error) if refused(&error) => confined.store(true, Ordering::Relaxed),
                done => return done,
            }
            let remove = RemoveContainerOptionsBuilder::default().force(true).build();
            docker.remove_container(&self.container(), Some(remove)).await.context("cannot try again")?;
        }
        self.start(outer, labels, false).await
    }

    async fn start(&self, outer: &Outer, labels: HashMap<String, String>, privileged: bool) -> Result<()> {
        let docker = outer.docker();
        let name = self.container();
        let what = |verb: &'static str| move || format!("cannot {verb} the container of a node");
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        docker.create_container(Some(options), self.body(labels, privileged)).await.with_context(what("create"))?;
        let upload = UploadToContainerOptionsBuilder::default().path("/").build();
        docker
            .upload_to_container(&name, Some(upload), body_full(archive(&SCRIPTS)?.into()))
            .await
            .with_context(what("fill"))?;
        let (network, address) = &self.private;
        let request =
            NetworkConnectRequest { container: name.clone(), endpoint_config: Some(endpoint(*address, &self.name)) };
        docker.connect_network(network, request).await.with_context(what("connect"))?;
        docker.start_container(&name, None).await.with_context(what("start"))
    }

    fn body(&self, labels: HashMap<String, String>, privileged: bool) -> ContainerCreateBody {
        let mut ports = PortMap::new();
        for (host, node) in &self.publish {
            let binding = PortBinding { host_ip: Some(self.bind.clone()), host_port: Some(host.to_string()) };
            ports.entry(format!("{node}/tcp")).or_default().get_or_insert_default().push(binding);
        }
        let mut binds = vec![
            format!("{}:/var/lib/docker", self.container()),
            format!("{NODE_SOCKETS}/{}:{NODE_SOCKETS}", self.cluster),
        ];
        if Path::new("/lib/modules").is_dir() {
            // The engine inside loads the kernel's modules for overlay networks on first use.
            binds.push("/lib/modules:/lib/modules:ro".to_owned());
        }
        // No binds, which are split at colons: a folder of this machine may have one in its name.
        let mounts = self.mounts.iter().map(|(here, there, write)| Mount {
            typ: Some(MountType::BIND),
            source: Some(here.display().to_string()),
            target: Some(there.clone()),
            read_only: Some(!write),
            ..Default::default()
        });
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let mut host = HostConfig {
            binds: Some(binds),
            mounts: Some(mounts.collect()),
            cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
            init: Some(true),
            network_mode: Some(self.public.0.clone()),
            port_bindings: Some(ports.clone()),
            tmpfs: Some(HashMap::from([
                ("/run".to_owned(), "exec".to_owned()),
                ("/tmp".to_owned(), "exec".to_owned()),
            ])),
            ..Default::default()
        };
        if privileged {
            host.privileged = Some(true);
        } else {
            // Everything but the one capability that a machine may lack itself: what it lacks it cannot give.
            host.cap_add = words(&["ALL"]);
            host.cap_drop = words(&["SYS_RESOURCE"]);
            host.security_opt = words(&["seccomp=unconfined", "apparmor=unconfined"]);
            host.masked_paths = Some(Vec::new());
            host.readonly_paths = Some(Vec::new());
            host.device_cgroup_rules = words(&["a *:* rwm"]);
        }
        let (network, address) = &self.public;
        ContainerCreateBody {
            hostname: Some(self.name.clone()),
            image: Some(self.image.clone()),
            entrypoint: words(&["/usr/local/lib/swarmlab/node-init"]),
            cmd: Some(Vec::new()),
            env: Some(vec![
                format!("SWARMLAB_PRIVATE={}", self.private_subnet),
                format!("SWARMLAB_SOCKET={NODE_SOCKETS}/{}.sock", self.name),
                format!("SWARMLAB_GROUP={}", socket_group()),
                format!("SWARMLAB_DOCKERD={}", self.options().join(" ")),
                format!("SWARMLAB_WITHIN={}", patient(ENGINE_WITHIN).as_secs()),
            ]),
            exposed_ports: Some(ports.into_keys().collect()),
            labels: Some(labels),
            stop_signal: Some("SIGTERM".to_owned()),
            stop_timeout: Some(30),
            host_config: Some(host),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some(HashMap::from([(network.clone(), endpoint(*address, &self.name))])),
            }),
            ..Default::default()
        }
    }

    /// Options of the node's engine. Each node sees all of this machine's processors, so its engine has a label by which
    /// one knows them for the same: which boot of a kernel it runs on.
    fn options(&self) -> Vec<String> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let label = boot.map(|boot| format!("--label {}={}", swarm::MACHINE, boot.trim()));
        label.into_iter().chain(self.dockerd.iter().cloned()).collect()
    }

    /// Waits until the node's engine answers.
    pub async fn ready(&self, outer: &Outer, bound: Duration) -> Result<Engine> {
        let start = Instant::now();
        loop {
            let last = match node_engine(&self.cluster, &self.name).await {
                Ok(engine) => return Ok(engine),
                Err(error) => error,
            };
            let state = outer.docker().inspect_container(&self.container(), None).await?.state.unwrap_or_default();
            if !state.running.unwrap_or(false) {
                bail!("node {} ended with {} before its engine answered", self.name, state.exit_code.unwrap_or(-1));
            }
            if start.elapsed() > bound {
                bail!("the engine of {} did not answer in {} s: {last}", self.name, bound.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn endpoint(address: Ipv4Addr, alias: &str) -> EndpointSettings {
    EndpointSettings {
        ipam_config: Some(EndpointIpamConfig { ipv4_address: Some(address.to_string()), ..Default::default() }),
        aliases: Some(vec![alias.to_owned()]),
        ..Default::default()
    }
}

/// Whether the engine refused to give all privileges, which it says when the container starts.
fn refused(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}").to_lowercase();
    ["operation not permitted", "capabilit", "privileged mode is", "permission denied"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// Who may use the nodes' sockets: the group that may use this machine's engine.
fn socket_group() -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/var/run/docker.sock").map_or(0, |metadata| metadata.gid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        let address = Ipv4Addr::LOCALHOST;
        Spec {
            cluster: Name::default(),
            name: "head".to_owned(),
            role: Role::Manager,
            image: "node".to_owned(),
            public: ("public".to_owned(), address),
            private: ("private".to_owned(), address),
            private_subnet: Subnet::new(address, 24),
            publish: Vec::new(),
            bind: "127.0.0.1".to_owned(),
            mounts: Vec::new(),
            dockerd: Vec::new(),
        }
    }

    fn host(spec: &Spec) -> HostConfig {
        spec.body(HashMap::new(), true).host_config.unwrap()
    }

    #[test]
    fn a_folder_with_a_colon_is_mounted_whole() {
        let mounts = vec![(PathBuf::from("/home/ada/lab:2"), "/root/swarmlab".to_owned(), false)];
        let host = host(&Spec { mounts, ..spec() });
        let mount = &host.mounts.unwrap()[0];
        assert_eq!(mount.source.as_deref(), Some("/home/ada/lab:2"));
        assert_eq!((mount.target.as_deref(), mount.read_only), (Some("/root/swarmlab"), Some(true)));
        assert!(!host.binds.unwrap().iter().any(|bind| bind.contains("/root/swarmlab")));
    }

    #[test]
    fn a_port_of_a_node_may_be_two_here() {
        let host = host(&Spec { publish: vec![(8000, 80), (9000, 80), (0, 81)], ..spec() });
        let ports = host.port_bindings.unwrap();
        let here = |port: &str| -> Vec<String> {
            ports[port].iter().flatten().filter_map(|binding| binding.host_port.clone()).collect()
        };
        assert_eq!(
            (here("80/tcp"), here("81/tcp")),
            (vec!["8000".to_owned(), "9000".to_owned()], vec!["0".to_owned()])
        );
    }

    #[test]
    fn a_shell_on_a_node_finds_the_node_s_own_programs_first() {
        let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/image/profile.sh");
        let script = format!("PATH=/usr/bin:/bin; . '{profile}'; printf %s \"$PATH\"");
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "/usr/bin:/bin:/opt/swarmlab/bin", "{output:?}");
    }

    #[test]
    fn a_node_is_known_by_its_socket() {
        let (cluster, node) = node_of("unix:///run/swarmlab/team-7/worker-1.sock").unwrap();
        assert_eq!((&*cluster, node), ("team-7", "worker-1"));
        for other in [
            "unix:///var/run/docker.sock",
            "unix:///run/swarmlab/x.sock",
            "tcp://127.0.0.1:2375",
            "unix:///run/swarmlab/../x/y.sock",
        ] {
            assert_eq!(node_of(other), None, "{other}");
        }
    }
}
