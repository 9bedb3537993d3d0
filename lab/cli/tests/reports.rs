//! Reports of several students in one folder, and the order of a class's labs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs `lab` in a folder, as a student whose progress is kept in `state`.
fn lab(words: &[&str], folder: &Path, state: &str) -> Output {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(words).current_dir(folder).env("XDG_STATE_HOME", folder.join(state));
    lab.env_remove("LAB_CLASS_KEY").env_remove("LAB_SYLLABUS").output().unwrap()
}

#[test]
fn a_report_replaces_none_of_another_student() {
    let folder = folder("reports");
    let report = |student: &str, state: &str| lab(&["report", "--student", student], &folder, state);
    assert!(report("Ada Lovelace", "ada").status.success());
    let hers = std::fs::read(folder.join("report-ada-lovelace.json")).unwrap();

    let other = report("ada-lovelace", "bob");
    let said = String::from_utf8(other.stderr).unwrap();
    assert_eq!(other.status.code(), Some(1), "{said}");
    assert!(said.contains("is the report of Ada Lovelace\n  `--out DIR`"), "{said}");
    assert_eq!(std::fs::read(folder.join("report-ada-lovelace.json")).unwrap(), hers);

    let again = report("Ada Lovelace", "ada");
    assert!(again.status.success());
    assert!(String::from_utf8(again.stderr).unwrap().contains("replaces a report of Ada Lovelace"));
}

#[test]
fn the_labs_of_a_class_are_listed_in_its_order() {
    let folder = folder("syllabus");
    std::fs::write(folder.join("class"), "coins/2\nfleet/1\njobs/2\ncoins/1\n").unwrap();
    let list = lab(&["list", "--syllabus", "class"], &folder, "state");
    let said = String::from_utf8(list.stdout).unwrap();
    let first = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    let listed: Vec<String> = said.lines().map(first).collect();
    assert_eq!(listed, ["coins:", "coins/2", "fleet:", "fleet/1", "jobs:", "jobs/2", "coins:", "coins/1"], "{said}");
}
