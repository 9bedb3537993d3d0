//! What has become of the newest picture: how many jobs are in which state, how often they were tried, what they brought about.

use std::fmt;

use mysql_async::prelude::Queryable;
use serde::Serialize;

use crate::database::{Database, Error};
use crate::job::Grid;

/// Jobs by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Jobs {
    /// All of them.
    pub all: u64,
    /// Wait for others.
    pub waiting: u64,
    /// Can be claimed.
    pub ready: u64,
    /// Are claimed.
    pub running: u64,
    /// Are done.
    pub done: u64,
    /// Were tried too often.
    pub dead: u64,
}

/// Attempts by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Attempts {
    /// All of them.
    pub all: u64,
    /// Brought their job to its end.
    pub done: u64,
    /// Ended with the lease: the worker was killed, or cut off.
    pub lost: u64,
    /// The worker gave the job back.
    pub failed: u64,
    /// Attempts after the first, over all jobs.
    pub retries: u64,
}

/// What the jobs have brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Effects {
    /// Effects of the run's jobs.
    pub all: u64,
    /// Jobs with more than one: always 0, or a promise is broken.
    pub twice: u64,
    /// Jobs that are done without one: always 0, or a promise is broken.
    pub missing: u64,
}

/// Which run it is: a database that has lost its data gives the same numbers again, but not the same tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The run's number.
    pub run: u32,
    /// The token of its submission.
    pub token: Option<u64>,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.run, self.token.unwrap_or_default())
    }
}

/// The state of the newest run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its number.
    pub run: u32,
    /// The token of its submission.
    #[serde(skip)]
    pub token: Option<u64>,
    /// The size of its picture.
    pub grid: Grid,
    /// Jobs by state.
    pub jobs: Jobs,
    /// Attempts by outcome.
    pub attempts: Attempts,
    /// What they brought about.
    pub effects: Effects,
}

impl Status {
    /// Whether every job is done.
    pub fn is_finished(&self) -> bool {
        self.jobs.done == self.jobs.all
    }

    /// Which run this is the state of.
    pub fn identity(&self) -> Identity {
        Identity { run: self.run, token: self.token }
    }

    /// Asks for it. `None` before anything was submitted.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ask(database: &Database) -> Result<Option<Self>, Error> {
        database
            .bounded("read how far the jobs are", async {
                let mut conn = database.connection().await?;
                let newest: Option<(u32, Option<u64>, u16, u16, u16)> =
                    conn.query_first("SELECT id, token, across, down, tile FROM runs ORDER BY id DESC LIMIT 1").await?;
                let Some((run, token, across, down, tile)) = newest else { return Ok(None) };
                let jobs: Option<(u64, u64, u64, u64, u64, u64)> = conn
                    .exec_first(
                        "SELECT COUNT(*), COUNT(IF(state = 'waiting', 1, NULL)), COUNT(IF(state = 'ready', 1, NULL)),
                                COUNT(IF(state = 'running', 1, NULL)), COUNT(IF(state = 'done', 1, NULL)),
                                COUNT(IF(state = 'dead', 1, NULL)) FROM jobs WHERE run = ?",
                        (run,),
                    )
                    .await?;
                let (all, waiting, ready, running, done, dead) = jobs.unwrap_or_default();
                let jobs = Jobs { all, waiting, ready, running, done, dead };
                let attempts: Option<(u64, u64, u64, u64, u64)> = conn
                    .exec_first(
                        "SELECT COUNT(*), COUNT(IF(outcome = 'done', 1, NULL)), COUNT(IF(outcome = 'lost', 1, NULL)),
                                COUNT(IF(outcome = 'failed', 1, NULL)), COUNT(IF(try > 1, 1, NULL))
                         FROM attempts JOIN jobs ON jobs.id = attempts.job WHERE jobs.run = ?",
                        (run,),
                    )
                    .await?;
                let (all, done, lost, failed, retries) = attempts.unwrap_or_default();
                let attempts = Attempts { all, done, lost, failed, retries };
                let effects: Option<(u64, u64, u64)> = conn
                    .exec_first(
                        "SELECT COALESCE(SUM(made), 0), COUNT(IF(made > 1, 1, NULL)), COUNT(IF(made = 0 AND state = 'done', 1, NULL))
                         FROM (SELECT jobs.state, COUNT(effects.id) AS made FROM jobs LEFT JOIN effects ON effects.job = jobs.id
                               WHERE jobs.run = ? GROUP BY jobs.id, jobs.state) AS counted",
                        (run,),
                    )
                    .await?;
                let (all, twice, missing) = effects.unwrap_or_default();
                let effects = Effects { all, twice, missing };
                Ok(Some(Self { run, token, grid: Grid { across, down, tile }, jobs, attempts, effects }))
            })
            .await
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, grid, jobs, attempts, effects, .. } = self;
        writeln!(f, "run {run}: {} by {} tiles, {} jobs", grid.across, grid.down, jobs.all)?;
        let Jobs { waiting, ready, running, done, dead, .. } = jobs;
        writeln!(f, "jobs      {waiting} waiting, {ready} ready, {running} running, {done} done, {dead} dead")?;
        let Attempts { all, done, lost, failed, retries } = attempts;
        writeln!(f, "attempts  {all}: {done} done, {lost} lost, {failed} failed; {retries} retries")?;
        let Effects { all, twice, missing } = effects;
        writeln!(f, "effects   {all}: {twice} twice, {missing} missing")
    }
}
