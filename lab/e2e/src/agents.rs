//! Load from all nodes: agents as a service of the swarm, killed and abandoned.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use swarm::patient;

use crate::measure::IMAGE;
use crate::world::{STACK, World, within};

/// Agents on all nodes.
const ALL: &str = "--agents global";

/// The coordinator, on head, with agents against hasher's tasks. Arrivals are fixed, so that what becomes due is known by
/// arithmetic.
fn bench(agents: &str, options: &str) -> String {
    format!(
        "target/images/loadgen bench {agents} --agent-network {STACK} --agent-image {IMAGE} \
         --arrivals constant --rate 300 -c 6 --drain 30s --json {options} http://tasks.hasher/"
    )
}

/// Requests of the whole run and of each agent.
fn due(result: &Value) -> Result<(u64, Vec<u64>)> {
    let number = |value: &Value| value["due"].as_u64().context("a number of requests");
    let agents = result["agents"].as_array().context("a table of agents")?;
    Ok((number(&result["requests"])?, agents.iter().map(number).collect::<Result<_>>()?))
}

/// Three agents send one schedule; one that is killed is missed and the others stay true; a coordinator that is killed leaves nothing.
pub fn agents(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        world.on("head", &format!("docker push -q {IMAGE}")).await?;
        sends(world, &bench(ALL, "-d 3s"), &[300; 3], &["head", "worker-1", "worker-2"]).await?;
        placed(world).await?;

        let run = format!("({}; echo $? >/tmp/code) >/tmp/killed.json 2>/tmp/agents.log &", bench(ALL, "-d 15s"));
        world.on("head", &run).await?;
        running(world, 3).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.on("worker-1", "docker kill -s KILL $(docker ps -q -f label=swarmlab.loadgen.run)").await?;
        world.on("head", "while [ ! -e /tmp/code ]; do sleep 0.2; done").await?;
        let code = world.on("head", "cat /tmp/code; rm /tmp/code").await?;
        ensure!(code.trim() == "4", "bench ended with {}", code.trim());
        let result: Value = serde_json::from_str(&world.on("head", "cat /tmp/killed.json").await?)?;
        let of = |node: &str| result["agents"].as_array()?.iter().find(|agent| agent["node"] == node).cloned();
        let (lost, other) = (of("worker-1").context("worker-1's part")?, of("worker-2").context("worker-2's part")?);
        ensure!(lost["lost"].is_string() && lost["missing"].as_u64() > Some(0), "{lost}");
        ensure!(other["due"] == 1500 && other["lost"].is_null(), "{other}");
        nothing_is_left(world).await?;

        world.on("head", &format!("{} >/dev/null 2>&1 &", bench(ALL, "-d 120s"))).await?;
        running(world, 3).await?;
        world.on("head", "pkill -KILL -f '^target/images/loadgen bench'").await?;
        nothing_is_left(world).await?;
        Ok("three agents sent 900 of 900 requests, 300 each, and two that were placed 450 each; one killed is said to be missing; none is left after the coordinator's kill".into())
    }
    .boxed()
}

/// A run whose agents send so many requests each, from these nodes, and leave nothing.
async fn sends(world: &World, bench: &str, wanted: &[u64], on: &[&str]) -> Result<()> {
    let said = world.on("head", &format!("{bench} 2>/tmp/agents.log || test $? = 4")).await?;
    let result: Value = serde_json::from_str(&said).with_context(|| format!("bench printed {said}"))?;
    let (all, parts) = due(&result)?;
    ensure!(
        all == wanted.iter().sum::<u64>() && parts == wanted,
        "{all} requests became due, by agents {parts:?}, not {wanted:?}"
    );
    let nodes: BTreeSet<&str> =
        result["agents"].as_array().into_iter().flatten().filter_map(|a| a["node"].as_str()).collect();
    ensure!(nodes == on.iter().copied().collect(), "agents were on {nodes:?}, not {on:?}");
    nothing_is_left(world).await
}

/// Agents go where they may: on workers, and not beside a service.
async fn placed(world: &World) -> Result<()> {
    world.create("aside", "--constraint node.hostname==worker-1 127.0.0.1:5000/busybox sleep 1d").await?;
    let swarm = world.swarm().await?;
    swarm.converge("aside", within()).await?;
    let agents = "--agents 2 --agent-constraint node.role==worker --agents-away-from aside";
    sends(world, &bench(agents, "-d 3s"), &[450; 2], &["worker-2"]).await?;
    world.on("head", "docker service rm aside").await.map(drop)
}

/// Waits until so many agents run.
async fn running(world: &World, wanted: usize) -> Result<()> {
    let look = || async move {
        let mut count = 0;
        for node in ["head", "worker-1", "worker-2"] {
            let list = world.on(node, "docker ps -q -f label=swarmlab.loadgen.run").await?;
            count += list.split_whitespace().count();
        }
        Ok((count != wanted).then(|| format!("{count} run")))
    };
    world.until(&format!("{wanted} agents"), patient(Duration::from_secs(30)), look).await.map(drop)
}

/// Waits until no agent runs, and neither service nor secret is there.
async fn nothing_is_left(world: &World) -> Result<()> {
    running(world, 0).await?;
    let left = "docker service ls -q -f label=swarmlab.loadgen.run; docker secret ls -q -f label=swarmlab.loadgen.run";
    let look = || async move {
        let left = world.on("head", left).await?;
        Ok((!left.trim().is_empty()).then(|| left.trim().to_owned()))
    };
    world.until("the agents' removal", patient(Duration::from_secs(10)), look).await.map(drop)
}
