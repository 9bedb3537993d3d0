//! One look at the database: all that the page shows of the newest run, and the tiles that were not seen before.

use std::collections::{HashMap, HashSet};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::json::{Mark, Marked, Now, Tile, Worker};
use crate::database::{Database, Error};
use crate::dead::DeadLetter;
use crate::job::Kind;
use crate::status::{Identity, Status};

/// Over how many seconds the speed is taken.
const SPEED_SECONDS: u32 = 5;

/// For how many seconds a tile is marked whose worker was lost.
const LOST_SECONDS: u32 = 4;

/// Tiles that are fetched in one statement.
const BATCH: usize = 400;

/// What one look found.
#[derive(Debug)]
pub struct Look {
    pub status: Status,
    pub jobs_per_second: f64,
    pub workers: Vec<Worker>,
    pub marked: Vec<Marked>,
    pub dead: Vec<DeadLetter>,
    pub rows: Vec<u16>,
    /// New tiles, with their job's number.
    pub tiles: Vec<(u64, Tile)>,
    pub palette: Option<String>,
}

struct Row {
    id: u64,
    kind: Kind,
    x: u16,
    y: u16,
    state: String,
    owner: Option<String>,
    tries: u16,
    overdue: Option<f64>,
}

/// Looks. `seen` tells the tiles that are known of a run. `None` before anything was submitted.
pub async fn look(database: &Database, seen: impl Fn(Identity) -> HashSet<u64>) -> Result<Option<Look>, Error> {
    let status = match Status::ask(database).await {
        Ok(Some(status)) => status,
        Ok(None) => return Ok(None),
        Err(error) if error.is_no_table() => return Ok(None),
        Err(error) => return Err(error),
    };
    let seen = seen(status.identity());
    // Mostly there are none, and then nothing is asked.
    let dead = if status.jobs.dead > 0 { DeadLetter::of_run(database, status.run).await? } else { Vec::new() };
    database.bounded("look at the jobs", details(database, status, dead, &seen)).await.map(Some)
}

async fn details(
    database: &Database,
    status: Status,
    dead: Vec<DeadLetter>,
    seen: &HashSet<u64>,
) -> mysql_async::Result<Look> {
    let mut conn = database.connection().await?;
    let run = (status.run,);
    let jobs = conn
        .exec_map(
            "SELECT id, kind, x, y, state, owner, tries, CAST(TIMESTAMPDIFF(MICROSECOND, lease_ends, NOW(6)) / 1e6 AS DOUBLE)
             FROM jobs WHERE run = ? ORDER BY id",
            run,
            |(id, kind, x, y, state, owner, tries, overdue)| Row { id, kind, x, y, state, owner, tries, overdue },
        )
        .await?;
    let mut workers = workers(&mut conn, run).await?;
    let lost: HashSet<u64> = conn
        .exec(
            format!(
                "SELECT job FROM attempts JOIN jobs ON jobs.id = attempts.job
                 WHERE jobs.run = ? AND outcome = 'lost' AND ended > NOW(6) - INTERVAL {LOST_SECONDS} SECOND"
            ),
            run,
        )
        .await?
        .into_iter()
        .collect();
    let per_second: Option<f64> = conn
        .query_first(format!(
            "SELECT CAST(COUNT(*) / {SPEED_SECONDS} AS DOUBLE) FROM effects WHERE made > NOW(6) - INTERVAL {SPEED_SECONDS} SECOND"
        ))
        .await?;
    let palette: Option<Vec<u8>> = conn
        .exec_first(
            "SELECT data FROM effects JOIN jobs ON jobs.id = effects.job WHERE jobs.run = ? AND jobs.kind = 'picture'",
            run,
        )
        .await?;

    let nodes: HashMap<String, String> =
        workers.iter().map(|worker| (worker.id.clone(), worker.node.clone())).collect();
    for job in jobs.iter().filter(|job| job.state == "running") {
        if let Some(worker) = workers.iter_mut().find(|worker| Some(&worker.id) == job.owner.as_ref()) {
            let overdue = job.overdue.filter(|&seconds| seconds > 0.0);
            worker.now = Some(Now { kind: job.kind, x: job.x, y: job.y, attempt: job.tries, overdue });
        }
    }
    let marked = jobs.iter().filter(|job| job.kind == Kind::Tile).filter_map(|job| {
        let mark = match job.state.as_str() {
            "dead" => Mark::Dead,
            // Whoever takes a job back claims it in the next moment, and has done it in the one after: nobody would see the mark.
            _ if lost.contains(&job.id) => Mark::Lost,
            "running" => Mark::Running,
            _ => return None,
        };
        let node = job.owner.as_ref().and_then(|owner| nodes.get(owner)).cloned();
        Some(Marked { x: job.x, y: job.y, mark, node })
    });
    let rows = jobs.iter().filter(|job| job.kind == Kind::Row && job.state == "done").map(|job| job.y).collect();
    let fresh: Vec<u64> = jobs
        .iter()
        .filter(|job| job.kind == Kind::Tile && job.state == "done" && !seen.contains(&job.id))
        .map(|job| job.id)
        .collect();
    let mut tiles = Vec::with_capacity(fresh.len());
    for batch in fresh.chunks(BATCH) {
        // Numbers alone: nothing here needs to be escaped.
        let numbers: Vec<String> = batch.iter().map(u64::to_string).collect();
        let statement = format!(
            "SELECT jobs.id, jobs.x, jobs.y, effects.data FROM effects JOIN jobs ON jobs.id = effects.job WHERE jobs.id IN ({})",
            numbers.join(",")
        );
        let batch: Vec<(u64, u16, u16, Vec<u8>)> = conn.query(statement).await?;
        tiles.extend(
            batch.into_iter().map(|(id, x, y, data)| (id, Tile { x, y, points: BASE64_STANDARD.encode(data) })),
        );
    }
    Ok(Look {
        status,
        jobs_per_second: per_second.unwrap_or_default(),
        marked: marked.collect(),
        dead,
        rows,
        workers,
        tiles,
        palette: palette.map(|bytes| BASE64_STANDARD.encode(bytes)),
    })
}

/// The workers that have tried a job of a run. The end of an attempt that was lost is not the worker's doing.
async fn workers(conn: &mut Conn, run: (u32,)) -> mysql_async::Result<Vec<Worker>> {
    conn.exec_map(
        "SELECT worker, node, COUNT(IF(outcome = 'done', 1, NULL)), COUNT(IF(outcome IN ('lost', 'failed'), 1, NULL)),
                CAST(TIMESTAMPDIFF(MICROSECOND, MAX(IF(outcome IN ('done', 'failed'), ended, began)), NOW(6)) / 1e6 AS DOUBLE),
                COALESCE(MAX(IF(outcome = 'lost', began, NULL)) = MAX(began), 0)
         FROM attempts JOIN jobs ON jobs.id = attempts.job WHERE jobs.run = ? GROUP BY worker, node ORDER BY node, worker",
        run,
        |(id, node, done, lost, idle, silent)| Worker { id, node, done, lost, now: None, idle, silent },
    )
    .await
}
