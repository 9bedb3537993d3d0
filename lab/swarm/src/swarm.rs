//! A Swarm seen from one of its managers.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{NetworkInspect, NodeSpecAvailabilityEnum, ObjectVersion};
use bollard::query_parameters::{
    InspectServiceOptions, ListServicesOptionsBuilder, ListTasksOptionsBuilder, UpdateServiceOptionsBuilder,
};

use crate::engine::look;
use crate::error::{message, status};
use crate::{Engine, Error, Mode, Node, Service, Task};

/// How often a change is tried again when another client changed the same service in between.
const TRIES: usize = 5;

/// A Swarm, through the engine of one manager.
#[derive(Debug, Clone)]
pub struct Swarm {
    engine: Engine,
    node_id: String,
}

impl Swarm {
    pub(crate) fn new(engine: Engine, node_id: String) -> Swarm {
        Swarm { engine, node_id }
    }

    /// The manager's engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The identifier of the node that the manager's engine is.
    pub fn node_id(&self) -> &str {
        &self.node_id
    }

    /// All nodes, by name.
    ///
    /// # Errors
    /// When the manager does not answer.
    pub async fn nodes(&self) -> Result<Vec<Node>, Error> {
        let nodes = look("list nodes", self.engine.docker().list_nodes(None)).await?;
        let mut nodes: Vec<Node> = nodes.into_iter().map(Node::from).collect();
        nodes.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(nodes)
    }

    /// All services, by name.
    ///
    /// # Errors
    /// When the manager does not answer.
    pub async fn services(&self) -> Result<Vec<Service>, Error> {
        let options = ListServicesOptionsBuilder::default().build();
        let services = look("list services", self.engine.docker().list_services(Some(options))).await?;
        let mut services: Vec<Service> = services.iter().map(Service::from).collect();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(services)
    }

    /// One service by name or identifier.
    ///
    /// # Errors
    /// When there is none: the error lists those that there are.
    pub async fn service(&self, name: &str) -> Result<Service, Error> {
        Ok(Service::from(&self.raw_service(name).await?))
    }

    /// The tasks of one service, or of all, past ones that Swarm still remembers among them.
    ///
    /// # Errors
    /// When there is no such service.
    pub async fn tasks(&self, service: Option<&str>) -> Result<Vec<Task>, Error> {
        let mut options = ListTasksOptionsBuilder::default();
        if let Some(name) = service {
            // The filter matches by prefix, so the name is looked up first.
            let id = self.service(name).await?.id;
            options = options.filters(&HashMap::from([("service".to_owned(), vec![id])]));
        }
        let tasks = look("list tasks", self.engine.docker().list_tasks(Some(options.build()))).await?;
        let mut tasks: Vec<Task> = tasks.into_iter().map(Task::from).collect();
        tasks.sort_by(|a, b| (&a.service_id, a.slot, &a.since).cmp(&(&b.service_id, b.slot, &b.since)));
        Ok(tasks)
    }

    /// Asks for so many replicas, and returns how many there were.
    ///
    /// # Errors
    /// When there is no such service, or it is not a replicated one.
    pub async fn scale(&self, name: &str, replicas: u32) -> Result<u32, Error> {
        let mut before = 0;
        self.change(name, |spec| {
            let mode = spec.mode.get_or_insert_default();
            let replicated = mode.replicated.get_or_insert_default();
            before = replicated.replicas.and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
            replicated.replicas = Some(i64::from(replicas));
        })
        .await?;
        Ok(before)
    }

    /// How many replicas each of these services has: what `restore` puts back.
    ///
    /// # Errors
    /// When one of them does not exist or is not replicated.
    pub async fn save(&self, names: &[String]) -> Result<BTreeMap<String, u32>, Error> {
        let mut saved = BTreeMap::new();
        for name in names {
            match self.service(name).await?.mode {
                Mode::Replicated(replicas) => saved.insert(name.clone(), replicas),
                mode => {
                    return Err(Error::NotReplicated { name: name.clone(), mode: mode.to_string() });
                }
            };
        }
        Ok(saved)
    }

    /// Puts the numbers of replicas back. All are tried; the first failure is returned.
    ///
    /// # Errors
    /// When a service has gone in the meantime.
    pub async fn restore(&self, saved: &BTreeMap<String, u32>) -> Result<(), Error> {
        let mut first = Ok(());
        for (name, replicas) in saved {
            if let Err(error) = self.scale(name, *replicas).await {
                first = first.and(Err(error));
            }
        }
        first
    }

    /// Sets a node's availability: `active`, `pause` or `drain`.
    ///
    /// # Errors
    /// When there is no such node.
    pub async fn availability(&self, name: &str, availability: NodeSpecAvailabilityEnum) -> Result<(), Error> {
        let nodes = self.nodes().await?;
        let Some(node) = nodes.iter().find(|node| node.name == name || node.id == name) else {
            let known = nodes.into_iter().map(|node| node.name).collect();
            return Err(Error::NoNode { name: name.to_owned(), known });
        };
        let docker = self.engine.docker();
        let raw = look(format!("inspect node {name}"), docker.inspect_node(&node.id)).await?;
        let mut spec = raw.spec.unwrap_or_default();
        spec.availability = Some(availability);
        let options =
            bollard::query_parameters::UpdateNodeOptionsBuilder::default().version(index(raw.version)).build();
        docker
            .update_node(&node.id, spec, options)
            .await
            .map_err(|error| Error::api(format!("update node {name}"), &error))
    }

    /// A network by name, or none where there is none of that name.
    ///
    /// # Errors
    /// When the manager does not answer: that says nothing of the network.
    pub async fn network(&self, name: &str) -> Result<Option<NetworkInspect>, Error> {
        let inspected = found(self.engine.docker().inspect_network(name, None));
        let network = look(format!("inspect network {name}"), inspected).await?;
        // The engine takes the beginning of an identifier for a name, too.
        Ok(network.filter(|network| network.name.as_deref() == Some(name)))
    }

    /// Applies a change to a replicated service's specification, again when somebody else changed it in between.
    async fn change(&self, name: &str, mut edit: impl FnMut(&mut bollard::models::ServiceSpec)) -> Result<(), Error> {
        for _ in 1..TRIES {
            let raw = self.raw_service(name).await?;
            let service = Service::from(&raw);
            if !matches!(service.mode, Mode::Replicated(_)) {
                let mode = service.mode.to_string();
                return Err(Error::NotReplicated { name: service.name, mode });
            }
            let mut spec = raw.spec.unwrap_or_default();
            edit(&mut spec);
            let options = UpdateServiceOptionsBuilder::default().version(index(raw.version)).build();
            match self.engine.docker().update_service(&service.id, spec, options, None).await {
                Ok(_) => return Ok(()),
                Err(error) if message(&error).contains("out of sequence") => {}
                Err(error) => return Err(Error::api(format!("change {name}"), &error)),
            }
        }
        Err(Error::Api {
            what: format!("change {name}"),
            cause: format!("somebody else changed it in between, {TRIES} times in a row"),
        })
    }

    async fn raw_service(&self, name: &str) -> Result<bollard::models::Service, Error> {
        let docker = self.engine.docker();
        let inspected = found(docker.inspect_service(name, None::<InspectServiceOptions>));
        match look(format!("inspect {name}"), inspected).await? {
            Some(service) => Ok(service),
            None => {
                let known = self.services().await?.into_iter().map(|service| service.name).collect();
                Err(Error::NoService { name: name.to_owned(), known })
            }
        }
    }
}

/// An answer that is none where the engine says that there is no such thing. Any other error stays one.
async fn found<T>(
    answer: impl Future<Output = Result<T, bollard::errors::Error>>,
) -> Result<Option<T>, bollard::errors::Error> {
    match answer.await {
        Ok(found) => Ok(Some(found)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The version that an update names; the engine refuses an update that names an older one.
fn index<T: TryFrom<u64> + Default>(version: Option<ObjectVersion>) -> T {
    version.and_then(|version| version.index).and_then(|n| T::try_from(n).ok()).unwrap_or_default()
}
