//! Where the labs' files are in a folder like `lab/labs`. The build of this crate uses it too, to take them into the program.

use std::path::{Path, PathBuf};

/// What is in a folder, in the order of the names; nothing where there is no such folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

fn texts(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|file| file.extension().is_some_and(|end| end == "md")).collect()
}

/// The name of a file or folder, where it is Unicode.
pub fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The labs of all tracks: in a track's folder a lab begins with its number, as `01-compose.md`.
pub fn labs(root: &Path) -> Vec<PathBuf> {
    let tracks = entries(root).into_iter().filter(|path| path.is_dir());
    let tracks = tracks.filter(|path| !["beginnings", "images"].contains(&name(path)));
    let numbered = |file: &PathBuf| name(file).starts_with(|letter: char| letter.is_ascii_digit());
    tracks.flat_map(|track| texts(&track)).filter(numbered).collect()
}

/// The beginnings that labs share.
pub fn beginnings(root: &Path) -> Vec<PathBuf> {
    texts(&root.join("beginnings"))
}

/// The folder of each image, with its files.
pub fn images(root: &Path) -> Vec<(PathBuf, Vec<PathBuf>)> {
    let folders = entries(&root.join("images")).into_iter().filter(|path| path.join("Dockerfile").exists());
    folders
        .map(|folder| {
            let files = entries(&folder).into_iter().filter(|file| file.is_file()).collect();
            (folder, files)
        })
        .collect()
}
