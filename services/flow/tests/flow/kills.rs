//! A thousand jobs while workers are killed at random and the database once: every effect is there exactly once.
//!
//! It takes 10 to 20 s: a kill proves something only where it falls into the work, so the work must last.

use crate::world::World;
use rand::seq::IndexedMutRandom;
use rand::{RngExt, SeedableRng};
use testbed::Program;

/// Workers at a time.
const CREW: usize = 4;

/// Workers that are killed.
const KILLS: usize = 24;

/// The database is killed after so many of those.
const DATABASE_AFTER: usize = 12;

/// Short leases, so that the jobs of the dead come back soon; a job lasts a little, so that kills fall into it.
const SETTINGS: [&str; 4] = ["--lease=2s", "--think=15ms", "--node=here", "--log-level=warn"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_effect_is_there_once_through_kills() {
    let mut world = World::new();
    // A job that is lost by chance many times must not die here: that is another test's matter.
    world.submit(&["--tile=4", "--tries=100"]).await;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mut crew: Vec<Program> = (0..CREW).map(|_| world.worker(&SETTINGS)).collect();

    for kill in 0..KILLS {
        // Between two kills some jobs are done, so that kills are spread over the whole run however slow the machine is.
        let next = world.status().await.jobs.done + random.random_range(1..30);
        while world.status().await.jobs.done < next {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let victim = crew.choose_mut(&mut random).expect("a crew");
        // Dropping a program kills it with SIGKILL.
        *victim = world.worker(&SETTINGS);
        if kill == DATABASE_AFTER {
            world.server.kill();
            world.server.restart();
        }
    }
    for worker in &mut crew {
        assert_eq!(worker.wait(), Some(0), "{}", worker.log());
    }

    let status = world.status().await;
    println!("{status}");
    assert!(status.is_finished(), "{status}");
    assert_eq!((status.jobs.all, status.jobs.done), (1000, 1000), "{status}");
    assert_eq!((status.effects.all, status.effects.twice, status.effects.missing), (1000, 0, 0), "{status}");
    assert_eq!(status.attempts.done, 1000, "{status}");
    // Each attempt that was not the last one ended with its worker, and the next one is a retry.
    assert!(status.attempts.lost > 0, "no kill fell into a job: {status}");
    assert_eq!(status.attempts.retries, status.attempts.lost + status.attempts.failed, "{status}");
    // The program says the same, to people and to machines.
    let output = world.run("status", &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("effects   1000: 0 twice, 0 missing"), "{output:?}");
}
