//! Back to the beginning of a lab, from any state.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cluster::{Outer, load};
use futures_util::future::try_join_all;
use swarm::patient;

use crate::facts::Facts;
use crate::lab::{Commands, On};
use crate::need::Need;
use crate::place::{self, Place};
use crate::{beginning, images, labs, machines};

/// How long an engine may take to answer after its node was started.
const ENGINE_WITHIN: Duration = Duration::from_secs(60);

/// A node that has just come back may refuse to leave until it has found its managers, or given them up.
const LEAVE: &str = "tries=0; until [ \"$(docker info --format '{{.Swarm.LocalNodeState}}')\" = inactive ]; do \
    said=$(docker swarm leave --force 2>&1); tries=$((tries + 1)); \
    [ $tries -lt 30 ] || { echo \"cannot leave the swarm: $said\"; exit 1; }; sleep 1; done";

/// How much of a command is shown while it runs.
const LONGEST: usize = 56;

/// Removes what labs make; images stay, so that the next start is fast. On machines of their own, containers and
/// volumes of others are left alone.
const CLEAN_CLUSTER: &str = "ids=$(docker ps -aq); [ -z \"$ids\" ] || docker rm -f $ids >/dev/null; \
    docker network prune -f >/dev/null; docker volume prune -af >/dev/null 2>&1 || docker volume prune -f >/dev/null; true";

/// Engines that a lab gave settings of its own are as they were again; the files that labs wrote outside of their folders, the certificates that engines trust and the
/// names that labs wrote behind `# lab` are gone, and so are the images whose pull a lab looks at. (`/etc/hosts` of a container can be written, and not be replaced.)
/// An `ingress` that is there without a swarm was removed while a container was still on it; only a restart makes an engine forget it.
/// A `vx-` interface is half of an overlay network, left by an engine that was interrupted: no other network gets its number while it is there.
const MEND_ENGINE: &str = "if [ -e /etc/docker/daemon.json ] || grep -qs '^DOCKER_OPTS=' /etc/default/docker || docker network ls --format '{{.Name}}' | grep -qx ingress; then \
    rm -f /etc/docker/daemon.json; sed -i '/^DOCKER_OPTS=/d' /etc/default/docker; service docker restart >/dev/null; fi; \
    docker version >/dev/null 2>&1 || service docker start >/dev/null; \
    for half in $(ip -o link show type vxlan | sed -n 's/^[0-9]*: \\(vx-[^:@]*\\).*/\\1/p'); do ip link del \"$half\"; done; \
    if grep -q '# lab$' /etc/hosts; then kept=$(grep -v '# lab$' /etc/hosts); echo \"$kept\" > /etc/hosts; fi; \
    rm -rf /srv/weblog /etc/docker/certs.d /root/.docker/config.json; \
    docker images -q 'registry.lab:5443/*' | xargs -r docker rmi -f >/dev/null 2>&1; \
    docker images -q 127.0.0.1:5000/large | xargs -r docker rmi -f >/dev/null 2>&1; \
    docker context rm -f manager >/dev/null 2>&1; true";

/// The same where others may have containers too.
const CLEAN_MACHINE: &str = "ids=$(docker ps -aq -f label=com.docker.compose.project=dockercoins; docker ps -aq -f name=^probe$); [ -z \"$ids\" ] || docker rm -f $ids >/dev/null; \
    docker network rm dockercoins_default >/dev/null 2>&1; \
    docker volume rm dockercoins_redis registry >/dev/null 2>&1; true";

/// Takes away what labs made, and mends what they broke: machines with Docker are left, in no swarm.
///
/// # Errors
/// When a node's engine does not answer.
pub async fn clean(place: &Place) -> Result<()> {
    let clean = match place {
        Place::Cluster { outer, name } => {
            mend(outer, name).await?;
            CLEAN_CLUSTER
        }
        Place::Machines { .. } => {
            machines::mend(place).await?;
            CLEAN_MACHINE
        }
    };
    let nodes = place.nodes().await?;
    let clean = format!("{LEAVE}; {clean}; rm -rf {}", work()?);
    // Workers first, and the manager when they have gone.
    try_join_all(nodes.iter().skip(1).map(|node| place.run_ok(&node.name, &clean))).await?;
    place.run_ok("head", &clean).await?;
    if place.cluster().is_some() {
        try_join_all(nodes.iter().map(|node| place.run_ok(&node.name, MEND_ENGINE))).await?;
    }
    Ok(())
}

/// Where labs keep their files on a node: a folder for each track.
fn work() -> Result<String> {
    let folders: Vec<String> = labs::tracks()?.iter().map(|track| format!("~/work/{}", track.name)).collect();
    Ok(folders.join(" "))
}

/// Starts what is stopped, unfreezes what is frozen and heals what is cut off.
async fn mend(outer: &Outer, name: &str) -> Result<()> {
    for node in outer.existing(name).await? {
        match node.state.as_str() {
            "paused" => outer.unpause(name, &node.node).await?,
            "running" => {}
            _ => outer.start(name, &node.node).await?,
        }
        let begun = Instant::now();
        while let Err(error) = cluster::node_engine(name, &node.node).await {
            if begun.elapsed() > patient(ENGINE_WITHIN) {
                return Err(error).with_context(|| format!("the engine of {} does not answer", node.node));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    for node in cluster::status::status(outer, name).await?.nodes.iter().filter(|node| node.partitioned) {
        outer.heal(name, &node.name).await?;
    }
    Ok(())
}

/// Makes the beginning of a lab, all that it builds on first; `say` gets a line for each part.
///
/// # Errors
/// When a command fails, with what it said.
pub async fn begin(place: &Place, start: &[String], say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let beginnings = beginning::order(start, &beginning::all()?)?;
    say("cleaning up");
    clean(place).await?;
    let facts = Facts::gather(place).await?;
    mesh(place, &facts, say).await?;
    for beginning in &beginnings {
        if let Some(reason) = Need::first_lacking(&beginning.needs, place, &facts).await? {
            bail!("the beginning `{}` cannot be made: {reason}", beginning.name);
        }
        images::ensure(place, &beginning.images, say).await?;
        for block in &beginning.commands {
            // There is a token only once there is a swarm.
            let facts = Facts::gather(place).await?;
            if facts.applies(block) {
                say(&format!("on {}: {}", block.place(), first_line(&block.script)));
                run_ok(place, block, &facts).await.with_context(|| format!("the beginning `{}`", beginning.name))?;
            }
        }
    }
    Ok(())
}

/// In front of a block that must succeed: a command that fails ends it, also in the middle. Conditions, and what has an
/// `||` behind it, may fail as ever; of a pipe the last command counts.
const STRICT: &str = "trap 'code=$?; echo \"this failed, with $code: $BASH_COMMAND\" >&2; exit $code' ERR";
/// The same for the plain shell of this machine.
const STRICT_HERE: &str = "set -e";

/// Runs a block, each command of which must succeed unless it is marked `may-fail`.
///
/// # Errors
/// When one does not, with what it said.
pub async fn run_ok(place: &Place, block: &Commands, facts: &Facts) -> Result<cluster::Output> {
    let strict = if block.on == On::Here { STRICT_HERE } else { STRICT };
    let script = if block.may_fail { block.script.clone() } else { format!("{strict}\n{}", block.script) };
    let output = run(place, &Commands { script, ..block.clone() }, facts).await?;
    if output.code != 0 && !block.may_fail {
        bail!(
            "on {} this ended with {}:\n{}\n{}{}",
            block.place(),
            output.code,
            facts.fill(&block.script)?,
            output.stdout,
            output.stderr
        );
    }
    Ok(output)
}

/// What a script begins with, on one line of a terminal; placeholders stay, so that no token is shown.
fn first_line(script: &str) -> String {
    let line = script.lines().next().unwrap_or_default();
    let short: String = line.chars().take(LONGEST).collect();
    if short.len() < script.len() { format!("{} ...", short.trim_end_matches([' ', '\\'])) } else { short }
}

impl Commands {
    /// Where the block runs, in a word.
    pub fn place(&self) -> &str {
        match &self.on {
            On::Node(name) => name,
            On::Here => "this machine",
        }
    }
}

/// Runs a block of commands, filled in.
///
/// # Errors
/// When its node cannot be reached, or a placeholder is unknown.
pub async fn run(place: &Place, block: &Commands, facts: &Facts) -> Result<cluster::Output> {
    let script = facts.fill(&block.script)?;
    match &block.on {
        On::Node(node) => place.run(node, &script).await,
        On::Here => place::here(&script).await,
    }
}

/// Where the kernel has no routing mesh, what stands in for it is on every node: it cannot come from the registry that it
/// makes reachable.
async fn mesh(place: &Place, facts: &Facts, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let Place::Cluster { outer, name } = place else { return Ok(()) };
    if facts.ipvs {
        return Ok(());
    }
    let head = cluster::node_engine(name, "head").await?;
    if !cluster::image::present(head.docker(), "dockercoins/mesh:latest").await {
        say("building the stand-in for the routing mesh, which this kernel does not have");
        let build = "docker build -q -f compose/Dockerfile --target mesh {{binaries}} -t dockercoins/mesh:latest .";
        place.run_ok("head", &facts.fill(build)?).await?;
    }
    load::spread(outer, name, &["dockercoins/mesh:latest"]).await
}

/// What is there on each node, images excepted: two of these are equal when nothing was left behind.
///
/// # Errors
/// When a node cannot be asked.
pub async fn inventory(place: &Place) -> Result<Vec<String>> {
    let list = "docker info --format 'swarm {{.Swarm.LocalNodeState}}'; docker ps -a --format 'container {{.Names}}'; \
                docker network ls --format 'network {{.Name}}'; docker volume ls --format 'volume {{.Name}}'";
    let mut all = Vec::new();
    for node in place.nodes().await? {
        let said = place.run_ok(&node.name, list).await?;
        all.extend(said.lines().map(|line| format!("{}: {line}", node.name)));
    }
    all.sort();
    Ok(all)
}
