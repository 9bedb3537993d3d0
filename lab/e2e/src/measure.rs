//! The instrument where the mission wants it: a sweep across the nodes, from a container on the application's own network.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use swarm::patience::shortfall;
use swarm::patient;

use crate::world::{STACK, World, within};

/// The instrument's image, on head.
pub const IMAGE: &str = "127.0.0.1:5000/loadgen:v1";

/// Ten workers are as fast as three, until rng has replicas; the report says which node had which task, and what it used.
pub fn bottleneck(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let before = world.converge("worker").await?.running.len();
        let measure = format!("--measure {}s", patient(Duration::from_secs(5)).as_secs());
        let one = sweep(world, &format!("--workers 1,2,3,10 {measure}")).await?;
        // A slow machine needs time of its own between two requests, which rng is then not busy.
        let busy = steps(&one)?[3]["utilisation"]["rng"].as_f64().context("rng tells how busy it is")?;
        ensure!(100.0 * (1.0 - busy) < shortfall(5.0), "rng is busy {:.1} % with ten workers", 100.0 * busy);
        ensure!(one["verdict"]["bottleneck"] == "rng" || busy < 0.95, "{}", one["verdict"]);
        let three = sweep(world, &format!("--workers 10 --set rng=3 {measure}")).await?;
        let mut seen = Vec::new();
        for step in steps(&one)?.iter().chain(steps(&three)?) {
            near_theory(step)?;
            let workers = placed(step, "worker")?;
            let (least, most) = (workers.values().min(), workers.values().max());
            let even = most.zip(least).is_some_and(|(most, least)| most - least <= 1);
            let all: usize = workers.values().sum();
            // Nodes without one are not in the map.
            ensure!(even && (all < 3 || workers.len() == 3), "{all} workers lie on {workers:?}");
            seen.push(format!(
                "{all}/{}: {:.2}",
                step["replicas"]["rng"],
                step["throughput"]["value"].as_f64().unwrap_or_default()
            ));
        }
        let after = world.converge("worker").await?.running.len();
        ensure!(before == after, "there were {before} workers, and {after} were left");
        Ok(format!("hashes/s at workers/rng {}", seen.join(", ")))
    }
    .boxed()
}

/// A sweep on head, as `sweep.json` has it.
pub async fn sweep(world: &World, arguments: &str) -> Result<Value> {
    let run = format!(
        "docker run --rm -u 0 --network {STACK} -v /var/run/docker.sock:/var/run/docker.sock {IMAGE} sweep --platform swarm \
         --json --converge {}s {arguments} 2>/tmp/sweep.log || {{ cat /tmp/sweep.log; exit 1; }}",
        within().as_secs()
    );
    let said = world.on("head", &run).await?;
    serde_json::from_str(&said).with_context(|| format!("`sweep {arguments}` printed {said}"))
}

/// The steps of a sweep that was not ended early; at least one.
pub fn steps(sweep: &Value) -> Result<&Vec<Value>> {
    let steps = sweep["steps"].as_array().context("a sweep has steps")?;
    ensure!(!steps.is_empty() && sweep["interrupted"] == false, "not every step was finished");
    Ok(steps)
}

/// A step's rate is that of theory: within a tenth, as tests share the machine. Returns by how many percent it is off.
pub fn near_theory(step: &Value) -> Result<f64> {
    let rate = step["throughput"]["value"].as_f64().context("a step has a rate")?;
    let theory = step["theory"].as_f64().context("the delays are known")?;
    let off = 100.0 * (rate / theory - 1.0);
    ensure!(off < 10.0 && -off < shortfall(10.0), "{}: {rate:.2} hashes/s, theory {theory:.2}", step["replicas"]);
    Ok(off)
}

/// How many tasks of a service each node had. Every task tells the processor time that it used.
fn placed(step: &Value, service: &str) -> Result<BTreeMap<String, usize>> {
    let tasks = step["placement"].as_array().context("a step says where its tasks were")?;
    let mut nodes = BTreeMap::new();
    for task in tasks {
        let cores = task["cpu_cores"].as_f64().with_context(|| format!("no processor time of {task}"))?;
        ensure!(cores > 0.0 && cores < 2.0, "{task}");
        if task["service"] == service {
            *nodes.entry(task["node"].as_str().context("a task has a node")?.to_owned()).or_default() += 1;
        }
    }
    Ok(nodes)
}
