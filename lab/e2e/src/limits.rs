//! What the stack's limits are for: a crowd of connections, and a Redis that is full.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use swarm::patient;

use crate::world::{STACK, World, within};

/// Twenty programs with the files that a system allows by default, each of which holds 500 connections that send nothing.
/// They say so, and end when their input does.
const CROWD: &str = r#"ulimit -n 1024; for _ in $(seq 20); do perl -MIO::Socket::INET -e '
    push @held, IO::Socket::INET->new(PeerAddr => "127.0.0.1:80") || die "connection ".@held.": $!\n" for 1 .. 500;
    print "held\n"; STDOUT->flush; <STDIN>' <&0 & done; wait"#;

/// How long the crowd stays.
const STAYS: Duration = Duration::from_secs(20);

/// Fills the wallet with coins, 20,000 at a time, until Redis takes no more.
const FILL: &str = r#"for turn in $(seq 100); do
    docker exec $REDIS redis-cli -e eval "for coin = 1, 20000 do
        local a, b = redis.sha1hex(ARGV[1] .. coin), redis.sha1hex(coin .. ARGV[1])
        redis.call('HSET', 'wallet', a .. b:sub(1, 24), b:sub(1, 32))
    end" 0 "$turn " 2>&1 || exit 0
done"#;

/// Ten thousand connections that send nothing at the image and with the limits that are shipped: rng goes on as it is, and the
/// workers mine.
pub fn crowd(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let rng = world.scale("rng", 1).await?;
        world.scale("worker", 3).await?;
        let node = rng.node_of(rng.running.first().context("a task of rng runs")?).to_owned();
        let asks = |field: &str| format!("docker inspect -f '{{{{{field}}}}}' $(docker ps -q -f name={STACK}_rng.)");
        let limit: u64 = world.on(&node, &asks(".HostConfig.Memory")).await?.trim().parse()?;
        ensure!(limit == 64 << 20, "rng may take {limit} bytes of memory, and the stack says 64M");
        let process: u32 = world.on(&node, &asks(".State.Pid")).await?.trim().parse()?;
        let (failed, begun) = (world.failures().await?, world.hashes().await?);
        // In the network of the task itself, so that nothing but rng and its limits stands in the way.
        let seconds = patient(STAYS).as_secs();
        let hold = format!("sleep {seconds} | nsenter -t {process} -n bash -c '{}'", CROWD.replace('\'', r"'\''"));
        let held = world.on(&node, &hold).await?;
        ensure!(held.lines().filter(|line| *line == "held").count() == 20, "not all were connected:\n{held}");
        let after: u32 = world.on(&node, &asks(".State.Pid")).await?.trim().parse()?;
        ensure!(after == process, "rng was started again");
        let (failed, done) = (world.failures().await? - failed, world.hashes().await? - begun);
        ensure!(failed == 0 && done > 0, "{failed} loops failed beside the crowd, and {done} did not");
        Ok(format!("rng with 64 MB under 10,000 idle connections for {seconds} s; {done} loops meanwhile, none failed"))
    }
    .boxed()
}

/// A wallet that reaches Redis' `maxmemory`: Redis runs on, also when it is killed and loads what it had; workers say what is
/// wrong, and hand in what they mined as soon as there is room.
pub fn full(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let this = &*world;
        let container = "$(docker ps -q -f name={STACK}_redis.1 -f health=healthy)".replace("{STACK}", STACK);
        let said = world.on("head", &format!("REDIS={container}; {FILL}")).await?;
        ensure!(said.contains("OOM"), "the wallet is not full:\n{said}");
        this.until("a worker that says that Redis is full", within(), || async move {
            let logs = this.on("head", &format!("docker service logs --tail 20 {STACK}_worker 2>&1")).await?;
            Ok((!logs.contains("Redis is full")).then_some(logs))
        })
        .await?;
        let coins: u64 = world.redis("HLEN wallet").await?.parse()?;
        world.redis("BGREWRITEAOF").await?;
        world.on("head", &format!("docker kill {container}")).await?;
        world.converge("redis").await?;
        let (mut loaded, begun) = (0, Instant::now());
        while loaded < coins {
            ensure!(begun.elapsed() < within(), "of {coins} coins {loaded} are there after Redis was killed");
            tokio::time::sleep(Duration::from_millis(500)).await;
            loaded = this.redis("HLEN wallet").await.ok().and_then(|coins| coins.parse().ok()).unwrap_or_default();
        }
        let state =
            format!("docker ps -aq -f name={STACK}_redis.1 | xargs docker inspect -f '{{{{.State.OOMKilled}}}}'");
        let killed = world.on("head", &state).await?;
        ensure!(!killed.contains("true"), "the kernel killed Redis for its memory");
        let counted = world.hashes().await?;
        world.redis("UNLINK wallet").await?;
        let back = this
            .until("hashes after the wallet was emptied", within(), || async move {
                let now = this.hashes().await?;
                Ok((now <= counted).then(|| format!("{now}")))
            })
            .await?;
        Ok(format!(
            "full at {coins} coins, killed and loaded, emptied; mining was counted {:.1} s later",
            back.as_secs_f64()
        ))
    }
    .boxed()
}
