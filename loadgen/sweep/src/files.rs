//! Writing the files of a run: `sweep.json` or `grid.json`, the same as CSV, an HDR log for each service, and `report.html`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::file::{GRID, NAME};
use crate::grid::Grid;
use crate::result::Sweep;
use crate::{csv, hdr, report};

/// The name of the report, of a sweep and of a grid.
const REPORT: &str = "report.html";

/// Makes the folder and sees that it can be written, before minutes are spent on measuring.
///
/// # Errors
/// The folder cannot be made or written, or holds a result already and `replace` is false. One line that says what to do.
pub fn prepare(folder: &Path, replace: bool) -> Result<(), String> {
    let shown = folder.display();
    fs::create_dir_all(folder).map_err(|error| format!("cannot make the folder {shown}: {error}"))?;
    if [NAME, GRID].iter().any(|name| folder.join(name).exists()) && !replace {
        return Err(taken(folder));
    }
    let trial = folder.join(".sweep-trial");
    fs::write(&trial, b"trial")
        .and_then(|()| fs::remove_file(&trial))
        .map_err(|error| format!("cannot write to the folder {shown}: {error}"))
}

/// What to do where a folder holds a result and is not to be replaced.
pub fn taken(folder: &Path) -> String {
    format!("{} holds a result already: choose another folder with --out, or add --force", folder.display())
}

/// Writes all files of a sweep; returns their paths, the report first.
///
/// # Errors
/// A file cannot be written: the disk is full, or the folder has gone. One line that names the file.
pub fn write(sweep: &Sweep, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = vec![
        // First what cannot be made again from the others.
        (NAME.to_owned(), json(sweep)?),
        ("sweep.csv".to_owned(), csv::csv(&[sweep]).into_bytes()),
        (REPORT.to_owned(), report::html(sweep).into_bytes()),
    ];
    for service in hdr::services(sweep) {
        let mut log = Vec::new();
        hdr::write(sweep, &service, &mut log).map_err(|error| error.to_string())?;
        files.push((format!("{service}.hlog"), log));
    }
    write_all(folder, files)
}

/// Writes all files of a grid, those of its rows in folders of their own; returns the paths of its own, the report first.
///
/// # Errors
/// As for [`write()`].
pub fn write_grid(grid: &Grid, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let rows: Vec<&Sweep> = grid.rows.iter().collect();
    let paths = write_all(
        folder,
        vec![
            (GRID.to_owned(), json(grid)?),
            ("grid.csv".to_owned(), csv::csv(&rows).into_bytes()),
            (REPORT.to_owned(), report::grid::html(grid).into_bytes()),
        ],
    )?;
    for row in rows {
        let folder = folder.join(row_folder(grid, row));
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
        write(row, &folder)?;
    }
    Ok(paths)
}

/// The folder of a row's own files within the grid's, as `rng-3`.
pub fn row_folder(grid: &Grid, row: &Sweep) -> String {
    format!("{}-{}", grid.service, grid.count(row))
}

fn json(of: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut json = serde_json::to_vec_pretty(of).map_err(|error| error.to_string())?;
    json.push(b'\n');
    Ok(json)
}

fn write_all(folder: &Path, files: Vec<(String, Vec<u8>)>) -> Result<Vec<PathBuf>, String> {
    let mut paths = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        replace(&path, &bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        paths.push(path);
    }
    paths.sort_by_key(|path| path.file_name().is_none_or(|name| name != REPORT));
    Ok(paths)
}

/// Writes a file whole or not at all.
///
/// # Errors
/// It cannot be written; then it is as it was before.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let written = fs::File::create(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&partial, path));
    if renamed.is_err() {
        // What is left of it only takes room on a disk that may be full.
        let _ = fs::remove_file(&partial);
    }
    renamed
}
