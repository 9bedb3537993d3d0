//! Changing what runs while it runs.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::world::{STACK, World, within};

/// A new image of rng and of hasher, with ten workers at it: no loop fails.
pub fn update(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        world.scale("rng", 3).await?;
        world.scale("worker", 10).await?;
        let (before, hashes) = (world.failures().await?, world.hashes().await?);
        for service in ["rng", "hasher"] {
            let was = world.converge(service).await?.service.image;
            let update =
                format!("docker service update -q --detach --image 127.0.0.1:5000/{service}:v2 {STACK}_{service}");
            world.on("head", &update).await?;
            let is = changed(world, service, &was).await?;
            ensure!(is.contains(":v2@sha256:"), "{service} runs {is}");
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let failed = world.failures().await? - before;
        let done = world.hashes().await? - hashes;
        ensure!(failed == 0, "{failed} loops failed, and {done} did not");
        ensure!(done > 0, "nothing was mined meanwhile");
        Ok(format!("rng and hasher exchanged; {done} loops meanwhile, none failed"))
    }
    .boxed()
}

/// An image that does not exist: Swarm goes back to the old one, and no loop fails.
pub fn rollback(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let was = world.converge("rng").await?.service.image;
        let before = world.failures().await?;
        let name = format!("{STACK}_rng");
        let update = format!("docker service update -q --detach --image 127.0.0.1:5000/rng:nonsuch {name} 2>&1");
        world.on("head", &update).await?;
        let swarm = world.swarm().await?;
        let this = (&swarm, &name);
        let took = world
            .until("the rollback", within(), || async move {
                let (swarm, name) = this;
                let update = swarm.service(name).await?.update.map(|update| update.state);
                Ok(if update.as_deref() == Some("rollback_completed") { None } else { Some(format!("{update:?}")) })
            })
            .await?;
        let is = world.converge("rng").await?.service.image;
        ensure!(is == was, "rng runs {is}, and ran {was}");
        let failed = world.failures().await? - before;
        ensure!(failed == 0, "{failed} loops failed");
        Ok(format!("back to the old image after {:.1} s, no loop failed", took.as_secs_f64()))
    }
    .boxed()
}

/// Waits until a service runs another image than `was` and all of its tasks do, and returns that.
async fn changed(world: &World, service: &str, was: &str) -> Result<String> {
    world
        .until(&format!("a new image of {service}"), within(), || async {
            let converged = world.converge(service).await?;
            let image = &converged.service.image;
            let all = converged.running.iter().all(|task| &task.image == image);
            Ok(if image != was && all { None } else { Some(format!("it runs {image}")) })
        })
        .await?;
    Ok(world.converge(service).await?.service.image)
}
