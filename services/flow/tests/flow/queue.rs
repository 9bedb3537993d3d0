//! What the queue promises, against a real MariaDB.

use std::time::Duration;

use crate::world::World;
use flow::{Claim, Kind, Queue, Submitted};
use mysql_async::prelude::Queryable as _;

fn queue(world: &World, lease: Duration) -> Queue {
    Queue::new(world.database.clone(), lease)
}

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(1);

async fn claim(queue: &Queue, owner: &str) -> Claim {
    queue.claim(owner, "here").await.unwrap().expect("a job is ready")
}

async fn take_back(queue: &Queue) {
    // The lease is over by the database's clock, not by ours.
    while queue.take_back().await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn who_lost_the_lease_hands_in_nothing() {
    let world = World::new();
    world.submit(&["--across=2", "--down=1", "--tile=4"]).await;
    let (hasty, patient) = (queue(&world, SHORT), queue(&world, LONG));
    let first = claim(&hasty, "first").await;
    take_back(&patient).await;
    // Lost, and nobody has it yet: neither renewing nor handing in brings it back.
    assert!(!hasty.renew(&first).await.unwrap());
    assert!(!hasty.complete(&first, b"late").await.unwrap());
    let second = claim(&patient, "second").await;
    assert_eq!((second.job, second.attempt), (first.job, 2));
    // Lost, and somebody has it: even under the same name, the try is another one.
    let namesake = Claim { owner: "second".to_owned(), ..first.clone() };
    for stale in [&first, &namesake] {
        assert!(!hasty.renew(stale).await.unwrap());
        assert!(!hasty.complete(stale, b"late").await.unwrap());
        hasty.give_back(stale).await.unwrap();
    }
    assert!(patient.renew(&second).await.unwrap());
    assert!(patient.complete(&second, b"in time").await.unwrap());
    // Whoever does not know whether it went through tries again, and that is refused.
    assert!(!patient.complete(&second, b"again").await.unwrap());
    let status = world.status().await;
    assert_eq!((status.effects.all, status.effects.twice, status.jobs.done), (1, 0, 1), "{status}");
    assert_eq!((status.attempts.lost, status.attempts.failed, status.attempts.retries), (1, 0, 1), "{status}");
}

#[tokio::test]
async fn no_job_is_claimed_twice_by_those_who_ask_at_once() {
    let world = World::new();
    world.submit(&["--across=30", "--down=1", "--tile=4"]).await;
    let queue = queue(&world, LONG);
    let claims = (0..3).map(|_| {
        let queue = queue.clone();
        tokio::spawn(async move {
            let mut jobs = Vec::new();
            while let Some(claim) = queue.claim("somebody", "here").await.unwrap() {
                jobs.push(claim.job);
            }
            jobs
        })
    });
    let mut jobs = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        jobs.extend(claim.await.unwrap());
    }
    jobs.sort_unstable();
    let all = jobs.len();
    jobs.dedup();
    assert_eq!((all, jobs.len()), (30, 30), "a job was claimed twice, or never");
}

#[tokio::test]
async fn funnels_wait_for_all_that_they_need() {
    let world = World::new();
    world.submit(&["--across=2", "--down=2", "--tile=4"]).await;
    let queue = queue(&world, LONG);
    let tiles =
        [claim(&queue, "a").await, claim(&queue, "a").await, claim(&queue, "a").await, claim(&queue, "a").await];
    assert!(queue.claim("a", "here").await.unwrap().is_none(), "a funnel was ready before its tiles");
    for tile in [0, 2] {
        assert!(queue.complete(&tiles[tile], b"half").await.unwrap());
    }
    assert!(queue.claim("a", "here").await.unwrap().is_none(), "a funnel was ready with half of its tiles");
    assert!(queue.complete(&tiles[1], b"full").await.unwrap());
    let row = claim(&queue, "a").await;
    assert_eq!((row.kind, row.y), (Kind::Row, 0));
    assert_eq!(queue.inputs(&row).await.unwrap(), [b"half".to_vec(), b"full".to_vec()]);
    assert!(queue.complete(&row, b"row").await.unwrap());
    assert!(queue.complete(&tiles[3], b"full").await.unwrap());
    let row = claim(&queue, "a").await;
    assert!(queue.complete(&row, b"row").await.unwrap());
    let picture = claim(&queue, "a").await;
    assert_eq!(picture.kind, Kind::Picture);
    assert!(queue.complete(&picture, b"colours").await.unwrap());
    assert!(world.status().await.is_finished());
}

#[tokio::test]
async fn a_picture_under_way_is_not_doubled() {
    let world = World::new();
    let small = ["--across=2", "--down=1", "--tile=4"];
    assert_eq!(world.submit(&small).await, Submitted::New(1));
    assert_eq!(world.submit(&small).await, Submitted::UnderWay(1));
    assert_eq!(world.submit(&[&small[..], &["--another"]].concat()).await, Submitted::New(2));
    let pending = queue(&world, LONG).pending().await.unwrap();
    assert_eq!((pending.all, pending.open, pending.waiting), (8, 4, 4));
}

/// Whoever has lost the answer asks again, and two that submit at once wait for each other.
#[tokio::test]
async fn one_submission_is_one_picture() {
    let world = World::new();
    let settings = World::settings(&["--across=2", "--down=1", "--tile=4", "--another"]);
    let submit = |token| flow::submit(&world.database, &settings, settings.grid().unwrap(), token);
    assert_eq!(submit(7).await.unwrap(), Submitted::New(1));
    assert_eq!(submit(7).await.unwrap(), Submitted::New(1));
    assert_eq!(queue(&world, LONG).pending().await.unwrap().all, 4);

    let mut other = world.connection().await;
    other.query_drop("DO GET_LOCK('flow.submit', 0)").await.unwrap();
    let refused = submit(8).await.unwrap_err();
    assert!(refused.to_string().contains("somebody else has been submitting"), "{refused}");
    assert_eq!(queue(&world, LONG).pending().await.unwrap().all, 4);
}
