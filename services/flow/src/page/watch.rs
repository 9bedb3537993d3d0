//! The task that looks at the database twice a second, and what it has seen.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::json::{Health, State, Tile};
use super::look::{Look, look};
use crate::database::Database;
use crate::status::Identity;

/// How often the database is looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// How much of the tiles one answer takes, in bytes: a page gives an answer up after 4 s, also on a slow network.
const ANSWER: usize = 500_000;

/// What a tile takes in an answer beside its points, in bytes.
const AROUND: usize = 40;

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
                    seen.note(found);
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
        let last = seen.last.as_ref();
        let identity = last.map(|last| last.status.identity().to_string());
        let here = format!("{:08x}.{}.", self.boot, identity.as_deref().unwrap_or("none"));
        // A cursor of another process or run says nothing: the tiles are sent from the first one on.
        let had = after.strip_prefix(&here).and_then(|had| had.parse().ok()).unwrap_or(0).min(seen.tiles.len());
        let tiles = as_one_answer(&seen.tiles[had..]).to_vec();
        let cursor = format!("{here}{}", had + tiles.len());
        State {
            database: seen.health.clone(),
            status: last.map(|last| last.status),
            identity,
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
    fn known(&self, run: Identity) -> HashSet<u64> {
        let seen = self.seen();
        let same = seen.last.as_ref().is_some_and(|last| last.status.identity() == run);
        if same { seen.known.clone() } else { HashSet::new() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As many of the tiles as one answer takes.
fn as_one_answer(tiles: &[Tile]) -> &[Tile] {
    let mut size = 0;
    let fits = |tile: &&Tile| {
        size += tile.points.len() + AROUND;
        size <= ANSWER
    };
    &tiles[..tiles.iter().take_while(fits).count()]
}

impl Seen {
    /// Notes what a look found: nothing, where the database is empty, or is empty again.
    fn note(&mut self, mut found: Option<Look>) {
        let identity = |look: &Option<Look>| look.as_ref().map(|look| look.status.identity());
        if identity(&self.last) != identity(&found) {
            self.tiles.clear();
            self.known.clear();
        }
        for (job, tile) in found.iter_mut().flat_map(|found| found.tiles.drain(..)) {
            // Were there two effects of a job, one tile is still one tile.
            if self.known.insert(job) {
                self.tiles.push(tile);
            }
        }
        self.last = found;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Grid;
    use crate::status::{Attempts, Effects, Jobs, Status};

    /// What a look at a run finds whose jobs with these numbers are done.
    fn found(token: u64, jobs: &[u64]) -> Option<Look> {
        let status = Status {
            run: 1,
            token: Some(token),
            grid: Grid { across: 8, down: 8, tile: 256 },
            jobs: Jobs::default(),
            attempts: Attempts::default(),
            effects: Effects::default(),
        };
        let points = "A".repeat(87_384);
        let tile = |&job: &u64| (job, Tile { x: job as u16, y: 0, points: points.clone() });
        Some(Look {
            status,
            jobs_per_second: 0.0,
            workers: Vec::new(),
            marked: Vec::new(),
            dead: Vec::new(),
            rows: Vec::new(),
            tiles: jobs.iter().map(tile).collect(),
            palette: None,
        })
    }

    fn columns(state: &State) -> Vec<u16> {
        state.tiles.iter().map(|tile| tile.x).collect()
    }

    #[test]
    fn an_empty_database_has_no_picture_and_a_new_one_nothing_of_the_old() {
        let watch = Watch::new();
        watch.seen().note(found(7, &[1, 2]));
        let old = watch.state("");
        assert_eq!((columns(&old), watch.known(Identity { run: 1, token: Some(7) }).len()), (vec![1, 2], 2));
        watch.seen().note(None);
        let empty = watch.state(&old.cursor);
        assert!(empty.status.is_none() && empty.identity.is_none() && empty.tiles.is_empty());

        // It was emptied and filled between two looks: the number of the run is the same.
        for token in [8, 9] {
            let before = watch.state("");
            assert!(watch.known(Identity { run: 1, token: Some(token) }).is_empty());
            watch.seen().note(found(token, &[2]));
            let new = watch.state(&before.cursor);
            assert_eq!(columns(&new), [2]);
            assert_ne!(new.identity, before.identity);
        }
    }

    #[test]
    fn a_large_picture_is_sent_in_several_answers() {
        let watch = Watch::new();
        let jobs: Vec<u64> = (0..48).collect();
        watch.seen().note(found(7, &jobs));
        let (mut cursor, mut sent) = (String::new(), Vec::new());
        for _ in 0..jobs.len() {
            let state = watch.state(&cursor);
            assert!(serde_json::to_string(&state).unwrap().len() < ANSWER + 1_000);
            sent.extend(columns(&state));
            cursor = state.cursor;
        }
        assert_eq!(sent, (0..48).collect::<Vec<u16>>());
        // A cursor that is ahead of what there is has nothing more to come.
        assert!(watch.state(&cursor.replace(".48", ".99")).tiles.is_empty());
    }
}
