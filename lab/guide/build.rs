//! Finds the labs and their beginnings, so that a new one is a new file and nothing else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The `.md` files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|file| file.extension().is_some_and(|end| end == "md")).collect();
    files.sort();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    files
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_else(|| panic!("{}: a name in ASCII", path.display()))
}

/// `("folder", "file.md", include_str!("..."))` for each file.
fn table(out: &mut String, constant: &str, files: &[PathBuf]) {
    writeln!(out, "pub const {constant}: &[(&str, &str, &str)] = &[").expect("memory");
    for file in files {
        let folder = name(file.parent().expect("a file is in a folder"));
        writeln!(out, "    ({folder:?}, {:?}, include_str!({:?})),", name(file), file.display()).expect("memory");
    }
    out.push_str("];\n");
}

/// `(name, &[(file, bytes), ...])` for each folder that an image is built from.
fn images(out: &mut String, root: &Path) {
    println!("cargo::rerun-if-changed={}", root.display());
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("Dockerfile").exists()).collect();
    folders.sort();
    out.push_str("/// Name and files of each image that the labs bring along.\npub const IMAGES: &[Image] = &[\n");
    for folder in &folders {
        writeln!(out, "    ({:?}, &[", name(folder)).expect("memory");
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.is_file()) {
            println!("cargo::rerun-if-changed={}", file.display());
            writeln!(out, "        ({:?}, include_bytes!({:?})),", name(file), file.display()).expect("memory");
        }
        out.push_str("    ]),\n");
    }
    out.push_str("];\n");
}

fn main() {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../labs");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap_or_else(|error| panic!("{}: {error}", root.display()))
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && !["beginnings", "images"].contains(&name(path)))
        .collect();
    folders.sort();
    // In a track's folder a lab begins with its number: 01-compose.md.
    let labs: Vec<PathBuf> = folders.iter().flat_map(|folder| files(folder)).collect();
    let labs: Vec<PathBuf> =
        labs.into_iter().filter(|file| name(file).starts_with(|letter: char| letter.is_ascii_digit())).collect();
    let mut out = String::from("/// Track, file and text of each lab.\n");
    table(&mut out, "LABS", &labs);
    out.push_str("/// Folder, file and text of each beginning.\n");
    table(&mut out, "BEGINNINGS", &files(&root.join("beginnings")));
    images(&mut out, &root.join("images"));
    let folder = std::env::var("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&folder).join("files.rs"), out).expect("the folder of the build can be written");
}
