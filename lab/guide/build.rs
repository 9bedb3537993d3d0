//! Takes the labs, their beginnings and their images into the program, so that a new one is a new file and nothing else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[path = "src/find.rs"]
mod find;

use find::name;

/// A list of `Text`, one for each file.
fn texts(out: &mut String, constant: &str, files: &[PathBuf]) {
    writeln!(out, "pub const {constant}: &[(&str, &str, &str)] = &[").expect("memory");
    for file in files {
        let folder = name(file.parent().expect("a file is in a folder"));
        writeln!(out, "    ({folder:?}, {:?}, include_str!({:?})),", name(file), file.display()).expect("memory");
    }
    out.push_str("];\n");
}

fn main() {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../labs");
    // A folder stands for all that is in it.
    println!("cargo::rerun-if-changed={}", root.display());
    let labs = find::labs(&root);
    assert!(!labs.is_empty(), "{}: there is no lab", root.display());
    let mut out = String::from("/// Track, file and text of each lab.\n");
    texts(&mut out, "LABS", &labs);
    out.push_str("/// Folder, file and text of each beginning.\n");
    texts(&mut out, "BEGINNINGS", &find::beginnings(&root));
    out.push_str("/// Name and files of each image.\npub const IMAGES: &[(&str, super::Bytes)] = &[\n");
    for (folder, files) in find::images(&root) {
        writeln!(out, "    ({:?}, &[", name(&folder)).expect("memory");
        for file in files {
            writeln!(out, "        ({:?}, include_bytes!({:?})),", name(&file), file.display()).expect("memory");
        }
        out.push_str("    ]),\n");
    }
    out.push_str("];\n");
    let folder = std::env::var("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&folder).join("files.rs"), out).expect("the folder of the build can be written");
}
