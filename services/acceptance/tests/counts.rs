//! Counts are exact: what the workers accepted is what Redis has, to the unit.

use std::time::{Duration, Instant};

use acceptance::{Service, program};
use testbed::{Program, Proxy, RedisServer, get, wait_for};

const PATIENCE: Duration = Duration::from_secs(30);

/// Within this time workers and webui go on when the host of Redis has lost its power and another has taken its name.
const PROMISED: Duration = Duration::from_secs(10);

/// Loops of a worker.
const LOOPS: u64 = 4;

/// How often the whole experiment is repeated.
const ROUNDS: u32 = 20;

struct World {
    redis: RedisServer,
    /// How workers and webui reach it.
    redis_url: String,
    rng: Service,
    hasher: Service,
    webui: Service,
    workers: Vec<Program>,
    /// What the workers that have stopped said they accepted.
    accepted: u64,
}

impl World {
    fn new() -> Self {
        let redis = RedisServer::start();
        let url = redis.url();
        Self::with(redis, url)
    }

    fn with(redis: RedisServer, redis_url: String) -> Self {
        let fast = ["--delay", "0", "--concurrency", "0"];
        let webui = Service::start("webui", &["--redis-url", &redis_url]);
        let (rng, hasher) = (Service::start("rng", &fast), Service::start("hasher", &fast));
        Self { redis, redis_url, rng, hasher, webui, workers: Vec::new(), accepted: 0 }
    }

    fn start_worker(&mut self) {
        let (rng, hasher, redis, loops) =
            (self.rng.url(), self.hasher.url(), self.redis_url.clone(), LOOPS.to_string());
        #[rustfmt::skip]
        let worker = Program::start(program("worker"), &[
            "--rng-url", &rng, "--hasher-url", &hasher, "--redis-url", &redis, "--think", "0", "--keep-alive",
            "--loops", &loops, "--flush-interval", "20ms", "--drain-timeout", "30s",
        ]);
        worker.wait_for_log("mining");
        self.workers.push(worker);
    }

    /// Stops the oldest worker with SIGTERM; it must have committed everything.
    fn stop_worker(&mut self) {
        self.workers[0].signal("TERM");
        self.oldest_has_stopped();
    }

    fn oldest_has_stopped(&mut self) {
        let mut worker = self.workers.remove(0);
        assert_eq!(worker.wait(), Some(0), "{}", worker.log());
        let log = worker.log();
        let said = log.split("accepted=").nth(1).unwrap_or_else(|| panic!("no count in {log}"));
        let digits: String = said.chars().take_while(char::is_ascii_digit).collect();
        self.accepted += digits.parse::<u64>().expect("a number");
    }

    fn answered(&self) -> u64 {
        self.hasher.metric("hasher_served_total") as u64
    }

    fn gains(&self, more: u64) {
        let goal = self.answered() + more;
        wait_for("more hashes", PATIENCE, || {
            let answered = self.answered();
            if answered >= goal { Ok(()) } else { Err(format!("{answered} of {goal}")) }
        });
    }

    /// The public key, read as the public application reads it.
    fn counted(&self) -> u64 {
        let json = wait_for("webui to see Redis", PATIENCE, || match get(&self.webui.address, "/json") {
            Ok(answer) if answer.status == 200 => Ok(answer.body),
            other => Err(format!("{other:?}")),
        });
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        // Null before anything was counted.
        json["hashes"].as_str().map_or(0, |hashes| hashes.parse().expect("a number"))
    }
}

impl World {
    /// Stops the workers; all that they accepted must be in Redis, once.
    fn ends(mut self, what: &str) {
        while !self.workers.is_empty() {
            self.stop_worker();
        }
        assert_eq!(self.accepted, self.answered(), "{what}: accepted against answered");
        let counted = wait_for("the last count", PATIENCE, || {
            let counted = self.counted();
            if counted >= self.accepted { Ok(counted) } else { Err(format!("{counted} of {}", self.accepted)) }
        });
        assert_eq!(counted, self.accepted, "{what}: counted against accepted");
    }

    /// Waits until Redis has counted more.
    fn counts(&self, more: u64) {
        let goal = self.counted() + more;
        wait_for("more to be counted", PATIENCE, || {
            let counted = self.counted();
            if counted >= goal { Ok(()) } else { Err(format!("{counted} of {goal}")) }
        });
    }
}

#[test]
fn a_redis_whose_host_loses_its_power_is_replaced_without_a_word() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port());
    let mut world = World::with(redis, format!("redis://127.0.0.1:{}", proxy.port()));
    world.start_worker();
    world.start_worker();
    world.counts(300);
    let lost = Instant::now();
    proxy.lose_power();
    // Another host takes the name, with the data of the one that is gone.
    world.redis.kill();
    world.redis.restart();
    world.counts(300);
    println!("workers and webui went on after {:.1?}", lost.elapsed());
    assert!(lost.elapsed() < PROMISED, "workers and webui went on after {:.1?}", lost.elapsed());
    world.ends("after the loss");
}

/// It hands over one batch after the other: what was done before the last one but one came is in Redis.
#[test]
fn a_worker_that_is_killed_loses_what_it_has_done_since_its_last_batches_and_no_more() {
    let mut world = World::new();
    let mut keys = redis::Client::open(world.redis.url()).and_then(|client| client.get_connection()).expect("Redis");
    let mut hashes = || -> u64 { redis::cmd("GET").arg("hashes").query(&mut keys).expect("a count") };
    world.start_worker();
    world.counts(300);
    let before = world.answered();
    for _ in 0..2 {
        let seen = hashes();
        wait_for("a batch", PATIENCE, || if hashes() > seen { Ok(()) } else { Err(format!("{seen}")) });
    }
    world.workers[0].signal("KILL");
    assert_eq!(world.workers.remove(0).wait(), None);
    let (counted, answered) = (hashes(), world.answered());
    // A loop that has its answer may not have accepted it yet.
    assert!(
        before <= counted + LOOPS && counted <= answered,
        "{before} answered, {counted} counted, {answered} in all"
    );
    println!("{} of {answered} hashes were lost", answered - counted);
}

#[test]
fn a_redis_that_is_full_is_told_and_waited_for() {
    let mut world = World::new();
    let mut keys = redis::Client::open(world.redis.url()).and_then(|client| client.get_connection()).expect("Redis");
    let mut limit = |bytes: &str| {
        let () = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).query(&mut keys).expect("a limit");
    };
    world.start_worker();
    world.counts(100);
    limit("1");
    world.workers[0].wait_for_log("Redis is full");
    world.gains(500);
    let before = world.counted();
    world.gains(500);
    assert_eq!(world.counted(), before, "a full Redis took something");
    limit("0");
    world.counts(500);
    assert_eq!(world.workers[0].log().matches("Redis takes nothing").count(), 1, "{}", world.workers[0].log());
    world.ends("after it was full");
}

#[test]
fn a_worker_is_ready_while_redis_answers_also_when_it_has_nothing_to_commit() {
    let mut redis = RedisServer::start();
    redis.kill();
    // rng is nowhere, so there is nothing to commit.
    let worker = Service::start("worker", &["--rng-url", "http://127.0.0.1:1", "--redis-url", &redis.url()]);
    let ready = |wanted: u16| {
        wait_for(&format!("/readyz with {wanted}"), PATIENCE, || {
            let answer = get(&worker.address, "/readyz")?;
            if answer.status == wanted { Ok(answer.body) } else { Err(format!("{answer:?}")) }
        })
    };
    assert_eq!(get(&worker.address, "/readyz").expect("an answer").status, 503);
    redis.restart();
    assert_eq!(ready(200), "ready\n");
    redis.kill();
    assert!(ready(503).starts_with("not ready: "));
    redis.restart();
    ready(200);
}

#[test]
fn what_was_accepted_is_counted_once_through_restarts_of_redis_and_sigterm() {
    for round in 1..=ROUNDS {
        let mut world = World::new();
        world.start_worker();
        world.start_worker();
        world.gains(300);
        // Stopped with SIGTERM, its data kept; the workers go on mining.
        world.redis.stop();
        world.gains(300);
        world.redis.restart();
        world.gains(100);
        // Killed in the middle of commits: nobody knows which of them happened.
        world.redis.kill();
        // A worker that is stopped while Redis is away waits for it.
        world.workers[0].signal("TERM");
        world.gains(300);
        world.redis.restart();
        world.oldest_has_stopped();
        world.start_worker();
        world.gains(200);
        // Frozen, so that commits time out; then it goes on, and what timed out may have happened or not.
        world.redis.program().signal("STOP");
        world.gains(100);
        std::thread::park_timeout(if round % 5 == 0 { Duration::from_millis(2300) } else { Duration::ZERO });
        world.redis.program().signal("CONT");
        world.gains(100);
        world.ends(&format!("round {round}"));
    }
}
