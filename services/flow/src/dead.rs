//! The dead letters: jobs that were tried too often and put aside, with what became of each try.

use std::fmt;

use mysql_async::prelude::Queryable;
use serde::Serialize;

use crate::database::{Database, Error};
use crate::job::Kind;

/// The most of them that are listed. What kills more jobs than this is found by looking at a few.
const MOST: u32 = 50;

/// A job that was put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Its number.
    pub job: u64,
    /// What was to be done.
    pub kind: Kind,
    /// Which tile of the row; 0 for a funnel.
    pub x: u16,
    /// Which row; 0 for the picture.
    pub y: u16,
    /// Its tries, the first one first.
    pub tries: Vec<Try>,
}

/// A try that did not bring the job to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Try {
    /// Who tried it.
    pub worker: String,
    /// The node that the worker ran on.
    pub node: String,
    /// `lost` where the worker was silent until its lease ended, `failed` where it gave the job back.
    pub outcome: String,
}

impl DeadLetter {
    /// Those of a run, the lowest numbers first, and not more than fifty.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn of_run(database: &Database, run: u32) -> Result<Vec<Self>, Error> {
        database
            .bounded("read the dead jobs", async {
                let mut conn = database.connection().await?;
                let tries: Vec<(u64, Kind, u16, u16, String, String, String)> = conn
                    .exec(
                        format!(
                            "SELECT dead.id, kind, x, y, worker, node, outcome
                             FROM (SELECT id, kind, x, y FROM jobs WHERE run = ? AND state = 'dead' ORDER BY id LIMIT {MOST}) AS dead
                             JOIN attempts ON attempts.job = dead.id ORDER BY dead.id, try"
                        ),
                        (run,),
                    )
                    .await?;
                let mut letters: Vec<Self> = Vec::new();
                for (job, kind, x, y, worker, node, outcome) in tries {
                    if letters.last().is_none_or(|last| last.job != job) {
                        letters.push(Self { job, kind, x, y, tries: Vec::new() });
                    }
                    let letter = letters.last_mut().expect("one was pushed");
                    letter.tries.push(Try { worker, node, outcome });
                }
                Ok(letters)
            })
            .await
    }
}

impl fmt::Display for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, kind, x, y, tries } = self;
        write!(f, "job {job}, ")?;
        match kind {
            Kind::Tile => write!(f, "tile {x}, {y}")?,
            Kind::Row => write!(f, "row {y}")?,
            Kind::Picture => f.write_str("the colours")?,
        }
        let tries: Vec<String> = tries.iter().map(|Try { node, outcome, .. }| format!("{outcome} on {node}")).collect();
        write!(f, ": {} tries: {}", tries.len(), tries.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_is_told_with_its_node() {
        let on = |node: &str, outcome: &str| Try { worker: "w".into(), node: node.into(), outcome: outcome.into() };
        let tries = vec![on("head", "lost"), on("worker-1", "failed")];
        let mut letter = DeadLetter { job: 7, kind: Kind::Tile, x: 3, y: 4, tries };
        assert_eq!(letter.to_string(), "job 7, tile 3, 4: 2 tries: lost on head, failed on worker-1");
        letter.kind = Kind::Row;
        assert!(letter.to_string().starts_with("job 7, row 4: "), "{letter}");
    }
}
