//! Workers that only say that they work, at the speed that theory gives ten of them behind one rng.

use std::time::{Duration, Instant};

use ledger::{Announcement, Batch, Coin, Ledger, Mean, now};

/// Seconds of rng, and of hasher and thinking together.
const RNG: f64 = 0.1;
const REST: f64 = 0.2;

/// How long an announcement is kept.
const LIFETIME: Duration = Duration::from_secs(5);

/// Workers and the ledger that they tell.
pub struct Crowd {
    ledger: Ledger,
    workers: Vec<Worker>,
    born: usize,
}

struct Worker {
    id: String,
    at: Instant,
    started: f64,
    /// Hashes done, with the fraction of the one in work.
    done: f64,
    /// When it was advanced, in seconds since it began.
    until: f64,
    told: f64,
    batch: u64,
    handed: u64,
}

impl Crowd {
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, workers: Vec::new(), born: 0 }
    }

    /// So many workers from now on.
    pub fn scale(&mut self, count: usize) {
        self.workers.truncate(count);
        while self.workers.len() < count {
            self.born += 1;
            let id = format!("worker-{}-{:04x}", self.born, std::process::id() as usize * self.born % 65_536);
            let started = now();
            let at = Instant::now();
            // Each hands in at its own time of the second, as they were not started at once.
            let told = (self.born as f64 * 0.37) % 1.0 - 1.0;
            self.workers.push(Worker { id, at, started, done: 0.0, until: 0.0, told, batch: 0, handed: 0 });
        }
    }

    /// What one of them does each second: a queue before rng, once it is busy.
    fn speed(&self) -> f64 {
        (1.0 / (RNG + REST)).min(1.0 / RNG / self.workers.len().max(1) as f64)
    }

    /// Goes on until now, and tells what is due. A ledger that is away is told later.
    pub async fn advance(&mut self) {
        let speed = self.speed();
        let rng = ((1.0 / speed - REST) * 1e3).max(RNG * 1e3);
        for worker in &mut self.workers {
            let age = worker.at.elapsed().as_secs_f64();
            worker.done += (age - worker.until) * speed;
            worker.until = age;
            if age - worker.told < 1.0 {
                continue;
            }
            worker.told = age;
            let hashes = worker.done as u64;
            let new = hashes - worker.handed;
            let said = Announcement {
                id: worker.id.clone(),
                host: "4f2c9a1be07d".to_owned(),
                started: worker.started,
                now: now(),
                state: "mining".to_owned(),
                loops: 1,
                hashes,
                last_hash: age - worker.done.fract() / speed,
                failures: 0,
                rng: Mean { count: new, ms: rng },
                hasher: Mean { count: new, ms: 101.2 },
                ..Announcement::default()
            };
            let coins = (worker.handed..hashes)
                .filter(|hash| hash % 16 == 0)
                .map(|hash| Coin { digest: format!("0{hash:x}{}", worker.id), bytes: vec![0; 32] })
                .collect();
            let batch = Batch { number: worker.batch + 1, hashes: new, coins };
            if self.ledger.commit(&worker.id, &batch).await.is_ok() {
                worker.batch += 1;
                worker.handed = hashes;
                // What could not be announced is announced in a second.
                let _ = self.ledger.announce(&said, LIFETIME).await;
            }
        }
    }
}
