//! Nodes that go, and come back.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use swarm::bollard::models::NodeSpecAvailabilityEnum as Availability;
use swarm::patient;

use crate::application::spread;
use crate::measure;
use crate::world::{CLUSTER, STACK, World, within};

/// A drained node has no task of a replicated service, and gets none until it is active again.
pub fn drain(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        world.scale("worker", 6).await?;
        let swarm = world.swarm().await?;
        swarm.availability("worker-1", Availability::DRAIN).await?;
        moved_away(world, "worker-1").await?;
        swarm.availability("worker-1", Availability::ACTIVE).await?;
        world.scale("worker", 1).await?;
        let spread = spread(&world.scale("worker", 10).await?);
        ensure!(spread.contains_key("worker-1"), "{spread:?}");
        Ok("no worker on it, all of them run elsewhere; it gets tasks again when active".to_owned())
    }
    .boxed()
}

/// A node loses its power in the middle of a sweep: its tasks run elsewhere, the sweep waits for them and goes on, and the
/// node comes back.
pub fn node_loss(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let [measure, until] = [15, 12].map(|seconds| patient(Duration::from_secs(seconds)));
        let arguments = format!("--workers 6 --measure {}ms", measure.as_millis());
        let this = &*world;
        let lose = async {
            // By now the workers are there, and it cannot have measured for long enough.
            tokio::time::sleep(until).await;
            this.lab_ok(&["cluster", "stop", "worker-2", "--name", CLUSTER]).await?;
            let noticed = this.node_is("worker-2", "down").await?;
            let begun = std::time::Instant::now();
            moved_away(this, "worker-2").await?;
            anyhow::Ok((noticed, begun.elapsed()))
        };
        let (sweep, lost) = tokio::join!(measure::sweep(this, &arguments), lose);
        let (noticed, moved) = lost?;
        let sweep = sweep?;
        let step = &measure::steps(&sweep)?[0];
        let recovered = step["recovered_s"].as_f64().with_context(|| format!("the sweep noticed nothing: {step}"))?;
        measure::near_theory(step)?;
        for service in ["rng", "hasher", "webui"] {
            world.converge(service).await?;
        }
        world.lab_ok(&["cluster", "start", "worker-2", "--name", CLUSTER]).await?;
        world.node_is("worker-2", "ready").await?;
        let eth1 = world.on("worker-2", "ip -4 -o addr show eth1").await?;
        let status = world.status().await?;
        let private = status.nodes[2].private.clone().unwrap_or_default();
        ensure!(eth1.contains(&private), "after the restart eth1 has {eth1}, and the private address is {private}");
        Ok(format!(
            "noticed after {:.1} s, all ran elsewhere {:.1} s later; the sweep had all again after {recovered:.1} s",
            noticed.as_secs_f64(),
            moved.as_secs_f64()
        ))
    }
    .boxed()
}

/// A node that is cut off is Down for the managers, and back after the cut is mended.
pub fn partition(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        world.lab_ok(&["cluster", "partition", "worker-1", "--name", CLUSTER]).await?;
        let noticed = world.node_is("worker-1", "down").await?;
        let status = world.status().await?;
        ensure!(status.nodes[1].partitioned && status.nodes[1].state == "running", "{:?}", status.nodes[1]);
        moved_away(world, "worker-1").await?;
        world.lab_ok(&["cluster", "heal", "worker-1", "--name", CLUSTER]).await?;
        let back = world.node_is("worker-1", "ready").await?;
        ensure!(!world.status().await?.nodes[1].partitioned, "it still counts as cut off");
        Ok(format!("noticed after {:.1} s, Ready {:.1} s after healing", noticed.as_secs_f64(), back.as_secs_f64()))
    }
    .boxed()
}

/// The only manager loses its power, with Redis on it: the swarm is back when it is, and so are the hashes.
pub fn restart(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let before: u64 = world.redis("GET hashes").await?.parse()?;
        world.lab_ok(&["cluster", "stop", "head", "--name", CLUSTER]).await?;
        world.lab_ok(&["cluster", "start", "head", "--name", CLUSTER]).await?;
        let this = &*world;
        let back =
            this.until("the manager", within(), || async move {
                Ok(this.swarm().await.err().map(|error| error.to_string()))
            })
            .await?;
        for service in ["redis", "worker", "rng", "hasher", "webui"] {
            world.converge(service).await?;
        }
        let mut last = String::new();
        let seen = &mut last;
        let begun = std::time::Instant::now();
        loop {
            let after = this.redis("GET hashes").await.unwrap_or_default();
            if after.parse::<u64>().is_ok_and(|after| after > before) {
                break;
            }
            *seen = after;
            ensure!(begun.elapsed() < within(), "mining did not go on: hashes was {before} and is {seen:?}");
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        Ok(format!(
            "the swarm answers {:.1} s after head does, mining goes on from {before} hashes",
            back.as_secs_f64()
        ))
    }
    .boxed()
}

/// Waits until all workers run, none of them on the node.
async fn moved_away(world: &World, node: &str) -> Result<()> {
    world
        .until(&format!("no worker on {node}"), within(), || async {
            let converged = world.swarm().await?.converge(&format!("{STACK}_worker"), within()).await?;
            let spread = spread(&converged);
            Ok(spread.contains_key(node).then(|| format!("{spread:?}")))
        })
        .await?;
    Ok(())
}
