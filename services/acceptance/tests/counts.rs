//! Counts are exact: what the workers accepted is what Redis has, to the unit.

use std::time::Duration;

use acceptance::{Service, program};
use testbed::{Program, RedisServer, get, wait_for};

const PATIENCE: Duration = Duration::from_secs(30);

/// How often the whole experiment is repeated.
const ROUNDS: u32 = 20;

struct World {
    redis: RedisServer,
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
        let fast = ["--delay", "0", "--concurrency", "0"];
        let webui = Service::start("webui", &["--redis-url", &redis.url()]);
        let (rng, hasher) = (Service::start("rng", &fast), Service::start("hasher", &fast));
        Self { redis, rng, hasher, webui, workers: Vec::new(), accepted: 0 }
    }

    fn start_worker(&mut self) {
        let (rng, hasher, redis) = (self.rng.url(), self.hasher.url(), self.redis.url());
        #[rustfmt::skip]
        let worker = Program::start(program("worker"), &[
            "--rng-url", &rng, "--hasher-url", &hasher, "--redis-url", &redis, "--think", "0", "--keep-alive",
            "--loops", "4", "--flush-interval", "20ms", "--drain-timeout", "30s",
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
        self.hasher.metric("hasher_request_service_seconds_count") as u64
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
        let digits = json.split("\"hashes\":").nth(1).expect("hashes in /json").trim_start_matches([' ', '"']);
        digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
    }
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
        world.stop_worker();
        world.stop_worker();
        assert_eq!(world.accepted, world.answered(), "round {round}: accepted against answered");
        let counted = wait_for("the last count", PATIENCE, || {
            let counted = world.counted();
            // webui looks about once a second.
            if counted >= world.accepted { Ok(counted) } else { Err(format!("{counted} of {}", world.accepted)) }
        });
        assert_eq!(counted, world.accepted, "round {round}: counted against accepted");
    }
}
