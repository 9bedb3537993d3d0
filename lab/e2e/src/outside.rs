//! Sweeps that are started on this machine, which is on none of the application's networks: they go to a task there.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use swarm::patience::shortfall;
use swarm::patient;
use tokio::process::{Child, Command};

use crate::measure::{near_theory, steps};
use crate::world::{STACK, World, within};

/// A service whose capacity is arithmetic: one request at a time, each of 50 ms, which is long beside what a busy machine adds.
const WEB: &str = "web";
pub const WEB_RATE: f64 = 20.0;

/// What it and others like it are made of.
pub const HASHER: &str = "127.0.0.1:5000/hasher:v1";

/// `loadgen sweep` on this machine, through the engine of head.
pub async fn command(world: &World, arguments: &str) -> Result<Command> {
    // Unless it is said otherwise.
    let converge = (!arguments.contains("--converge")).then(|| format!("--converge={}s", within().as_secs()));
    let mut command = Command::new("target/images/loadgen");
    command
        .arg("sweep")
        .args(arguments.split_whitespace())
        .arg("--json")
        .args(converge)
        .env("DOCKER_HOST", world.swarm().await?.engine().host())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

/// Runs it to its end, and returns its exit code, what it printed and what it said.
async fn sweep(world: &World, arguments: &str) -> Result<(i32, String, String)> {
    let folder = std::env::temp_dir().join(format!("e2e-sweep-{}", std::process::id()));
    let ended = command(world, &format!("{arguments} --force --out {}", folder.display())).await?.output().await?;
    // It may have been refused before there was a folder.
    let _ = std::fs::remove_dir_all(&folder);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((ended.status.code().unwrap_or(-1), text(&ended.stdout), text(&ended.stderr)))
}

/// What a sweep found that must end well.
pub async fn found(world: &World, arguments: &str) -> Result<Value> {
    found_with(world, arguments, &[0]).await
}

/// What a sweep found that may end with one of these exit codes.
async fn found_with(world: &World, arguments: &str, codes: &[i32]) -> Result<Value> {
    let (code, out, said) = sweep(world, arguments).await?;
    ensure!(codes.contains(&code), "`sweep {arguments}` ended with {code}: {said}");
    serde_json::from_str(&out).with_context(|| format!("`sweep {arguments}` printed {out}\n{said}"))
}

pub async fn refused(world: &World, arguments: &str, sentence: &str) -> Result<()> {
    let (code, _, said) = sweep(world, arguments).await?;
    ensure!(
        code != 0 && said.contains(sentence),
        "`sweep {arguments}` ended with {code} and did not say {sentence:?}: {said}"
    );
    Ok(())
}

/// The flagship experiment from where a student sits: as sure as the embedded one, with the same verdict.
pub fn outside(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let before = world.converge("worker").await?.running.len();
        let mut told = Err(anyhow!("nothing was measured"));
        // A machine that had something else to do is asked again, and at last for longer.
        for (attempt, seconds) in [5, 5, 5, 10, 10].into_iter().enumerate() {
            let measure = patient(Duration::from_secs(seconds)).as_secs();
            let command = format!("--platform swarm --stack {STACK} --workers 1,2,3,10 --measure {measure}s");
            told = match Flagship::of(&found(world, &command).await?) {
                Err(_) if told.is_ok() => told,
                found => found,
            };
            if told.as_ref().is_ok_and(|found| found.furthest < 3.0 || attempt >= 2) {
                break;
            }
        }
        nothing_is_left(world).await?;
        ensure!(before == world.converge("worker").await?.running.len(), "the workers are not as before");
        let Flagship { furthest, widest, busy, probe_ms } = told?;
        Ok(format!(
            "1 to 10 workers within {furthest:.1} % of theory (3 wanted), each known to ±{widest:.2}; rng busy {:.1} %, its probe \
             {probe_ms:.0} ms",
            100.0 * busy
        ))
    }
    .boxed()
}

/// What the flagship experiment found, where all of it fits together.
struct Flagship {
    /// The most that a step's rate is off theory, in percent.
    furthest: f64,
    /// The widest interval of a step's rate: half of it, in hashes/s.
    widest: f64,
    /// The busy share of rng with ten workers, from 0 to 1.
    busy: f64,
    /// The median time of rng's probe with ten workers.
    probe_ms: f64,
}

impl Flagship {
    /// # Errors
    /// What does not fit. A slow machine adds to each loop, so that rates fall short of theory by what it adds and by nothing
    /// else: whatever the machine, each rate is that of the loops that the workers timed themselves (Little's law), and the
    /// probe waits for as long as rng's own service time says (utilisation law).
    fn of(sweep: &Value) -> Result<Self> {
        let steps = steps(sweep)?;
        let (mut furthest, mut widest) = (0.0_f64, 0.0_f64);
        for step in steps {
            let rate = &step["throughput"];
            let value = number(&rate["value"])?;
            let off = near_theory(step)?;
            ensure!(off < 3.0, "{rate} is {off:.1} % over theory");
            let by_loops = 1000.0 * number(&step["replicas"]["worker"])? / number(&step["loop_time"]["mean_ms"])?;
            ensure!(
                (value / by_loops - 1.0).abs() < 0.03,
                "the workers' loops give {by_loops:.2}/s, and the step {rate}"
            );
            let wide = (number(&rate["high"])? - number(&rate["low"])?) / 2.0;
            ensure!(wide < shortfall(0.1), "the rate is known to within {wide}: {rate}");
            (furthest, widest) = (furthest.max(off.abs()), widest.max(wide));
        }
        let last = steps.last().context("a step")?;
        let (busy, rate) = (number(&last["utilisation"]["rng"])?, number(&last["throughput"]["value"])?);
        ensure!(100.0 * (1.0 - busy) < shortfall(3.0), "rng is busy {:.1} %", 100.0 * busy);
        ensure!(sweep["verdict"]["bottleneck"] == "rng" || busy < 0.95, "{}", sweep["verdict"]);
        // Of ten workers two are with hasher or pause. The others are in front of the probe, for one service time each, which is
        // 100 ms and what the machine adds; and one of them is half served.
        let probe_ms = number(&last["probes"]["rng"]["p50_ms"])?;
        let expected = 7.5 * 1000.0 * busy / rate;
        let wait = 100.0 * (probe_ms / expected - 1.0);
        ensure!(wait.abs() < shortfall(5.0), "the probe of rng takes {probe_ms:.0} ms, and {expected:.0} by theory");
        Ok(Self { furthest, widest, busy, probe_ms })
    }
}

fn number(value: &Value) -> Result<f64> {
    value.as_f64().with_context(|| format!("{value} is no number"))
}

/// Any service: its capacity is arithmetic, what limits it is named, and every wrong turn has its sentence.
pub fn service(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        world.on("head", &format!("docker push -q {}", crate::measure::IMAGE)).await?;
        world.create(WEB, &format!("{HASHER} --delay 50ms --concurrency 1")).await?;
        let url = format!("http://{WEB}/");
        let base = format!("--service {WEB} --url {url} --body x");
        let closed = found(
            world,
            &format!("{base} --replicas 1..4 --load closed:16 --measure 5s --image {}", crate::measure::IMAGE),
        )
        .await?;
        let mut rates = Vec::new();
        for step in steps(&closed)? {
            let (replicas, rate) = (&step["replicas"][WEB], &step["throughput"]["value"]);
            let (replicas, rate) = replicas.as_f64().zip(rate.as_f64()).context("replicas and a rate")?;
            let off = 100.0 * (rate / (WEB_RATE * replicas) - 1.0);
            ensure!(off < 3.0 && -off < shortfall(5.0), "{replicas} replicas do {rate:.1}/s");
            let tasks = step["placement"].as_array().context("a placement")?;
            let told = tasks.iter().filter(|task| task["service"] == WEB && task["cpu_cores"].is_number()).count();
            ensure!(told as f64 == replicas, "{told} of {replicas} tasks tell what they use: {}", step["notes"]);
            rates.push(format!("{rate:.0}"));
        }
        // One schedule from three nodes.
        let agents = format!("--agents global --agent-image {}", crate::measure::IMAGE);
        let agents = found(world, &format!("{base} --replicas 2 --load closed:30 --measure 5s {agents}")).await?;
        let rate = steps(&agents)?[0]["throughput"]["value"].as_f64().context("a rate")?;
        ensure!((rate / (2.0 * WEB_RATE) - 1.0).abs() < 0.05 * shortfall(1.0), "agents bring {rate:.0}/s");

        wrong_turns(world, &base).await?;
        killed(world, &base).await?;
        world.on("head", &format!("docker service rm {WEB}")).await?;
        let most = capacity(world).await?;
        let (busy, cores) = one_thread(world).await?;
        Ok(format!(
            "1 to 4 replicas do {}/s; 2 keep p99 < 400 ms up to {most:.0}/s; agents {rate:.0}/s; one thread on {cores:.2} \
             processors is busy {:.0} %",
            rates.join(", "),
            100.0 * busy
        ))
    }
    .boxed()
}

/// The highest rate at which a service keeps an objective. Each replica takes eight requests at a time, as the search is quick
/// where there are many answers to judge by.
async fn capacity(world: &World) -> Result<f64> {
    world.create("broad", &format!("{HASHER} --delay 50ms --concurrency 8")).await?;
    let arguments = "--service broad --url http://broad/ --body x --replicas 2 --load capacity:p99<400ms";
    let found = found(world, &format!("{arguments} --image {}", crate::measure::IMAGE)).await?;
    world.on("head", "docker service rm broad").await?;
    let most = steps(&found)?[0]["throughput"]["value"].as_f64().context("a capacity")?;
    // Requests wait for a sleep and not for a processor: only the objective limits them.
    let all = 2.0 * 8.0 * WEB_RATE;
    ensure!(most > 0.5 * all && most < 1.05 * all, "2 replicas keep the objective up to {most:.0}/s, and not {all}/s");
    Ok(most)
}

/// A service that works in one thread is as busy as that thread, though it may use all processors of its node. Returns its busy
/// share and the processors that it used.
async fn one_thread(world: &World) -> Result<(f64, f64)> {
    world.create("alone", &format!("{HASHER} --delay 0ms")).await?;
    let arguments = "--service alone --url http://alone/ --body x --replicas 1 --load closed:16 --measure 5s";
    // Here the service and what loads it share the processors: either may be the limit.
    let found = found_with(world, &format!("{arguments} --image {}", crate::measure::IMAGE), &[0, 4]).await?;
    world.on("head", "docker service rm alone").await?;
    let step = &steps(&found)?[0];
    let task = step["placement"].as_array().into_iter().flatten().find(|task| task["service"] == "alone");
    let cores = task.and_then(|task| task["cpu_cores"].as_f64()).context("what the task used")?;
    let busy = step["utilisation"]["alone"].as_f64().context("how busy it was")?;
    // A node has two processors or more: by its node's processors it would be half as busy at most.
    ensure!(cores > 0.1 && busy > 0.8 * cores, "it used {cores:.2} processors and is called busy {busy:.2}: {step}");
    Ok((busy, cores))
}

/// What can be got wrong leaves everything as it was.
async fn wrong_turns(world: &World, base: &str) -> Result<()> {
    refused(world, "--service nobody --url http://nobody/", "there is no service nobody").await?;
    refused(
        world,
        &format!("--service {WEB} --url http://rng/"),
        "leads to the service dockercoins_rng, and not to web",
    )
    .await?;
    let nodes = world.swarm().await?.nodes().await?;
    let head = &nodes.iter().find(|node| node.name == "head").context("there is a head")?.address;
    // By the routing mesh this is webui, and without IPVS what stands in for the mesh.
    refused(world, &format!("--service {WEB} --url http://{head}:8000/"), "leads to the service dockercoins_").await?;
    refused(world, &format!("--service {WEB} --url http://nowhere/"), "leads nowhere on the networks of web").await?;
    refused(world, &format!("--service {STACK}_redis --url http://redis/"), "--volumes").await?;
    world
        .on(
            "head",
            &format!(
                "docker service create -q -d --name everywhere --mode global --network {STACK} busybox:1 sleep 1d"
            ),
        )
        .await?;
    refused(world, "--service everywhere --url http://everywhere/", "cannot be scaled: it is global").await?;
    world.on("head", "docker service rm everywhere").await?;
    let folder = std::env::temp_dir().join(format!("e2e-first-{}", std::process::id()));
    let first = command(world, &format!("{base} --replicas 1..3 --measure 30s --force --out {}", folder.display()))
        .await?
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    runs(world, 1).await?;
    refused(world, base, "another sweep scales web now").await?;
    interrupt(first).await?;
    let _ = std::fs::remove_dir_all(&folder);
    as_before(world).await
}

/// A sweep that is killed leaves neither task nor lock, and the replicas are as before.
async fn killed(world: &World, base: &str) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("e2e-killed-{}", std::process::id()));
    let mut child = command(world, &format!("{base} --replicas 3,2 --measure 60s --force --out {}", folder.display()))
        .await?
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    runs(world, 1).await?;
    let swarm = world.swarm().await?;
    world
        .until("three replicas", within(), || async {
            let replicas = swarm.save(&[WEB.to_owned()]).await?[WEB];
            Ok((replicas != 3).then(|| format!("{replicas}")))
        })
        .await?;
    child.kill().await?;
    let _ = std::fs::remove_dir_all(&folder);
    as_before(world).await
}

/// Ends a sweep as ^C does.
pub async fn interrupt(mut child: Child) -> Result<()> {
    let Some(id) = child.id() else { bail!("the sweep has ended already") };
    let done = Command::new("kill").args(["-INT", &id.to_string()]).status().await?;
    ensure!(done.success(), "the sweep cannot be told to end");
    let ended = tokio::time::timeout(patient(Duration::from_secs(30)), child.wait()).await;
    ended.context("the sweep did not end within 30 s of ^C")??;
    Ok(())
}

/// Waits until so many tasks of sweeps are there.
async fn runs(world: &World, wanted: usize) -> Result<()> {
    let look = || async {
        let list = world.on("head", "docker ps -q -f label=swarmlab.loadgen.run").await?;
        let count = list.split_whitespace().count();
        Ok((count < wanted).then(|| format!("{count} run")))
    };
    world.until("the sweep's task", within(), look).await.map(drop)
}

async fn as_before(world: &World) -> Result<()> {
    nothing_is_left(world).await?;
    let swarm = world.swarm().await?;
    let look = || async {
        let replicas = swarm.save(&[WEB.to_owned()]).await?[WEB];
        Ok((replicas != 1).then(|| format!("{replicas} replicas")))
    };
    world.until("one replica, as before", patient(Duration::from_secs(20)), look).await.map(drop)
}

/// Waits until no service, secret or container of a sweep is there.
pub async fn nothing_is_left(world: &World) -> Result<()> {
    let left = "docker service ls -q -f label=swarmlab.loadgen.run; docker secret ls -q -f label=swarmlab.loadgen.run; \
                docker ps -q -f label=swarmlab.loadgen.run";
    let look = || async move {
        let left = world.on("head", left).await?;
        Ok((!left.trim().is_empty()).then(|| left.trim().to_owned()))
    };
    world.until("the sweep's removal", patient(Duration::from_secs(20)), look).await.map(drop)
}
