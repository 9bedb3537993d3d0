//! Folders of results: none is written over another unless that is asked for, and then nothing of the other is left.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sweep::file::Found;
use sweep::{file, files, hdr};

/// The files that say what was measured, of bench and of sweep.
const RESULTS: [&str; 4] = ["bench.json", "repeat.json", "sweep.json", "grid.json"];

/// The files that are made beside them.
const BESIDE: [&str; 4] = ["bench.hlog", "report.html", "sweep.csv", "grid.csv"];

/// Makes the folder, sees that it can be written and that it holds no result, before minutes are spent on measuring.
///
/// # Errors
/// The folder cannot be made or written, or holds a result already and `replace` is false. One line that says what to do.
pub fn prepare(folder: &Path, replace: bool) -> Result<(), String> {
    if !replace && holds_any(folder) {
        return Err(files::taken(folder));
    }
    files::prepare(folder, replace)
}

fn holds_any(folder: &Path) -> bool {
    let in_it = |folder: &Path| RESULTS.iter().any(|name| folder.join(name).exists());
    in_it(folder) || runs(folder).iter().any(|run| in_it(run))
}

/// Removes the results that lie in the folder, and nothing else. It is for the moment at which there are others to take their
/// place.
///
/// # Errors
/// A file cannot be removed. One line that names it.
pub fn clear(folder: &Path) -> Result<(), String> {
    let rows = rows(folder);
    for inner in runs(folder).into_iter().chain(rows) {
        clear_one(&inner)?;
        // Whatever else somebody has put there keeps it.
        let _ = fs::remove_dir(&inner);
    }
    clear_one(folder)
}

fn clear_one(folder: &Path) -> Result<(), String> {
    let logs: Vec<String> = match file::read_either(folder) {
        Ok(Found::Sweep(sweep)) => hdr::services(&sweep).into_iter().map(|service| format!("{service}.hlog")).collect(),
        _ => Vec::new(),
    };
    // The names in a file are whoever's who wrote it: one that leads out of the folder is none of ours.
    let logs = logs.iter().map(String::as_str).filter(|name| is_plain(name));
    for name in logs.chain(BESIDE).chain(RESULTS) {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(format!("cannot remove {}: {error}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The folders of the runs of `bench --repeat`.
fn runs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let is_run = |name: &str| name.strip_prefix("run-").is_some_and(|number| number.parse::<u32>().is_ok());
    let named = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_run));
    named.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// The folders of the rows of a grid.
fn rows(folder: &Path) -> Vec<PathBuf> {
    let Ok(Found::Grid(grid)) = file::read_either(folder) else { return Vec::new() };
    let names = grid.rows.iter().map(|row| files::row_folder(&grid, row));
    names.filter(|name| is_plain(name)).map(|name| folder.join(name)).collect()
}

fn is_plain(name: &str) -> bool {
    Path::new(name).file_name().is_some_and(|last| last == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, name: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, "{}").expect("written");
    }

    #[test]
    fn a_folder_with_any_result_is_refused_and_one_with_other_things_is_not() {
        for name in ["bench.json", "repeat.json", "sweep.json", "grid.json", "run-3/bench.json"] {
            let folder = tempfile::tempdir().expect("a folder");
            put(folder.path(), "notes.txt");
            prepare(folder.path(), false).expect("no result");
            put(folder.path(), name);
            let error = prepare(folder.path(), false).expect_err("a result");
            assert!(error.contains("holds a result already") && error.contains("--force"), "{name}: {error}");
            prepare(folder.path(), true).expect("asked for");
            assert!(folder.path().join(name).exists(), "it stays until there is another");
        }
    }

    #[test]
    fn what_is_replaced_goes_whole_and_what_is_not_ours_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let ours =
            ["bench.json", "report.html", "repeat.json", "run-1/bench.json", "run-3/bench.hlog", "run-3/bench.json"];
        let others = ["notes.txt", "run-1/notes.txt", "run-x/bench.json", "before/bench.json"];
        for name in ours.iter().chain(&others) {
            put(folder.path(), name);
        }
        clear(folder.path()).expect("removed");
        assert!(ours.iter().all(|name| !folder.path().join(name).exists()));
        assert!(!folder.path().join("run-3").exists(), "an empty folder is none of a run");
        assert!(others.iter().all(|name| folder.path().join(name).exists()));
    }

    #[test]
    fn the_logs_of_a_sweep_go_with_it_but_no_file_elsewhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("sweep");
        fs::create_dir(&inner).expect("made");
        let example = include_str!("../../../sweep/schema/example.json");
        let mut sweep: serde_json::Value = serde_json::from_str(example).expect("JSON");
        sweep["steps"][0]["probe_histograms"] = serde_json::json!({"rng": "", "../hasher": ""});
        fs::write(inner.join("sweep.json"), sweep.to_string()).expect("written");
        for name in ["sweep/rng.hlog", "sweep/own.hlog", "hasher.hlog"] {
            put(folder.path(), name);
        }
        clear(&inner).expect("removed");
        let left = |name: &str| folder.path().join(name).exists();
        assert!(!left("sweep/sweep.json") && !left("sweep/rng.hlog"), "{}", inner.display());
        assert!(left("sweep/own.hlog") && left("hasher.hlog"));
    }
}
