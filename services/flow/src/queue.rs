//! The queue: claim a job, keep it, hand in what it brought about, give it back.
//!
//! The promise: every job's effect is there once, however often workers die. It stands on three things. A claim is a row that one
//! transaction has locked, and others skip it. A claim holds for a lease; who is silent longer has lost it. And the effect is written
//! in the same transaction that turns the job from `running` to `done`, which only that owner and that try can do.

use std::time::Duration;

use mysql_async::Transaction;
use mysql_async::prelude::Queryable;

use crate::database::{Database, Error};
use crate::job::{Claim, Grid, Kind};

/// Leases that are taken back at once.
const BATCH: u32 = 100;

/// The queue in a database.
#[derive(Debug, Clone)]
pub struct Queue {
    database: Database,
    lease: Duration,
}

/// How an attempt ended that did not bring the job to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// The worker was silent for longer than its lease.
    Lost,
    /// The worker said that it could not do it.
    Failed,
}

/// How many jobs can still be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// Jobs of all runs, in any state.
    pub all: u64,
    /// Jobs that are ready or running.
    pub open: u64,
    /// Jobs that wait for others. When nothing is open they wait for dead ones.
    pub waiting: u64,
    /// Jobs that were tried too often.
    pub dead: u64,
}

impl Queue {
    /// A queue whose claims hold for `lease`, unless they are renewed.
    pub fn new(database: Database, lease: Duration) -> Self {
        Self { database, lease }
    }

    /// Where the database is.
    pub fn place(&self) -> &str {
        self.database.place()
    }

    /// Claims the first job that is ready and that nobody else is claiming just now.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn claim(&self, owner: &str, node: &str) -> Result<Option<Claim>, Error> {
        self.database
            .bounded("claim a job", async {
                let mut tx = self.database.transaction().await?;
                let found: Option<(u64, u32, Kind, u16, u16, u16, bool)> = tx
                    .query_first(
                        "SELECT id, run, kind, x, y, tries + 1, poisoned FROM jobs WHERE state = 'ready'
                         ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
                    )
                    .await?;
                let Some((job, run, kind, x, y, attempt, poisoned)) = found else {
                    tx.rollback().await?;
                    return Ok(None);
                };
                tx.exec_drop(
                    "UPDATE jobs SET state = 'running', tries = ?, owner = ?, lease_ends = NOW(6) + INTERVAL ? MICROSECOND WHERE id = ?",
                    (attempt, owner, self.microseconds(), job),
                )
                .await?;
                tx.exec_drop(
                    "INSERT INTO attempts (job, try, worker, node) VALUES (?, ?, ?, ?)",
                    (job, attempt, owner, node),
                )
                .await?;
                let size: Option<(u16, u16, u16)> = tx.exec_first("SELECT across, down, tile FROM runs WHERE id = ?", (run,)).await?;
                tx.commit().await?;
                let (across, down, tile) = size.unwrap_or_default();
                let grid = Grid { across, down, tile };
                Ok(Some(Claim { job, run, kind, x, y, attempt, poisoned, owner: owner.to_owned(), grid }))
            })
            .await
    }

    /// Renews a claim's lease. `false` where the claim is lost: somebody else has the job, or will.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn renew(&self, claim: &Claim) -> Result<bool, Error> {
        self.database
            .bounded("renew a lease", async {
                let mut conn = self.database.connection().await?;
                conn.exec_drop(
                    "UPDATE jobs SET lease_ends = NOW(6) + INTERVAL ? MICROSECOND
                     WHERE id = ? AND state = 'running' AND owner = ? AND tries = ?",
                    (self.microseconds(), claim.job, &claim.owner, claim.attempt),
                )
                .await?;
                Ok(conn.affected_rows() == 1)
            })
            .await
    }

    /// Hands in what a job brought about. `false` where the claim was lost meanwhile: then nothing is written.
    ///
    /// # Errors
    /// Those of the database. Whether it was written is not known then; trying again is safe.
    pub async fn complete(&self, claim: &Claim, data: &[u8]) -> Result<bool, Error> {
        self.database
            .bounded("hand in a job", async {
                let mut tx = self.database.transaction().await?;
                tx.exec_drop(
                    "UPDATE jobs SET state = 'done', owner = NULL, lease_ends = NULL
                     WHERE id = ? AND state = 'running' AND owner = ? AND tries = ?",
                    (claim.job, &claim.owner, claim.attempt),
                )
                .await?;
                if tx.affected_rows() != 1 {
                    tx.rollback().await?;
                    return Ok(false);
                }
                tx.exec_drop("INSERT INTO effects (job, data) VALUES (?, ?)", (claim.job, data)).await?;
                end_attempt(&mut tx, claim.job, claim.attempt, "done").await?;
                let dependents: Vec<u64> = tx.exec("SELECT job FROM needs WHERE needed = ?", (claim.job,)).await?;
                for dependent in dependents {
                    // The last one that is needed makes it ready. Its state comes first: it looks at the count from before.
                    tx.exec_drop(
                        "UPDATE jobs SET state = IF(waits_for = 1, 'ready', state), waits_for = waits_for - 1 WHERE id = ?",
                        (dependent,),
                    )
                    .await?;
                }
                tx.commit().await?;
                Ok(true)
            })
            .await
    }

    /// Gives a job back that could not be done: it is ready again, or dead after its last try.
    ///
    /// # Errors
    /// Those of the database. The lease ends then, and the job is taken back.
    pub async fn give_back(&self, claim: &Claim) -> Result<(), Error> {
        self.database
            .bounded("give a job back", async {
                let mut tx = self.database.transaction().await?;
                let ours: Option<u64> = tx
                    .exec_first(
                        "SELECT id FROM jobs WHERE id = ? AND state = 'running' AND owner = ? AND tries = ? FOR UPDATE",
                        (claim.job, &claim.owner, claim.attempt),
                    )
                    .await?;
                if ours.is_some() {
                    release(&mut tx, claim.job, claim.attempt, Setback::Failed).await?;
                }
                tx.commit().await
            })
            .await
    }

    /// Takes back the jobs whose lease has ended; returns how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn take_back(&self) -> Result<usize, Error> {
        self.database
            .bounded("take back jobs whose lease has ended", async {
                let mut tx = self.database.transaction().await?;
                let lost: Vec<(u64, u16)> = tx
                    .exec(
                        "SELECT id, tries FROM jobs WHERE state = 'running' AND lease_ends < NOW(6) LIMIT ? FOR UPDATE SKIP LOCKED",
                        (BATCH,),
                    )
                    .await?;
                for &(job, attempt) in &lost {
                    release(&mut tx, job, attempt, Setback::Lost).await?;
                }
                tx.commit().await?;
                Ok(lost.len())
            })
            .await
    }

    /// The effects that a claimed funnel needs, in the order of their places.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn inputs(&self, claim: &Claim) -> Result<Vec<Vec<u8>>, Error> {
        self.database
            .bounded("read what a funnel needs", async {
                let mut conn = self.database.connection().await?;
                conn.exec(
                    "SELECT effects.data FROM needs JOIN jobs ON jobs.id = needs.needed JOIN effects ON effects.job = needs.needed
                     WHERE needs.job = ? ORDER BY jobs.y, jobs.x",
                    (claim.job,),
                )
                .await
            })
            .await
    }

    /// What is left to do.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn pending(&self) -> Result<Pending, Error> {
        self.database
            .bounded("count what is left", async {
                let mut conn = self.database.connection().await?;
                let states: Vec<(String, u64)> = conn.query("SELECT state, COUNT(*) FROM jobs GROUP BY state").await?;
                let count = |names: &[&str]| {
                    states.iter().filter(|(state, _)| names.contains(&state.as_str())).map(|(_, count)| count).sum()
                };
                Ok(Pending {
                    all: states.iter().map(|(_, count)| count).sum(),
                    open: count(&["ready", "running"]),
                    waiting: count(&["waiting"]),
                    dead: count(&["dead"]),
                })
            })
            .await
    }

    /// Makes dead jobs ready again, with all their tries and without their poison: what killed them has been mended. Returns how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn revive(&self) -> Result<u64, Error> {
        self.database
            .bounded("revive the dead jobs", async {
                let mut conn = self.database.connection().await?;
                // Tries go on being counted, so that the attempts before stay on record.
                conn.query_drop(
                    "UPDATE jobs SET most_tries = tries + budget, poisoned = FALSE, state = 'ready' WHERE state = 'dead'",
                )
                .await?;
                Ok(conn.affected_rows())
            })
            .await
    }

    fn microseconds(&self) -> u64 {
        self.lease.as_micros() as u64
    }
}

async fn end_attempt(tx: &mut Transaction<'_>, job: u64, attempt: u16, outcome: &str) -> mysql_async::Result<()> {
    tx.exec_drop("UPDATE attempts SET ended = NOW(6), outcome = ? WHERE job = ? AND try = ?", (outcome, job, attempt))
        .await
}

/// Ready again, or dead after the last try. The caller holds the lock of the job's row.
async fn release(tx: &mut Transaction<'_>, job: u64, attempt: u16, setback: Setback) -> mysql_async::Result<()> {
    tx.exec_drop(
        "UPDATE jobs SET state = IF(tries >= most_tries, 'dead', 'ready'), owner = NULL, lease_ends = NULL WHERE id = ?",
        (job,),
    )
    .await?;
    let outcome = match setback {
        Setback::Lost => "lost",
        Setback::Failed => "failed",
    };
    end_attempt(tx, job, attempt, outcome).await
}
