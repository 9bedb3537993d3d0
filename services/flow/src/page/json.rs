//! What `/api/state` answers.

use serde::Serialize;

use crate::dead::DeadLetter;
use crate::job::Kind;
use crate::status::Status;

/// All that the page shows.
#[derive(Debug, Clone, Serialize)]
pub struct State {
    /// Whether the database answers, and else why not.
    pub database: Health,
    /// The newest run; absent before anything was submitted.
    pub status: Option<Status>,
    /// Which run that is: another one where the database was emptied and begins with the same number again.
    pub identity: Option<String>,
    /// Jobs that were done in each of the last seconds, on average.
    pub jobs_per_second: f64,
    /// The workers that have tried a job of this run.
    pub workers: Vec<Worker>,
    /// Tiles that somebody is on or that nobody will be on, and those that were lost a moment ago, whoever has them now.
    pub marked: Vec<Marked>,
    /// Jobs that were put aside, with what became of their tries.
    pub dead: Vec<DeadLetter>,
    /// Rows that are counted.
    pub rows: Vec<u16>,
    /// Tiles that are new since the cursor that was given, as many as one answer takes.
    pub tiles: Vec<Tile>,
    /// A byte of brightness for each count, in base64, when the last funnel is done.
    pub palette: Option<String>,
    /// To be given with the next question.
    pub cursor: String,
}

/// Whether the database answers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Health {
    /// It answered the last question.
    pub ok: bool,
    /// Why it did not.
    pub reason: Option<String>,
}

/// What a worker has done in this run.
#[derive(Debug, Clone, Serialize)]
pub struct Worker {
    /// Its name.
    pub id: String,
    /// The node that it runs on.
    pub node: String,
    /// Jobs that it handed in.
    pub done: u64,
    /// Jobs that it lost or gave back.
    pub lost: u64,
    /// The job that it has now.
    pub now: Option<Now>,
    /// Seconds since it last began a job, or ended one.
    pub idle: f64,
    /// It was silent until the lease of its last job ended, and has tried none since.
    pub silent: bool,
}

/// What a worker does now.
#[derive(Debug, Clone, Serialize)]
pub struct Now {
    pub kind: Kind,
    pub x: u16,
    pub y: u16,
    pub attempt: u16,
    /// Seconds since the job's lease ended; absent while it holds.
    pub overdue: Option<f64>,
}

/// A tile to be marked in the picture.
#[derive(Debug, Clone, Serialize)]
pub struct Marked {
    pub x: u16,
    pub y: u16,
    pub mark: Mark,
    /// The node of the worker that has it now, where one has.
    pub node: Option<String>,
}

/// Why a tile is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// A worker has it.
    Running,
    /// A worker of it was silent for too long, a moment ago. Another one may have it by now, or have done it.
    Lost,
    /// It was tried too often.
    Dead,
}

/// A tile that is done.
#[derive(Debug, Clone, Serialize)]
pub struct Tile {
    pub x: u16,
    pub y: u16,
    /// A byte a point, row by row, in base64.
    pub points: String,
}
