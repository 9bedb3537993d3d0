//! Services, networks and stacks as wholes: whether they are there.

use anyhow::Result;
use async_trait::async_trait;
use swarm::Mode;

use crate::check::{Finding, Look, Scene, Verb};

use super::counted;

/// `no_service`
pub const NO_SERVICE: Verb = Verb {
    form: "no_service NAME",
    about: "There is no such service.",
    example: "no_service worker",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(NoService(args.text("NAME")?))),
};

#[derive(Debug)]
struct NoService(String);

#[async_trait]
impl Look for NoService {
    fn what(&self) -> String {
        format!("service {} is gone", self.0)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let services = scene.place.swarm().await?.services().await?;
        Ok(match services.iter().find(|service| service.name == self.0).map(|service| &service.mode) {
            None => Finding::yes("it is gone"),
            Some(Mode::Replicated(0)) => {
                Finding::no(format!("{0} is still there, with 0 replicas: `docker service rm {0}` removes it", self.0))
            }
            Some(_) => Finding::no(format!("{0} is still there: `docker service rm {0}`", self.0)),
        })
    }
}

/// `overlay`
pub const OVERLAY: Verb = Verb {
    form: "overlay NETWORK",
    about: "There is an overlay network that containers can be attached to.",
    example: "overlay dockercoins",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Overlay(args.text("NETWORK")?))),
};

#[derive(Debug)]
struct Overlay(String);

#[async_trait]
impl Look for Overlay {
    fn what(&self) -> String {
        format!("{} is an attachable overlay", self.0)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let name = &self.0;
        let create = format!("`docker network create --driver overlay --attachable {name}`");
        let Some(network) = scene.place.swarm().await?.network(name).await? else {
            return Ok(Finding::no(format!("there is no network {name}: {create}")));
        };
        let driver = network.driver.unwrap_or_default();
        Ok(if driver != "overlay" {
            Finding::no(format!("{name} is a {driver} network, which ends at its node: remove it, then {create}"))
        } else if network.attachable != Some(true) {
            Finding::no(format!("{name} takes no containers of `docker run`: remove it, then {create}"))
        } else {
            Finding::yes(format!("{name} is an overlay over all nodes"))
        })
    }
}

/// `no_network`
pub const NO_NETWORK: Verb = Verb {
    form: "no_network NETWORK",
    about: "There is no such network.",
    example: "no_network dockercoins",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(NoNetwork(args.text("NETWORK")?))),
};

#[derive(Debug)]
struct NoNetwork(String);

#[async_trait]
impl Look for NoNetwork {
    fn what(&self) -> String {
        format!("network {} is gone", self.0)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let there = scene.place.swarm().await?.network(&self.0).await?.is_some();
        Ok(Finding::when(
            !there,
            "it is gone",
            format!("{0} is still there: `docker network rm {0}`, once the last task has left it", self.0),
        ))
    }
}

/// `stack`
pub const STACK: Verb = Verb {
    form: "stack NAME N",
    about: "A stack has so many services; 0: there is none. The stand-in for the routing mesh, `NAME_mesh`, is not counted.",
    example: "stack dockercoins 5",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Stack { name: args.text("NAME")?, wanted: args.whole("N")? })),
};

#[derive(Debug)]
struct Stack {
    name: String,
    wanted: usize,
}

#[async_trait]
impl Look for Stack {
    fn what(&self) -> String {
        format!("stack {} has {}", self.name, counted(self.wanted, "service"))
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, wanted) = (&self.name, self.wanted);
        let services = scene.place.swarm().await?.services().await?;
        let standin = format!("{name}_mesh");
        let ours = services.iter().filter(|service| service.stack.as_deref() == Some(name));
        let (standins, ours): (Vec<_>, Vec<_>) = ours.partition(|service| service.name == standin);
        let holds = ours.len() == wanted && (wanted > 0 || standins.is_empty());
        Ok(Finding::when(
            holds,
            counted(ours.len(), "service"),
            format!(
                "stack {name} has {}, not {wanted}: `docker stack ls`, `docker stack services {name}`",
                counted(ours.len() + if wanted == 0 { standins.len() } else { 0 }, "service")
            ),
        ))
    }
}
