//! A registry inside the Swarm, which answers as `127.0.0.1:5000` on every node.
//!
//! Engines trust a registry on a loopback address without TLS, and each node has one: with the routing mesh by itself,
//! and without IPVS by a task on each node that passes connections on.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{
    EndpointPortConfig, EndpointPortConfigProtocolEnum, EndpointPortConfigPublishModeEnum, EndpointSpec,
    EndpointSpecModeEnum, Mount, MountType, NetworkAttachmentConfig, NetworkCreateRequest, ServiceSpec,
    ServiceSpecMode, ServiceSpecModeReplicated, TaskSpec, TaskSpecContainerSpec, TaskSpecPlacement,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::{Converged, Error, Swarm, patient};

/// Name of the registry's service, network and volume.
pub const REGISTRY: &str = "registry";
/// Name of the service that passes connections on where there is no IPVS.
pub const MESH: &str = "registry-mesh";
/// Port on every node.
pub const PORT: u16 = 5000;

/// How long one node may take to answer one question.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What the registry is made from.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Image of the registry.
    pub image: String,
    /// Image of the program that passes connections on, where the kernel has no IPVS.
    pub mesh: Option<String>,
}

/// Makes the registry, and waits until it answers on every node. One that is there already is left as it is.
///
/// # Errors
/// When a task does not run, or a node does not answer, within the bound.
pub async fn up(swarm: &Swarm, plan: &Plan, bound: Duration) -> Result<Vec<Converged>, Error> {
    let names: Vec<String> = swarm.services().await?.into_iter().map(|service| service.name).collect();
    let there = |name: &str| names.iter().any(|other| other == name);
    if plan.mesh.is_some() {
        network(swarm).await?;
    }
    if !there(REGISTRY) {
        create(swarm, registry(plan)).await?;
    }
    let mut converged = vec![swarm.converge(REGISTRY, bound).await?];
    if let Some(image) = &plan.mesh {
        if !there(MESH) {
            create(swarm, mesh(image)).await?;
        }
        converged.push(swarm.converge(MESH, bound).await?);
    }
    let start = Instant::now();
    for node in swarm.nodes().await?.into_iter().filter(|node| node.ready && node.availability == "active") {
        while !answers(&node.address).await {
            if start.elapsed() > bound {
                let last = format!("{}:{PORT} on {} does not answer", node.address, node.name);
                return Err(Error::NotConverged { name: REGISTRY.to_owned(), bound, last });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(converged)
}

/// Removes the registry's services and network, and waits until they are gone. Its volume, with the images, stays on its
/// node. Tasks on nodes that do not answer are not waited for.
///
/// # Errors
/// When the manager does not answer, or something is still there after the bound.
pub async fn down(swarm: &Swarm, bound: Duration) -> Result<Vec<String>, Error> {
    let docker = swarm.engine().docker();
    let start = Instant::now();
    let (mut removed, mut ids) = (Vec::new(), Vec::new());
    for service in swarm.services().await?.into_iter().filter(|s| s.name == REGISTRY || s.name == MESH) {
        let name = service.name;
        docker.delete_service(&name).await.map_err(|error| Error::api(format!("remove {name}"), &error))?;
        removed.push(name);
        ids.push(service.id);
    }
    loop {
        let ready: Vec<String> = swarm.nodes().await?.into_iter().filter(|n| n.ready).map(|n| n.id).collect();
        let tasks = swarm.tasks(None).await?.into_iter().filter(|task| ids.contains(&task.service_id));
        let left = tasks.filter(|task| task.node_id.as_ref().is_some_and(|id| ready.contains(id))).count();
        // The network goes when the last task has left it, and the engine knows it a moment longer.
        let refused = docker.remove_network(REGISTRY).await.err().map(|error| crate::error::message(&error));
        let gone = swarm.network(REGISTRY).await?.is_none();
        // A network of that name that others use is theirs.
        if left == 0 && (gone || removed.is_empty()) {
            return Ok(removed);
        }
        if start.elapsed() > bound {
            let last = format!("{left} tasks are left; its network: {}", refused.unwrap_or_else(|| "gone".to_owned()));
            return Err(Error::NotConverged { name: REGISTRY.to_owned(), bound, last });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether a registry answers on a node.
pub async fn answers(address: &str) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect((address, PORT)).await?;
        stream.write_all(b"GET /v2/ HTTP/1.0\r\nHost: registry\r\n\r\n").await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        std::io::Result::Ok(head.ends_with(b" 200"))
    };
    matches!(timeout(patient(ANSWER_WITHIN), ask).await, Ok(Ok(true)))
}

async fn create(swarm: &Swarm, spec: ServiceSpec) -> Result<(), Error> {
    let name = spec.name.clone().unwrap_or_default();
    let created = swarm.engine().docker().create_service(spec, None).await;
    created.map(drop).map_err(|error| Error::api(format!("create service {name}"), &error))
}

async fn network(swarm: &Swarm) -> Result<(), Error> {
    let docker = swarm.engine().docker();
    if swarm.network(REGISTRY).await?.is_some() {
        return Ok(());
    }
    let request = NetworkCreateRequest {
        name: REGISTRY.to_owned(),
        driver: Some("overlay".to_owned()),
        attachable: Some(true),
        ..Default::default()
    };
    let created = docker.create_network(request).await;
    created.map(drop).map_err(|error| Error::api("create network registry", &error))
}

fn registry(plan: &Plan) -> ServiceSpec {
    let with_mesh = plan.mesh.is_some();
    ServiceSpec {
        name: Some(REGISTRY.to_owned()),
        mode: Some(ServiceSpecMode {
            replicated: Some(ServiceSpecModeReplicated { replicas: Some(1) }),
            ..Default::default()
        }),
        task_template: Some(TaskSpec {
            container_spec: Some(TaskSpecContainerSpec {
                image: Some(plan.image.clone()),
                mounts: Some(vec![Mount {
                    target: Some("/var/lib/registry".to_owned()),
                    source: Some(REGISTRY.to_owned()),
                    typ: Some(MountType::VOLUME),
                    ..Default::default()
                }]),
                ..Default::default()
            }),
            // The images are in a volume, and a volume is on one node.
            placement: Some(TaskSpecPlacement {
                constraints: Some(vec!["node.role == manager".to_owned()]),
                ..Default::default()
            }),
            networks: with_mesh.then(attached),
            ..Default::default()
        }),
        endpoint_spec: Some(if with_mesh {
            EndpointSpec { mode: Some(EndpointSpecModeEnum::DNSRR), ports: None }
        } else {
            published(EndpointPortConfigPublishModeEnum::INGRESS)
        }),
        ..Default::default()
    }
}

fn mesh(image: &str) -> ServiceSpec {
    ServiceSpec {
        name: Some(MESH.to_owned()),
        mode: Some(ServiceSpecMode { global: Some(HashMap::new()), ..Default::default() }),
        task_template: Some(TaskSpec {
            container_spec: Some(TaskSpecContainerSpec {
                image: Some(image.to_owned()),
                args: Some(vec![format!("{PORT}={REGISTRY}:{PORT}")]),
                ..Default::default()
            }),
            networks: Some(attached()),
            ..Default::default()
        }),
        endpoint_spec: Some(EndpointSpec {
            mode: Some(EndpointSpecModeEnum::DNSRR),
            ..published(EndpointPortConfigPublishModeEnum::HOST)
        }),
        ..Default::default()
    }
}

fn attached() -> Vec<NetworkAttachmentConfig> {
    vec![NetworkAttachmentConfig { target: Some(REGISTRY.to_owned()), ..Default::default() }]
}

fn published(mode: EndpointPortConfigPublishModeEnum) -> EndpointSpec {
    EndpointSpec {
        mode: None,
        ports: Some(vec![EndpointPortConfig {
            protocol: Some(EndpointPortConfigProtocolEnum::TCP),
            target_port: Some(i64::from(PORT)),
            published_port: Some(i64::from(PORT)),
            publish_mode: Some(mode),
            ..Default::default()
        }]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_ipvs_nothing_relies_on_a_virtual_ip_or_the_mesh() {
        let plan = Plan { image: "registry:2".to_owned(), mesh: Some("mesh".to_owned()) };
        let registry = registry(&plan).endpoint_spec.unwrap();
        assert_eq!((registry.mode, registry.ports), (Some(EndpointSpecModeEnum::DNSRR), None));
        let mesh = mesh("mesh").endpoint_spec.unwrap();
        let mode = mesh.ports.unwrap()[0].publish_mode;
        assert_eq!(
            (mesh.mode, mode),
            (Some(EndpointSpecModeEnum::DNSRR), Some(EndpointPortConfigPublishModeEnum::HOST))
        );
    }

    #[test]
    fn with_ipvs_the_registry_publishes_by_itself() {
        let plan = Plan { image: "registry:2".to_owned(), mesh: None };
        let port = registry(&plan).endpoint_spec.unwrap().ports.unwrap().remove(0);
        assert_eq!(
            (port.published_port, port.publish_mode),
            (Some(5000), Some(EndpointPortConfigPublishModeEnum::INGRESS))
        );
    }
}
