//! A service of a compose project, scaled by a sweep.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::measure::steps;
use crate::outside::{HASHER, WEB_RATE, command, found, interrupt, nothing_is_left, refused};
use crate::world::{World, within};

/// `web` is a service of known capacity. `only` is one of which a second does not start: it finds the first one's folder.
const FILE: &str = "services:
  web:
    image: HASHER
    command: [--delay, 50ms, --concurrency, \"1\"]
  only:
    image: busybox:1
    command: [sh, -c, \"mkdir /shared/one && exec httpd -f -p 80 || exit 3\"]
    volumes: [shared:/shared]
volumes:
  shared:
";

/// What it says of a service of the project.
const PROJECT: &str = "--platform compose --project shop";

/// Replicas are made and taken away as compose does; what goes wrong in one is told, and nothing of it stays.
pub fn compose(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let file = FILE.replace("HASHER", HASHER);
        world
            .on("head", &format!("mkdir -p /tmp/shop && printf '%s' '{file}' > /tmp/shop/compose.yml && docker compose -p shop -f /tmp/shop/compose.yml up -d --quiet-pull 2>&1"))
            .await?;
        let base = format!("{PROJECT} --service web --url http://web/ --body x --load closed:12");
        let sweep = found(world, &format!("{base} --replicas 1..3 --measure 5s")).await?;
        let mut rates = Vec::new();
        for step in steps(&sweep)? {
            let (replicas, rate) = (&step["replicas"]["web"], &step["throughput"]["value"]);
            let (replicas, rate) = replicas.as_f64().zip(rate.as_f64()).context("replicas and a rate")?;
            let off = 100.0 * (rate / (WEB_RATE * replicas) - 1.0);
            ensure!(off.abs() < swarm::patience::shortfall(5.0), "{replicas} replicas do {rate:.1}/s");
            rates.push(format!("{rate:.0}"));
        }
        as_before(world, "web").await?;

        let only = format!("{PROJECT} --service only --url http://only/ --volumes --load closed:2 --replicas 2 --converge 5s");
        refused(world, &only, "does not run, exit code 3").await?;
        as_before(world, "only").await?;

        let folder = std::env::temp_dir().join(format!("e2e-compose-{}", std::process::id()));
        let sweep = format!("{base} --replicas 3 --measure 60s --force --out {}", folder.display());
        let child = command(world, &sweep).await?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let three = || async { Ok((count(world, "web").await? != 3).then(|| "not three".to_owned())) };
        world.until("three containers of web", within(), three).await?;
        refused(world, &base, "another sweep scales shop now").await?;
        interrupt(child).await?;
        let _ = std::fs::remove_dir_all(&folder);
        as_before(world, "web").await?;
        world.on("head", "docker compose -p shop -f /tmp/shop/compose.yml down -v 2>&1").await?;
        Ok(format!("1 to 3 replicas do {}/s; one that ends is told; as before after ^C", rates.join(", ")))
    }
    .boxed()
}

/// How many containers a service has, running or not.
async fn count(world: &World, service: &str) -> Result<usize> {
    let list =
        format!("docker ps -aq -f label=com.docker.compose.project=shop -f label=com.docker.compose.service={service}");
    Ok(world.on("head", &list).await?.split_whitespace().count())
}

async fn as_before(world: &World, service: &str) -> Result<()> {
    nothing_is_left(world).await?;
    let count = count(world, service).await?;
    ensure!(count == 1, "{service} has {count} containers, and had one");
    Ok(())
}
