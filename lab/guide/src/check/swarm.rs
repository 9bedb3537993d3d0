//! Nodes, services and networks of the Swarm.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use swarm::{Mode, Node, Phase, Swarm, Task};

use super::{Assertion, Finding};
use crate::place::Place;

/// What looks at the Swarm as a whole.
pub async fn look(place: &Place, assertion: &Assertion) -> Result<Finding> {
    let swarm = place.swarm().await?;
    match assertion {
        Assertion::PrivateAddresses => private_addresses(place, &swarm).await,
        Assertion::NodesReady(n) => nodes_ready(&swarm, *n).await,
        Assertion::Managers(n) => managers(&swarm, *n).await,
        Assertion::Running(name, n) => running(&swarm, name, *n).await,
        Assertion::Global(name) => global(&swarm, name).await,
        Assertion::NoService(name) => no_service(&swarm, name).await,
        Assertion::Spread(name) => spread(&swarm, name).await,
        Assertion::Mounted(volume, name) => mounted(&swarm, volume, name).await,
        Assertion::Overlay(name) => overlay(&swarm, name).await,
        Assertion::NoNetwork(name) => no_network(&swarm, name).await,
        Assertion::Replaced(name) => replaced(&swarm, name).await,
        Assertion::TasksTable(name) => tasks_table(place, &swarm, name).await,
        Assertion::RunsImage(name, part) => runs_image(&swarm, name, part).await,
        Assertion::Updated(name, state) => updated(&swarm, name, state).await,
        Assertion::NodeState(name, state) => node_state(&swarm, name, state).await,
        Assertion::Availability(name, word) => availability(&swarm, name, word).await,
        Assertion::NoneOn(node, name) => on(&swarm, node, name, false).await,
        Assertion::SomeOn(node, name) => on(&swarm, node, name, true).await,
        Assertion::Stack(name, n) => stack(&swarm, name, *n).await,
        // The connection to the swarm says it all; the others look elsewhere.
        _ => Ok(Finding::yes("head is a manager of a swarm")),
    }
}

/// The port that managers listen on.
pub async fn port(place: &Place, port: u16) -> Result<Finding> {
    place.swarm().await?;
    let info = place.engine().await?.docker().info().await?;
    let managers = info.swarm.unwrap_or_default().remote_managers.unwrap_or_default();
    let addresses: Vec<String> = managers.into_iter().filter_map(|peer| peer.addr).collect();
    let right = addresses.iter().any(|address| address.ends_with(&format!(":{port}")));
    Ok(Finding::when(
        right,
        format!("workers reach the manager at {}", addresses.join(", ")),
        format!(
            "the manager is at {}: leave with `docker swarm leave --force`, then init again with port {port} in --advertise-addr and --listen-addr",
            addresses.join(", ")
        ),
    ))
}

async fn private_addresses(place: &Place, swarm: &Swarm) -> Result<Finding> {
    let nodes = place.nodes().await?;
    let members = swarm.nodes().await?;
    let wrong: Vec<String> = members
        .iter()
        .filter(|member| !nodes.iter().any(|node| node.private == member.address))
        .map(|member| format!("{} uses {}", member.name, member.address))
        .collect();
    Ok(Finding::when(
        wrong.is_empty(),
        "every node is in the swarm by its private address",
        format!(
            "{}, which is not its private address: give --advertise-addr when making or joining the swarm",
            wrong.join(", ")
        ),
    ))
}

async fn nodes_ready(swarm: &Swarm, wanted: usize) -> Result<Finding> {
    let members = swarm.nodes().await?;
    let ready = members.iter().filter(|node| node.ready).count();
    let seen: Vec<String> = members.iter().map(|node| format!("{} {}", node.name, node.state)).collect();
    Ok(Finding::when(
        ready == wanted,
        seen.join(", "),
        format!(
            "{ready} of {wanted} nodes are Ready ({}): `docker swarm join-token worker` prints what the others run",
            seen.join(", ")
        ),
    ))
}

async fn managers(swarm: &Swarm, wanted: usize) -> Result<Finding> {
    let members = swarm.nodes().await?;
    let names: Vec<&str> = members.iter().filter(|node| node.manager).map(|node| node.name.as_str()).collect();
    Ok(Finding::when(
        names.len() == wanted,
        format!("manager: {}", names.join(", ")),
        format!(
            "managers are {}: wanted are {wanted}. `docker node promote` and `docker node demote` change that",
            names.join(", ")
        ),
    ))
}

/// A service's tasks that run on nodes that answer.
async fn tasks(swarm: &Swarm, name: &str) -> Result<(Vec<Task>, Vec<Node>)> {
    let (tasks, nodes) = (swarm.tasks(Some(name)).await?, swarm.nodes().await?);
    let ready = |task: &Task| nodes.iter().any(|node| node.ready && Some(&node.id) == task.node_id.as_ref());
    let running = tasks.into_iter().filter(|task| task.wanted() && task.state == swarm::State::Running && ready(task));
    Ok((running.collect(), nodes))
}

fn node_name<'a>(task: &Task, nodes: &'a [Node]) -> &'a str {
    nodes.iter().find(|node| Some(&node.id) == task.node_id.as_ref()).map_or("-", |node| node.name.as_str())
}

async fn running(swarm: &Swarm, name: &str, wanted: u32) -> Result<Finding> {
    let service = swarm.service(name).await?;
    if service.mode != Mode::Replicated(wanted) {
        let is = match service.mode {
            Mode::Replicated(n) => format!("has {n} replicas"),
            mode => format!("is {mode}"),
        };
        return Ok(Finding::no(format!("{name} {is}: `docker service scale {name}={wanted}`")));
    }
    let (running, _) = tasks(swarm, name).await?;
    if running.len() == wanted as usize {
        return Ok(Finding::yes(format!("{wanted} of {wanted} tasks run")));
    }
    let why = failure(swarm, name).await?;
    Ok(Finding::no(format!(
        "{} of {wanted} tasks of {name} run{why}: `docker service ps --no-trunc {name}`",
        running.len()
    )))
}

/// The newest error among a service's tasks, for a sentence.
async fn failure(swarm: &Swarm, name: &str) -> Result<String> {
    let rows = swarm::table::rows(swarm, Some(name)).await?;
    let error =
        rows.into_iter().find_map(|row| row.error.map(|error| format!(" ({} on {}: {error})", row.name, row.node)));
    Ok(error.unwrap_or_default())
}

async fn global(swarm: &Swarm, name: &str) -> Result<Finding> {
    let service = swarm.service(name).await?;
    if service.mode != Mode::Global {
        return Ok(Finding::no(format!(
            "{name} is {}: the mode cannot be changed, so remove it and create it again with --mode global",
            service.mode
        )));
    }
    let (running, nodes) = tasks(swarm, name).await?;
    let wanted = nodes.iter().filter(|node| node.ready && node.availability == "active").count();
    Ok(Finding::when(
        running.len() == wanted,
        format!("one task on each of {wanted} nodes"),
        format!("{} tasks run, and {wanted} nodes are active{}", running.len(), failure(swarm, name).await?),
    ))
}

async fn no_service(swarm: &Swarm, name: &str) -> Result<Finding> {
    let there = swarm.services().await?.iter().any(|service| service.name == name);
    Ok(Finding::when(!there, "it is gone", format!("it is still there: `docker service rm {name}`")))
}

async fn spread(swarm: &Swarm, name: &str) -> Result<Finding> {
    let (running, nodes) = tasks(swarm, name).await?;
    let mut counts: BTreeMap<&str, usize> = nodes
        .iter()
        .filter(|node| node.ready && node.availability == "active")
        .map(|node| (node.name.as_str(), 0))
        .collect();
    for task in &running {
        *counts.entry(node_name(task, &nodes)).or_default() += 1;
    }
    let (least, most) = (counts.values().min().copied().unwrap_or(0), counts.values().max().copied().unwrap_or(0));
    let seen: Vec<String> = counts.iter().map(|(node, n)| format!("{n} on {node}")).collect();
    let seen = seen.join(", ");
    Ok(Finding::when(
        most - least <= 1 && most > 0,
        seen.clone(),
        format!("{seen}: Swarm does not move running tasks. `docker service update --force {name}` spreads them anew"),
    ))
}

async fn mounted(swarm: &Swarm, volume: &str, name: &str) -> Result<Finding> {
    let docker = swarm.engine().docker();
    swarm.service(name).await?;
    let raw = docker.inspect_service(name, None).await?;
    let template = raw.spec.and_then(|spec| spec.task_template).and_then(|task| task.container_spec);
    let mounts = template.and_then(|container| container.mounts).unwrap_or_default();
    let has = mounts.iter().any(|mount| mount.source.as_deref() == Some(volume));
    Ok(Finding::when(
        has,
        format!("volume {volume} is mounted"),
        format!("{name} has no volume {volume}, so its data goes when its container goes: create it with --mount"),
    ))
}

async fn overlay(swarm: &Swarm, name: &str) -> Result<Finding> {
    let create = format!("`docker network create --driver overlay --attachable {name}`");
    let Some(network) = swarm.network(name).await? else {
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

async fn no_network(swarm: &Swarm, name: &str) -> Result<Finding> {
    let there = swarm.network(name).await?.is_some();
    Ok(Finding::when(
        !there,
        "it is gone",
        format!("it is still there: `docker network rm {name}`, once the last task has left it"),
    ))
}

async fn replaced(swarm: &Swarm, name: &str) -> Result<Finding> {
    let all = swarm.tasks(Some(name)).await?;
    let failed = all.iter().filter(|task| task.state.phase() == Phase::Failed).count();
    if failed == 0 {
        return Ok(Finding::no(format!(
            "no task of {name} has failed yet: kill one of its containers with `docker kill`"
        )));
    }
    let Mode::Replicated(wanted) = swarm.service(name).await?.mode else {
        return Ok(Finding::no(format!("{name} is not a replicated service")));
    };
    let (running, _) = tasks(swarm, name).await?;
    Ok(Finding::when(
        running.len() == wanted as usize,
        format!("{failed} failed, and {wanted} of {wanted} run again"),
        format!("{} of {wanted} run; Swarm waits 5 s before it starts another", running.len()),
    ))
}

async fn tasks_table(place: &Place, swarm: &Swarm, name: &str) -> Result<Finding> {
    let mut ours: Vec<String> =
        swarm::table::rows(swarm, Some(name)).await?.into_iter().map(|row| row.task_id).collect();
    let list = format!("docker service ps -q --no-trunc -f desired-state=running {name}");
    let mut docker: Vec<String> = place.run_ok("head", &list).await?.lines().map(str::to_owned).collect();
    ours.sort();
    docker.sort();
    Ok(Finding::when(
        ours == docker && !ours.is_empty(),
        format!("{} slots in both", ours.len()),
        format!("the API has {} slots and docker {}: wait until the service stands still", ours.len(), docker.len()),
    ))
}

async fn runs_image(swarm: &Swarm, name: &str, part: &str) -> Result<Finding> {
    let image = swarm.service(name).await?.image;
    let (running, _) = tasks(swarm, name).await?;
    let all = !running.is_empty() && running.iter().all(|task| task.image.contains(part));
    Ok(Finding::when(
        all,
        format!("all {} tasks run {}", running.len(), image.split('@').next().unwrap_or_default()),
        format!("{name} is to run {image}, and not all of its tasks run {part}"),
    ))
}

async fn updated(swarm: &Swarm, name: &str, wanted: &str) -> Result<Finding> {
    let update = swarm.service(name).await?.update;
    Ok(match update {
        None => Finding::no(format!("{name} has not been updated yet")),
        Some(update) if update.state == wanted => Finding::yes(update.message),
        Some(update) => Finding::no(format!("the last update is {}: {}", update.state, update.message)),
    })
}

async fn find(swarm: &Swarm, name: &str) -> Result<Node> {
    let nodes = swarm.nodes().await?;
    // A machine's own name may be the longer one of a domain.
    let short = |node: &Node| node.name.split('.').next() == Some(name);
    nodes.into_iter().find(short).with_context(|| format!("there is no node {name} in the swarm: `docker node ls`"))
}

async fn node_state(swarm: &Swarm, name: &str, wanted: &str) -> Result<Finding> {
    let state = find(swarm, name).await?.state;
    Ok(Finding::when(
        state == wanted,
        format!("{name} is {state}"),
        format!("{name} is {state}, not {wanted}. The managers need about 15 s to notice: `docker node ls`"),
    ))
}

async fn availability(swarm: &Swarm, name: &str, wanted: &str) -> Result<Finding> {
    let is = find(swarm, name).await?.availability;
    Ok(Finding::when(
        is == wanted,
        format!("{name} is {is}"),
        format!("{name} is {is}: `docker node update --availability {wanted} {name}`"),
    ))
}

async fn on(swarm: &Swarm, node: &str, name: &str, wanted: bool) -> Result<Finding> {
    let id = find(swarm, node).await?.id;
    let (running, _) = tasks(swarm, name).await?;
    let there = running.iter().filter(|task| task.node_id.as_deref() == Some(id.as_str())).count();
    Ok(Finding::when(
        (there > 0) == wanted,
        format!("{there} tasks of {name} on {node}"),
        format!("{there} tasks of {name} run on {node}: `docker service ps -f desired-state=running {name}`"),
    ))
}

async fn stack(swarm: &Swarm, name: &str, wanted: usize) -> Result<Finding> {
    // What stands in for the routing mesh where the kernel has no IPVS is no part of the application.
    let stand_in = format!("{name}_mesh");
    let services = swarm.services().await?.into_iter().filter(|service| service.name != stand_in);
    let n = services.filter(|service| service.stack.as_deref() == Some(name)).count();
    Ok(Finding::when(
        n == wanted,
        format!("{n} services"),
        format!("stack {name} has {n} services, not {wanted}: `docker stack ls`, `docker stack services {name}`"),
    ))
}

/// A node has an image.
pub async fn image_on(place: &Place, node: &str, image: &str) -> Result<Finding> {
    let output = place.run(node, &format!("docker image inspect {image} >/dev/null 2>&1")).await?;
    Ok(Finding::when(
        output.code == 0,
        format!("{node} has it"),
        format!("{node} does not have {image}: pull it there, with `docker pull {image}` in a shell on {node}"),
    ))
}
