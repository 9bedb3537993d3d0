//! The folder that a result is written to.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;
use sweep::files::replace;

use super::parts::Whole;
use super::repeat::Repeated;
use super::report;
use crate::commands::results;

/// The log of a run while it lasts. It gets its name at the end, so that a run that fails costs no earlier one its log.
const PARTIAL: &str = "bench.hlog.partial";

/// The folder, and whether an older result has to leave it.
pub struct Folder {
    path: PathBuf,
    /// Whether there are several runs, each with a folder of its own in it.
    several: bool,
    /// Results that are there already go when there is one to take their place.
    stale: bool,
}

impl Folder {
    /// Makes it ready, before minutes are spent on measuring.
    ///
    /// # Errors
    /// It cannot be made or written, or holds a result and is not to be replaced.
    pub fn prepare(path: &Path, several: bool, force: bool) -> anyhow::Result<Self> {
        results::prepare(path, force).map_err(anyhow::Error::msg)?;
        Ok(Folder { path: path.to_owned(), several, stale: force })
    }

    /// Where the log of the next run goes while it lasts.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn log(&self) -> anyhow::Result<File> {
        let path = self.path.join(PARTIAL);
        File::create(&path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Keeps the result of a run, the first of which is 1, and its log where that was written whole.
    ///
    /// # Errors
    /// A file cannot be written; those before it are.
    pub fn keep(&mut self, run: usize, result: &Whole<'_>, logged: anyhow::Result<()>) -> anyhow::Result<()> {
        if std::mem::take(&mut self.stale) {
            results::clear(&self.path).map_err(anyhow::Error::msg)?;
        }
        let place = if self.several { self.path.join(format!("run-{run}")) } else { self.path.clone() };
        fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
        // First what cannot be made again from the others.
        write(&place, "bench.json", &(serde_json::to_string_pretty(result)? + "\n"))?;
        let log = place.join("bench.hlog");
        let renamed = || fs::rename(self.path.join(PARTIAL), &log);
        let logged = logged.and_then(|()| renamed().with_context(|| format!("cannot write {}", log.display())));
        write(&place, "report.html", &report::html(result.bench))?;
        logged
    }

    /// Keeps what varies between the runs.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_all(&self, all: &Repeated<'_>) -> anyhow::Result<()> {
        write(&self.path, "repeat.json", &all.summary()?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Of a run that failed. Where there is none, or it cannot be removed, it does no harm.
        let _ = fs::remove_file(self.path.join(PARTIAL));
    }
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(name);
    replace(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
