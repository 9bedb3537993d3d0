//! The task that looks at the database twice a second, and what it has seen.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::json::{Health, State, Tile};
use super::look::{Look, look};
use crate::database::Database;

/// How often the database is looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// What the task has seen, for the routes.
#[derive(Debug)]
pub struct Watch {
    /// Tells this process's cursors from those of one before.
    boot: u32,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    health: Health,
    last: Option<Look>,
    /// The tiles of the last look's run, in the order in which they were seen.
    tiles: Vec<Tile>,
    known: HashSet<u64>,
}

impl Watch {
    pub fn new() -> Self {
        Self { boot: rand::random(), seen: Mutex::default() }
    }

    /// Looks until `stop` is cancelled.
    pub async fn run(self: Arc<Self>, database: Database, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(PERIOD);
        // After a slow answer the next question waits a whole period: a database in trouble is not asked faster.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.is_cancelled() {
            tokio::select! { _ = ticks.tick() => {} () = stop.cancelled() => break }
            let found = look(&database, |run| self.known(run)).await;
            let mut seen = self.seen();
            match found {
                Ok(found) => {
                    seen.health = Health { ok: true, reason: None };
                    if let Some(found) = found {
                        seen.note(found);
                    }
                }
                Err(error) => {
                    if seen.health.ok || seen.health.reason.is_none() {
                        tracing::warn!("{error}; trying again until it works");
                    }
                    seen.health = Health { ok: false, reason: Some(error.to_string()) };
                }
            }
        }
    }

    /// Ready while the database answers.
    pub fn ready(&self) -> Result<(), String> {
        let seen = self.seen();
        match &seen.health {
            Health { ok: true, .. } => Ok(()),
            Health { reason, .. } => Err(reason.clone().unwrap_or_else(|| "the database was not asked yet".to_owned())),
        }
    }

    /// What the page shows; only the tiles after the cursor.
    pub fn state(&self, after: &str) -> State {
        let seen = self.seen();
        let run = seen.last.as_ref().map_or(0, |last| last.status.run);
        let here = format!("{:08x}.{run}.", self.boot);
        // A cursor of another process or run says nothing: all tiles are sent then.
        let had = after.strip_prefix(&here).and_then(|had| had.parse().ok()).unwrap_or(0);
        let tiles = seen.tiles.get(had..).unwrap_or_default().to_vec();
        let cursor = format!("{here}{}", seen.tiles.len());
        let last = seen.last.as_ref();
        State {
            database: seen.health.clone(),
            status: last.map(|last| last.status),
            jobs_per_second: last.map_or(0.0, |last| last.jobs_per_second),
            workers: last.map(|last| last.workers.clone()).unwrap_or_default(),
            marked: last.map(|last| last.marked.clone()).unwrap_or_default(),
            dead: last.map(|last| last.dead.clone()).unwrap_or_default(),
            rows: last.map(|last| last.rows.clone()).unwrap_or_default(),
            tiles,
            palette: last.and_then(|last| last.palette.clone()),
            cursor,
        }
    }

    /// The tiles that are known of a run: none where it is a new one.
    fn known(&self, run: u32) -> HashSet<u64> {
        let seen = self.seen();
        let same = seen.last.as_ref().is_some_and(|last| last.status.run == run);
        if same { seen.known.clone() } else { HashSet::new() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn note(&mut self, mut found: Look) {
        if self.last.as_ref().is_none_or(|last| last.status.run != found.status.run) {
            self.tiles.clear();
            self.known.clear();
        }
        for (job, tile) in found.tiles.drain(..) {
            // Were there two effects of a job, one tile is still one tile.
            if self.known.insert(job) {
                self.tiles.push(tile);
            }
        }
        self.last = Some(found);
    }
}
