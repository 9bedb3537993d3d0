//! Reading `sweep.json` and `grid.json`.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::counts::MOST;
use crate::grid::{self, Grid};
use crate::result::{OLDEST, SCHEMA, Sweep};
use crate::theory;

/// More loops than these, of all workers together, no program has run. The theory of that many takes 80 MB and a second.
const MOST_LOOPS: u32 = 10_000_000;

/// The name of the file in the folder of a sweep.
pub const NAME: &str = "sweep.json";

/// The name of the file in the folder of a grid.
pub const GRID: &str = "grid.json";

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Found {
    /// A sweep.
    Sweep(Box<Sweep>),
    /// A grid of sweeps.
    Grid(Grid),
}

/// Why a file is not a sweep.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("{path}: {cause}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It is not JSON, or lacks something.
    #[error("{path} is not a whole sweep: {cause}; run the sweep again to get one", path = .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Where and how.
        cause: serde_json::Error,
    },
    /// It says no version, so it is something else.
    #[error("{path} is JSON, but not a sweep: it has no `schema`", path = .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was written by a later version of the program.
    #[error(
        "{path} has schema {found}, and this program reads up to {reads}; use the version of loadgen that wrote it",
        path = .path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The latest version that this program reads.
        reads: u32,
    },
    /// It has numbers that no sweep has had, and for which the theory would take all memory.
    #[error("{path} has {what}, and no sweep has more than {most}: it was not written by loadgen", path = .path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
        /// The number, with what it counts.
        what: String,
        /// How many there may be.
        most: u32,
    },
    /// It is a grid where one sweep is wanted.
    #[error("{path} is a grid of several sweeps; name the folder of one of its rows", path = .path.display())]
    Grid {
        /// The file.
        path: PathBuf,
    },
}

/// The file that a person means by a path: the path itself, or `grid.json` or `sweep.json` in it where it is a folder.
pub fn locate(path: &Path) -> PathBuf {
    let inside = [GRID, NAME].map(|name| path.join(name));
    match inside {
        _ if !path.is_dir() => path.to_owned(),
        [grid, _] if grid.exists() => grid,
        [_, sweep] => sweep,
    }
}

/// Reads a sweep from a file, or from the folder that it lies in.
///
/// # Errors
/// When there is no such file, it is broken, another version wrote it, or it is a grid.
pub fn read(path: &Path) -> Result<Sweep, ReadError> {
    match read_either(path)? {
        Found::Sweep(sweep) => Ok(*sweep),
        Found::Grid(_) => Err(ReadError::Grid { path: locate(path) }),
    }
}

/// Reads a sweep or a grid from a file, or from the folder that it lies in.
///
/// # Errors
/// When there is no such file, it is broken, or another version wrote it.
pub fn read_either(path: &Path) -> Result<Found, ReadError> {
    let path = locate(path);
    let text = std::fs::read_to_string(&path).map_err(|cause| ReadError::Io { path: path.clone(), cause })?;
    // The version comes first: what another version wrote would otherwise be called broken.
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|cause| ReadError::Broken { path: path.clone(), cause })?;
    let is_grid = value.get("rows").is_some();
    let (oldest, reads) = if is_grid { (grid::OLDEST, grid::SCHEMA) } else { (OLDEST, SCHEMA) };
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        None => Err(ReadError::Foreign { path }),
        Some(found) if !(u64::from(oldest)..=u64::from(reads)).contains(&found) => {
            Err(ReadError::Version { path, found, reads })
        }
        Some(_) if is_grid => {
            let grid: Grid = parse(&path, &text)?;
            grid.rows.iter().try_for_each(|row| bounded(&path, row))?;
            Ok(Found::Grid(grid))
        }
        Some(_) => {
            let sweep = parse(&path, &text)?;
            bounded(&path, &sweep)?;
            Ok(Found::Sweep(Box::new(sweep)))
        }
    }
}

/// Refuses a file with more replicas than one can ask for: what is drawn and computed grows with them.
fn bounded(path: &Path, sweep: &Sweep) -> Result<(), ReadError> {
    let too_many = |what: String, most: u32| Err(ReadError::TooMany { path: path.to_owned(), what, most });
    let asked = sweep.settings.replicas.iter().map(|count| (&sweep.settings.scaled, count));
    let ran = sweep.steps.iter().flat_map(|step| &step.replicas);
    if let Some((service, count)) = asked.chain(&sweep.settings.set).chain(ran).find(|(_, count)| **count > MOST) {
        return too_many(format!("{count} replicas of {service}"), MOST);
    }
    let loops = sweep.steps.iter().map(|step| theory::jobs(&sweep.settings, &step.replicas)).max().unwrap_or(0);
    if loops > MOST_LOOPS {
        return too_many(format!("{loops} loops of workers"), MOST_LOOPS);
    }
    Ok(())
}

/// From the text and not from a value, so that a mistake is named with its line.
fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|cause| ReadError::Broken { path: path.to_owned(), cause })
}
