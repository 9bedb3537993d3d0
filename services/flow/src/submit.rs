//! Puts the jobs of one picture into the queue, all or none.

use mysql_async::prelude::Queryable;
use mysql_async::{Transaction, TxOpts};

use crate::database::{Database, Error};
use crate::job::{Grid, Kind};

/// The most tiles of a picture, so that a typing error does not fill a disk.
const MOST_TILES: u32 = 20_000;

/// The largest side of a tile, in pixels: 64 KiB of points.
const LARGEST_TILE: u16 = 256;

/// The most points of a picture: a page that is opened late is sent all of them.
const MOST_POINTS: u32 = 4 << 20;

/// Jobs that are handed over in one statement.
const BATCH: usize = 500;

/// What is to be submitted.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "submit")]
pub struct Config {
    /// Tiles in a row
    #[arg(long, env = "FLOW_ACROSS", default_value_t = 36, value_parser = clap::value_parser!(u16).range(1..=500), value_name = "N")]
    pub across: u16,
    /// Rows of tiles
    #[arg(long, env = "FLOW_DOWN", default_value_t = 27, value_parser = clap::value_parser!(u16).range(1..=500), value_name = "N")]
    pub down: u16,
    /// Pixels of a tile's side
    #[arg(long, env = "FLOW_TILE", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=LARGEST_TILE as i64), value_name = "PIXELS")]
    pub tile: u16,
    /// How often a job is tried before it is put aside as dead
    #[arg(long, env = "FLOW_TRIES", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000), value_name = "N")]
    pub tries: u16,
    /// How many tiles kill the worker that tries them, to see what dead jobs do to the rest
    #[arg(long, env = "FLOW_POISON", default_value_t = 0, value_name = "N")]
    pub poison: u16,
    /// Submit it even while another picture is under way
    #[arg(long, env = "FLOW_ANOTHER", default_value_t = false)]
    pub another: bool,
}

impl Config {
    /// The size of the picture.
    ///
    /// # Errors
    /// A sentence for the person who typed it.
    pub fn grid(&self) -> Result<Grid, String> {
        let tiles = u32::from(self.across) * u32::from(self.down);
        if tiles > MOST_TILES {
            return Err(format!(
                "--across {} times --down {} are {tiles} tiles; {MOST_TILES} at most",
                self.across, self.down
            ));
        }
        let points = tiles * u32::from(self.tile).pow(2);
        if points > MOST_POINTS {
            return Err(format!(
                "{tiles} tiles of --tile {} are a picture of {points} points; {MOST_POINTS} at most",
                self.tile
            ));
        }
        if u32::from(self.poison) > tiles {
            return Err(format!("--poison {} is more than the {tiles} tiles that there are", self.poison));
        }
        Ok(Grid { across: self.across, down: self.down, tile: self.tile })
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// A new run, by its number.
    New(u32),
    /// That run is still under way, so nothing was added. A task that is started again does not double the work.
    UnderWay(u32),
}

/// Submits one picture. Whoever does not know whether that happened submits it again with the same token: a token makes one run.
///
/// # Errors
/// Those of the database, or somebody else was submitting all the time.
pub async fn submit(database: &Database, config: &Config, grid: Grid, token: u64) -> Result<Submitted, Error> {
    database.prepare().await?;
    database
        .bounded("submit the jobs", async {
            let mut conn = database.connection().await?;
            // Two that submit at once would both see that nothing is under way.
            let locked: Option<Option<u8>> = conn.query_first("SELECT GET_LOCK('flow.submit', 5)").await?;
            if locked.flatten() != Some(1) {
                return Err(mysql_async::Error::Other("somebody else has been submitting for five seconds".into()));
            }
            let mut tx = conn.start_transaction(TxOpts::default()).await?;
            let before: Option<u32> = tx.exec_first("SELECT id FROM runs WHERE token = ?", (token,)).await?;
            let under_way: Option<u32> = tx
                .query_first(
                    "SELECT run FROM jobs WHERE state IN ('waiting', 'ready', 'running') ORDER BY run DESC LIMIT 1",
                )
                .await?;
            let outcome = match (before, under_way) {
                (Some(run), _) => Submitted::New(run),
                (None, Some(run)) if !config.another => Submitted::UnderWay(run),
                _ => Submitted::New(fill(&mut tx, config, grid, token).await?),
            };
            tx.commit().await?;
            conn.query_drop("DO RELEASE_LOCK('flow.submit')").await?;
            Ok(outcome)
        })
        .await
}

async fn fill(tx: &mut Transaction<'_>, config: &Config, grid: Grid, token: u64) -> mysql_async::Result<u32> {
    let size = (grid.across, grid.down, grid.tile, token);
    tx.exec_drop("INSERT INTO runs (across, down, tile, token) VALUES (?, ?, ?, ?)", size).await?;
    let run = tx.last_insert_id().unwrap_or_default() as u32;
    for batch in jobs(config, grid).chunks(BATCH) {
        let lines: Vec<String> = batch
            .iter()
            .map(|Job { kind, x, y, waits_for, poisoned }| {
                let state = if *waits_for == 0 { "ready" } else { "waiting" };
                // Numbers and words of ours: nothing here needs to be escaped.
                let (kind, tries) = (kind.name(), config.tries);
                format!("({run},'{kind}',{x},{y},'{state}',{waits_for},{poisoned},{tries},{tries})")
            })
            .collect();
        let columns = "run, kind, x, y, state, waits_for, poisoned, most_tries, budget";
        tx.query_drop(format!("INSERT INTO jobs ({columns}) VALUES {}", lines.join(","))).await?;
    }
    for (kind, needed, same) in [("row", "tile", "AND jobs.y = needed.y"), ("picture", "row", "")] {
        let link = format!(
            "INSERT INTO needs (needed, job) SELECT needed.id, jobs.id FROM jobs JOIN jobs needed ON needed.run = jobs.run {same}
             WHERE jobs.run = ? AND jobs.kind = '{kind}' AND needed.kind = '{needed}'"
        );
        tx.exec_drop(link, (run,)).await?;
    }
    Ok(run)
}

struct Job {
    kind: Kind,
    x: u16,
    y: u16,
    waits_for: u16,
    poisoned: bool,
}

/// All jobs of a picture: the tiles, then the funnels.
fn jobs(config: &Config, grid: Grid) -> Vec<Job> {
    let tiles = usize::from(grid.across) * usize::from(grid.down);
    // Spread over the picture, so that several rows miss a tile.
    let apart = tiles / usize::from(config.poison).max(1);
    let poisoned =
        |index: usize| config.poison > 0 && index % apart == apart / 2 && index / apart < usize::from(config.poison);
    let places = (0..grid.down).flat_map(|y| (0..grid.across).map(move |x| (x, y)));
    let tiles = places.enumerate().map(|(index, (x, y))| Job {
        kind: Kind::Tile,
        x,
        y,
        waits_for: 0,
        poisoned: poisoned(index),
    });
    let rows = (0..grid.down).map(|y| Job { kind: Kind::Row, x: 0, y, waits_for: grid.across, poisoned: false });
    let picture = Job { kind: Kind::Picture, x: 0, y: 0, waits_for: grid.down, poisoned: false };
    tiles.chain(rows).chain([picture]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(across: u16, down: u16, poison: u16) -> Config {
        Config { across, down, tile: 4, tries: 3, poison, another: false }
    }

    #[test]
    fn the_usual_picture_is_a_thousand_jobs() {
        let config = config(36, 27, 3);
        let grid = config.grid().unwrap();
        let jobs = jobs(&config, grid);
        assert_eq!((jobs.len() as u64, grid.jobs()), (1000, 1000));
        assert_eq!(jobs.iter().filter(|job| job.poisoned).count(), 3);
        assert_eq!(jobs.iter().map(|job| u32::from(job.waits_for)).sum::<u32>(), 36 * 27 + 27);
    }

    #[test]
    fn every_number_of_poisoned_tiles_is_exact() {
        for poison in 0..=12 {
            let config = config(4, 3, poison);
            let jobs = jobs(&config, config.grid().unwrap());
            assert_eq!(jobs.iter().filter(|job| job.poisoned).count(), usize::from(poison));
        }
        assert!(config(4, 3, 13).grid().unwrap_err().contains("12 tiles"));
        assert!(config(500, 500, 0).grid().unwrap_err().contains("20000 at most"));
        let large = Config { tile: 256, ..config(100, 20, 0) };
        assert!(large.grid().unwrap_err().contains("131072000 points; 4194304 at most"));
        assert!(Config { tile: 256, ..config(8, 8, 0) }.grid().is_ok());
    }
}
