//! What is measured.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use swarm::patience::shortfall;
use swarm::patient;

use crate::check::{Finding, Look, Scene, Verb, http};
use crate::place::Place;
use crate::state::Measured;

use super::counted;

/// Pause between two looks at the counter.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The speed is taken over so many seconds; workers tell about once a second, so whole seconds have no edge.
const OVER: f64 = 10.0;
/// The two halves of that time may differ by so many percent; else workers are still coming or going.
const STEADY: f64 = 6.0;
/// How long a speed may take to become steady: workers that have gone are listed a while, and new ones have to start.
const STEADY_WITHIN: Duration = Duration::from_secs(45);
/// Requests to each of the ports that are compared.
const REQUESTS: usize = 5;

/// `counter_moves`
pub const COUNTER_MOVES: Verb = Verb {
    form: "counter_moves",
    about: "The application's count of hashes grows.",
    example: "counter_moves",
    generic: false,
    holds_at_first: false,
    read: |_| Ok(Box::new(CounterMoves)),
};

#[derive(Debug)]
struct CounterMoves;

#[async_trait]
impl Look for CounterMoves {
    fn what(&self) -> String {
        "hashes are counted".to_owned()
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let count = async || anyhow::Ok(count(&http::state(scene.place).await?));
        let before = count().await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let after = count().await?;
        Ok(Finding::when(
            after > before,
            format!("{:.0} hashes in 3 s", after - before),
            format!("the count stays at {after}: does a worker run? `docker compose ps` or `docker service ls`"),
        ))
    }

    fn measures(&self) -> bool {
        true
    }
}

fn count(state: &serde_json::Value) -> f64 {
    state["totals"]["hashes"].as_f64().unwrap_or(0.0)
}

/// Hashes a second by least squares through the points (seconds, count).
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (mean_x, mean_y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in points {
        above += (x - mean_x) * (y - mean_y);
        below += (x - mean_x).powi(2);
    }
    if below > 0.0 { above / below } else { 0.0 }
}

/// Whether both halves of the time say the same, as far as whole hashes let them.
fn steady(points: &[(f64, f64)]) -> bool {
    let (first, second) = points.split_at(points.len() / 2);
    let (a, b) = (slope(first), slope(second));
    // A worker hands over about once a second; one hash more or less in half of the time is no change.
    (a - b).abs() <= STEADY / 100.0 * a.max(b) + 2.0 / OVER
}

/// The speed once it is steady, and the number of workers that say so.
async fn speed(place: &Place, glance: bool) -> Result<(f64, usize)> {
    let over = if glance { OVER / 2.0 } else { OVER };
    let begun = Instant::now();
    let mut points: Vec<(f64, f64)> = Vec::new();
    loop {
        let state = http::state(place).await?;
        let now = begun.elapsed().as_secs_f64();
        points.push((now, count(&state)));
        points.retain(|(at, _)| *at >= now - over);
        let long_enough = now - points[0].0 >= over - 2.0 * LOOK_EVERY.as_secs_f64();
        let patience_ends = begun.elapsed() > patient(STEADY_WITHIN);
        if long_enough && (glance || steady(&points) || patience_ends) {
            let workers = state["workers"].as_array().cloned().unwrap_or_default();
            return Ok((slope(&points), workers.iter().filter(|worker| worker["silent"].is_null()).count()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// `rate`
pub const RATE: Verb = Verb {
    form: "rate R within P%",
    about: "The application makes R hashes a second, within P percent, once its speed is steady.",
    example: "rate 10 within 5%",
    generic: false,
    holds_at_first: false,
    read: |args| {
        let wanted = args.number("R")?;
        args.expect("within")?;
        Ok(Box::new(Rate { wanted, percent: args.percent("P%")? }))
    },
};

#[derive(Debug)]
struct Rate {
    wanted: f64,
    percent: f64,
}

/// By how much a rate may be off, as it is really taken: patience lets it fall shorter, and not rise higher.
fn tolerance(more: f64, less: f64) -> String {
    let (more, less) = ((more * 10.0).round() / 10.0, (less * 10.0).round() / 10.0);
    if more == less { format!("within {more} %") } else { format!("at most {less} % less, or {more} % more") }
}

/// What to look at, by how many percent the rate is off.
fn advice(off: f64) -> &'static str {
    if off > 0.0 {
        ", and this is faster. Does more run than the step asks for? `docker service ls` shows it, or `docker compose ps`"
    } else {
        ". Do all tasks run? New ones need some seconds to begin"
    }
}

#[async_trait]
impl Look for Rate {
    fn what(&self) -> String {
        format!("{} hashes/s, {}", self.wanted, tolerance(self.percent, shortfall(self.percent)))
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (rate, workers) = speed(scene.place, scene.glance).await?;
        let off = 100.0 * (rate / self.wanted - 1.0);
        let holds = off <= self.percent && -off <= shortfall(self.percent);
        let seen = format!("{rate:.2} hashes/s with {}", counted(workers, "worker"));
        let mut finding =
            Finding::when(holds, seen.clone(), format!("{seen}; it should be {}{}", self.wanted, advice(off)));
        finding.measured = Some(Measured { workers, hashes_per_second: rate });
        Ok(finding)
    }

    fn measures(&self) -> bool {
        true
    }

    fn bound(&self) -> Duration {
        STEADY_WITHIN + Duration::from_secs(15)
    }
}

/// `slower`
pub const SLOWER: Verb = Verb {
    form: "slower PORT PORT FACTOR",
    about: "The first port of head takes so many times longer to answer than the second, by the quickest of 5 requests each: what else a machine does makes answers later, never sooner.",
    example: "slower 8001 8002 10",
    generic: false,
    holds_at_first: false,
    read: |args| {
        Ok(Box::new(Slower { slow: args.port("PORT")?, fast: args.port("PORT")?, factor: args.number("FACTOR")? }))
    },
};

#[derive(Debug)]
struct Slower {
    slow: u16,
    fast: u16,
    factor: f64,
}

#[async_trait]
impl Look for Slower {
    fn what(&self) -> String {
        format!("port {} is {} times slower than {}", self.slow, self.factor, self.fast)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let address = scene.place.node("head").await?.public;
        let quickest = async |port: u16| {
            let mut least_ms = f64::INFINITY;
            for _ in 0..REQUESTS {
                let begun = Instant::now();
                let asked = http::get(&address, port, "/").await;
                asked.with_context(|| format!("port {port} of head does not answer"))?;
                least_ms = least_ms.min(begun.elapsed().as_secs_f64() * 1e3);
            }
            anyhow::Ok(least_ms)
        };
        let (slow_ms, fast_ms) = (quickest(self.slow).await?, quickest(self.fast).await?);
        let seen = format!("port {} takes {slow_ms:.1} ms, port {} {fast_ms:.1} ms", self.slow, self.fast);
        let more =
            format!("{seen}: not {} times as long. Do ten workers run? An empty queue takes no time", self.factor);
        Ok(Finding::when(slow_ms >= self.factor * fast_ms, seen, more))
    }

    fn measures(&self) -> bool {
        true
    }
}

/// `cpu_under`
pub const CPU_UNDER: Verb = Verb {
    form: "cpu_under PERCENT",
    about: "The application's containers on head use less than so much of one processor together.",
    example: "cpu_under 60",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(CpuUnder(args.number("PERCENT")?))),
};

#[derive(Debug)]
struct CpuUnder(f64);

#[async_trait]
impl Look for CpuUnder {
    fn what(&self) -> String {
        format!("all of it uses under {} % of one processor", self.0)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let ask = "ids=$(docker ps -q -f label=com.docker.compose.project=dockercoins); \
                   [ -n \"$ids\" ] && docker stats --no-stream --format '{{.CPUPerc}}' $ids";
        let said = scene.place.run("head", ask).await?.stdout;
        let shares: Vec<f64> = said.lines().filter_map(|line| line.trim_end_matches('%').parse().ok()).collect();
        let sum: f64 = shares.iter().sum();
        if shares.is_empty() {
            return Ok(Finding::no("no container of the application runs on head: `docker compose up -d`"));
        }
        let seen = format!("{} containers use {sum:.1} % of one processor together", shares.len());
        let more = format!("{seen}, more than {} %. Just after a start it is more: look again in some seconds", self.0);
        Ok(Finding::when(sum < self.0, seen, more))
    }

    fn measures(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points each quarter of a second of a worker that hands over whole hashes once a second.
    fn points(count: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..=40).map(|n| f64::from(n) / 4.0).map(|at| (at, count(at.floor()).floor())).collect()
    }

    #[test]
    fn a_rate_is_shown_with_the_tolerance_that_is_taken_and_the_advice_that_fits() {
        assert_eq!(tolerance(5.0, 5.0), "within 5 %");
        assert_eq!(tolerance(5.0, 15.0), "at most 15 % less, or 5 % more");
        // What a rate is shown with is what it is judged by, whatever the patience of this machine.
        let rate = Rate { wanted: 10.0, percent: 5.0 };
        assert_eq!(rate.what(), format!("10 hashes/s, {}", tolerance(5.0, shortfall(5.0))));
        assert!(advice(-20.0).contains("Do all tasks run?"));
        assert!(advice(87.0).contains("this is faster") && !advice(87.0).contains("Do all tasks run?"));
    }

    #[test]
    fn a_steady_speed_is_taken_and_a_growing_one_is_waited_for() {
        for rate in [3.33, 10.0, 20.0, 30.0, 33.3] {
            let points = points(|at| rate * at);
            assert!(steady(&points), "{rate}");
            assert!((slope(&points) / rate - 1.0).abs() < 0.05, "{rate}: {}", slope(&points));
        }
        assert!(!steady(&points(|at| if at < 5.0 { 10.0 * at } else { 20.0 * at - 50.0 })));
        assert!(!steady(&points(|at| at * at)));
        // One that stands still is steady too, at nothing.
        assert!(steady(&points(|_| 0.0)) && slope(&points(|_| 0.0)) == 0.0);
    }
}
