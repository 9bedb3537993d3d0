//! What is measured.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use swarm::patience::shortfall;
use swarm::patient;

use super::{Finding, http};
use crate::place::Place;
use crate::state::Measured;

/// How long the speed is looked at.
const OVER: Duration = Duration::from_secs(6);
/// Pause between two looks; workers tell about once a second.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long workers that have gone may still be listed, and new ones take until they mine.
const SETTLES_WITHIN: Duration = Duration::from_secs(25);
/// A worker's first hashes say too much of its speed: they found the queue empty. So many seconds are not counted.
const NOT_COUNTED: Duration = Duration::from_secs(4);
/// Requests to each of the ports that are compared.
const REQUESTS: usize = 5;

/// The count grows.
pub async fn counter_moves(place: &Place) -> Result<Finding> {
    let count = async || anyhow::Ok(http::state(place).await?["totals"]["hashes"].as_i64().unwrap_or(0));
    let before = count().await?;
    tokio::time::sleep(3 * LOOK_EVERY).await;
    let after = count().await?;
    Ok(Finding::when(
        after > before,
        format!("{} hashes in 3 s", after - before),
        format!("the count stays at {after}: does a worker run? `docker compose ps` or `docker service ls`"),
    ))
}

/// Mean speed and number of workers over some seconds, once no worker that has gone is still listed.
async fn speed(place: &Place) -> Result<(f64, usize)> {
    let begun = Instant::now();
    let (mut sum, mut looks, mut first, mut workers) = (0.0, 0.0, Instant::now(), 0);
    loop {
        let state = http::state(place).await?;
        let list = state["workers"].as_array().cloned().unwrap_or_default();
        let silent = list.iter().any(|worker| !worker["silent"].is_null());
        let speed = state["speed"]["hashes_per_second"].as_f64();
        let settled = !silent && speed.is_some() && list.len() == workers;
        if !settled && begun.elapsed() < patient(SETTLES_WITHIN) {
            (sum, looks, first) = (0.0, 0.0, Instant::now());
        } else if first.elapsed() >= NOT_COUNTED {
            sum += speed.unwrap_or(0.0);
            looks += 1.0;
        }
        workers = list.len();
        if looks > 0.0 && first.elapsed() >= NOT_COUNTED + OVER {
            return Ok((sum / looks, workers));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// So many hashes a second.
pub async fn rate(place: &Place, wanted: f64, percent: f64) -> Result<Finding> {
    let (rate, workers) = speed(place).await?;
    let off = 100.0 * (rate / wanted - 1.0);
    let holds = off <= percent && -off <= shortfall(percent);
    let seen = format!("{rate:.2} hashes/s with {workers} workers");
    let mut finding = Finding::when(
        holds,
        seen.clone(),
        format!("{seen}, and {wanted} were expected. Are all tasks up? New ones take some seconds until they mine"),
    );
    finding.measured = Some(Measured { workers, hashes_per_second: rate });
    Ok(finding)
}

/// One port is slower than another.
pub async fn slower(place: &Place, slow: u16, fast: u16, factor: f64) -> Result<Finding> {
    let address = place.node("head").await?.public;
    let median = async |port: u16| {
        let mut times = Vec::new();
        for _ in 0..REQUESTS {
            let begun = Instant::now();
            let asked = http::get(&address, port, "/").await;
            asked.with_context(|| format!("port {port} of head does not answer"))?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        anyhow::Ok(times[REQUESTS / 2])
    };
    let (slow_ms, fast_ms) = (median(slow).await?, median(fast).await?);
    let seen = format!("port {slow} takes {slow_ms:.1} ms, port {fast} {fast_ms:.1} ms");
    let more = format!("{seen}: not {factor} times as long. Do ten workers run? An empty queue takes no time");
    Ok(Finding::when(slow_ms >= factor * fast_ms, seen, more))
}

/// The containers of the application leave the processors idle.
pub async fn cpu_under(place: &Place, percent: f64) -> Result<Finding> {
    let ask = "ids=$(docker ps -q -f label=com.docker.compose.project=dockercoins); \
               [ -n \"$ids\" ] && docker stats --no-stream --format '{{.CPUPerc}}' $ids";
    let said = place.run("head", ask).await?.stdout;
    let shares: Vec<f64> = said.lines().filter_map(|line| line.trim_end_matches('%').parse().ok()).collect();
    let sum: f64 = shares.iter().sum();
    if shares.is_empty() {
        return Ok(Finding::no("no container of the application runs on head: `docker compose up -d`"));
    }
    let seen = format!("{} containers use {sum:.1} % of one processor together", shares.len());
    let more = format!("{seen}, more than {percent} %. Just after a start it is more: look again in some seconds");
    Ok(Finding::when(sum < percent, seen, more))
}
