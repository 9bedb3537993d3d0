//! What happens where standard output takes no more.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs `lab` with a full disk as its standard output.
fn full(words: &[&str], folder: &Path) -> Output {
    let disk = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(words).current_dir(folder).env("XDG_STATE_HOME", folder.join("state")).env_remove("LAB_CLASS_KEY");
    lab.stdout(disk).stderr(Stdio::piped()).output().unwrap()
}

#[test]
fn a_full_disk_is_one_line_and_costs_the_class_no_table() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("full-disk");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for words in [
        ["report", "--student", "Ada"].as_slice(),
        &["collect", "report-ada.json"],
        &["list"],
        &["completions", "bash"],
    ] {
        let output = full(words, &folder);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{words:?}: {said}");
        assert!(said.starts_with("lab: cannot write to stdout: No space left"), "{words:?}: {said}");
    }
    for file in ["report-ada.json", "report-ada.html", "class.csv", "class.html"] {
        assert!(folder.join(file).exists(), "{file} was not written");
    }
}
