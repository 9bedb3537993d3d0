//! Reading `sweep.json`.

use std::path::{Path, PathBuf};

use crate::result::{SCHEMA, Sweep};

/// The name of the file in the folder of a sweep.
pub const NAME: &str = "sweep.json";

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
    /// It was written by another version of the program.
    #[error(
        "{path} has schema {found}, and this program reads schema {SCHEMA}; use the version of loadgen that wrote it",
        path = .path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
}

/// The file that a person means by a path: the path itself, or `sweep.json` in it where it is a folder.
pub fn locate(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(NAME) } else { path.to_owned() }
}

/// Reads a sweep from a file, or from the folder that it lies in.
///
/// # Errors
/// When there is no such file, it is broken, or another version wrote it.
pub fn read(path: &Path) -> Result<Sweep, ReadError> {
    let path = locate(path);
    let text = std::fs::read_to_string(&path).map_err(|cause| ReadError::Io { path: path.clone(), cause })?;
    let broken = |cause| ReadError::Broken { path: path.clone(), cause };
    // The version comes first: what another version wrote would otherwise be called broken.
    let value: serde_json::Value = serde_json::from_str(&text).map_err(broken)?;
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        None => Err(ReadError::Foreign { path }),
        Some(found) if found != u64::from(SCHEMA) => Err(ReadError::Version { path, found }),
        // From the text and not from the value, so that a mistake is named with its line.
        Some(_) => serde_json::from_str(&text).map_err(broken),
    }
}
