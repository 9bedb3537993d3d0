//! The application: built, pushed, deployed, reached, scaled.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use swarm::{Converged, patient, registry};

use crate::world::{STACK, World, within};

/// The four services of the application, which together stay small.
const SERVICES: [&str; 4] = ["rng", "hasher", "webui", "worker"];

/// Builds each image twice, as two versions, on head.
pub fn images(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let mut sizes = 0;
        for service in SERVICES.iter().chain(&["mesh"]) {
            for version in ["v1", "v2"] {
                let build = format!(
                    "docker build -q -f compose/Dockerfile --target {service} --build-context binaries=target/images \
                     --build-arg VERSION={version} -t 127.0.0.1:5000/{service}:{version} ."
                );
                world.on("head", &build).await?;
            }
            let inspect = format!("docker image inspect 127.0.0.1:5000/{service}:v1");
            let image: serde_json::Value = serde_json::from_str(&world.on("head", &inspect).await?)?;
            if SERVICES.contains(service) {
                sizes += image[0]["Size"].as_u64().context("an image has a size")?;
            }
            let user = image[0]["Config"]["User"].as_str().unwrap_or_default();
            ensure!(user == "65532:65532", "{service} runs as {user:?}");
        }
        ensure!(sizes <= 20_000_000, "the four images take {sizes} bytes");
        world.on("head", "docker tag 127.0.0.1:5000/mesh:v1 dockercoins/mesh:latest").await?;
        let instrument = format!(
            "docker build -q -f compose/Dockerfile --target loadgen --build-context binaries=target/images -t {} .",
            crate::measure::IMAGE
        );
        world.on("head", &instrument).await?;
        Ok(format!("rng, hasher, webui and worker take {:.1} MB together (20 MB wanted)", sizes as f64 / 1e6))
    }
    .boxed()
}

/// A registry that answers on every node; what one node pushes another pulls.
pub fn registry(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        world.lab_ok(&["registry", "up", "--cluster", crate::world::CLUSTER]).await?;
        for node in ["head", "worker-1", "worker-2"] {
            let catalog = world.on(node, "curl -fsS --max-time 5 127.0.0.1:5000/v2/_catalog").await?;
            ensure!(catalog.trim() == r#"{"repositories":[]}"#, "{node}: {catalog}");
        }
        world
            .lab_ok(&["cluster", "load", "--name", crate::world::CLUSTER, "--node", "head", "busybox:1", "redis:8"])
            .await?;
        world
            .on("head", "docker tag busybox:1 127.0.0.1:5000/busybox && docker push -q 127.0.0.1:5000/busybox")
            .await?;
        world.on("worker-2", "docker pull -q 127.0.0.1:5000/busybox").await?;
        let mesh = world.swarm().await?.services().await?.iter().any(|service| service.name == registry::MESH);
        ensure!(mesh != world.ipvs, "IPVS is there: {}; a stand-in for the routing mesh: {mesh}", world.ipvs);
        let how = if mesh { "a task on each node" } else { "the routing mesh" };
        for (job, well) in [("down", true), ("status", false), ("up", true), ("status", true)] {
            let said = world.lab(&["registry", job, "--cluster", crate::world::CLUSTER]).await?;
            ensure!(said.well == well, "`lab registry {job}`: {}", said.text);
        }
        world.on("worker-1", "docker pull -q 127.0.0.1:5000/busybox").await?;
        Ok(format!(
            "empty at first on all three nodes, by {how}; pushed on head, pulled on worker-2; made anew, it has its images still"
        ))
    }
    .boxed()
}

/// Push, deploy, and wait for the first hash.
pub fn deploy(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let begun = Instant::now();
        world.on("head", "docker tag redis:8 127.0.0.1:5000/redis:8 && docker push -q 127.0.0.1:5000/redis:8").await?;
        for service in SERVICES.iter().chain(&["mesh"]) {
            for version in ["v1", "v2"] {
                world.on("head", &format!("docker push -q 127.0.0.1:5000/{service}:{version}")).await?;
            }
        }
        let stack = if world.ipvs { "stack.yml" } else { "stack.dnsrr.yml" };
        // On a slow machine the services take longer too, so that what limits them is still their delays.
        let delay = format!("{}ms", patient(Duration::from_millis(100)).as_millis());
        let deploy = format!(
            "RNG_DELAY={delay} HASHER_DELAY={delay} WORKER_THINK={delay} TAG=v1 REDIS_IMAGE=127.0.0.1:5000/redis:8 \
             docker stack deploy -c compose/{stack} {STACK} 2>&1"
        );
        world.on("head", &deploy).await?;
        for service in SERVICES {
            world.converge(service).await?;
        }
        let this = &*world;
        this.until("the first hash", within(), || async move {
            let hashes = this.redis("GET hashes").await.unwrap_or_default();
            Ok(if hashes.parse::<u64>().is_ok_and(|n| n > 0) { None } else { Some(format!("hashes is {hashes:?}")) })
        })
        .await?;
        Ok(format!("{stack} mines {:.1} s after the first push (40 s wanted)", begun.elapsed().as_secs_f64()))
    }
    .boxed()
}

/// `lab tasks` says what `docker service ps` says. The two are asked one after the other, so a task that is just going may be
/// in one of them only; it is gone when they are asked again.
pub fn tasks(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let this = &*world;
        let slots = AtomicUsize::new(0);
        let seen = &slots;
        this.until("the same tasks", Duration::from_secs(15), || async move {
            let (ours, docker) = both_lists(this).await?;
            seen.store(ours.len(), Ordering::Relaxed);
            let same = ours == docker && !ours.is_empty();
            Ok(if same { None } else { Some(format!("lab tasks has {ours:?}, docker service ps {docker:?}")) })
        })
        .await?;
        Ok(format!("{} slots, as `docker service ps` has them", slots.into_inner()))
    }
    .boxed()
}

/// The tasks by `lab tasks`, and by `docker service ps`.
async fn both_lists(world: &World) -> Result<(Vec<String>, Vec<String>)> {
    let table = world.lab_ok(&["tasks", "--cluster", crate::world::CLUSTER]).await?;
    let mut lines = table.lines();
    let headings = lines.next().unwrap_or_default();
    ensure!(headings.starts_with("Service_ID") && headings.ends_with("Node_name (ip/host)"), "{headings}");
    let mut ours: Vec<String> =
        lines.filter_map(|line| line.split_whitespace().nth(2).map(ToOwned::to_owned)).collect();
    let list = "for s in $(docker service ls -q); do docker service ps -q --no-trunc -f desired-state=running $s; done";
    let mut docker: Vec<String> = world.on("head", list).await?.lines().map(ToOwned::to_owned).collect();
    ours.sort();
    docker.sort();
    Ok((ours, docker))
}

/// One worker becomes ten, spread evenly.
pub fn scale(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        // The image is pulled on every node first, so that the figure is Swarm's and not the registry's.
        world.scale("worker", 6).await?;
        world.scale("worker", 1).await?;
        let converged = world.scale("worker", 10).await?;
        let spread = spread(&converged);
        let (least, most) = (spread.values().min(), spread.values().max());
        ensure!(spread.len() == 3 && most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{spread:?}");
        Ok(format!("1 to 10 workers in {:.1} s (5 s wanted), {spread:?}", converged.took.as_secs_f64()))
    }
    .boxed()
}

/// How many tasks each node has.
pub fn spread(converged: &Converged) -> BTreeMap<String, usize> {
    let mut spread = BTreeMap::new();
    for task in &converged.running {
        *spread.entry(converged.node_of(task).to_owned()).or_default() += 1;
    }
    spread
}
