//! The labs' files: those that this program has inside, or, where `LAB_FOLDER` names a folder like `lab/labs`, those that are
//! there now. So whoever writes labs need not build the program again after each change.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};

use crate::find;

/// Names and bytes of the files of an image.
type Bytes = &'static [(&'static str, &'static [u8])];

mod inside {
    include!(concat!(env!("OUT_DIR"), "/files.rs"));
    pub const TRACKS: &str = include_str!("../../labs/tracks.toml");
}

/// The variable that names a folder of labs.
pub const FOLDER: &str = "LAB_FOLDER";

/// A file that is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The name of its folder: a lab's track.
    pub folder: String,
    /// Its own name.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// An image that the labs bring along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The name of its folder.
    pub name: String,
    /// Names and bytes of its files.
    pub files: Vec<(String, Vec<u8>)>,
}

/// All files of the labs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The list of tracks.
    pub tracks: String,
    /// The labs.
    pub labs: Vec<Text>,
    /// What is there when they begin.
    pub beginnings: Vec<Text>,
    /// The images.
    pub images: Vec<Image>,
}

/// The labs' files, read once.
///
/// # Errors
/// When `LAB_FOLDER` is no folder of labs.
pub fn files() -> Result<&'static Files> {
    static FILES: OnceLock<Files> = OnceLock::new();
    if let Some(files) = FILES.get() {
        return Ok(files);
    }
    let folder = std::env::var_os(FOLDER).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let files = match folder {
        Some(folder) => Files::read(&folder).with_context(|| {
            format!("{FOLDER} is {}: set it to a folder like lab/labs, or unset it", folder.display())
        })?,
        None => Files::inside(),
    };
    Ok(FILES.get_or_init(|| files))
}

impl Files {
    fn inside() -> Files {
        let texts = |all: &[(&str, &str, &str)]| -> Vec<Text> {
            let own = |(folder, file, text): &(&str, &str, &str)| Text {
                folder: (*folder).to_owned(),
                file: (*file).to_owned(),
                text: (*text).to_owned(),
            };
            all.iter().map(own).collect()
        };
        let images = inside::IMAGES.iter().map(|(name, files)| Image {
            name: (*name).to_owned(),
            files: files.iter().map(|(file, bytes)| ((*file).to_owned(), bytes.to_vec())).collect(),
        });
        Files {
            tracks: inside::TRACKS.to_owned(),
            labs: texts(inside::LABS),
            beginnings: texts(inside::BEGINNINGS),
            images: images.collect(),
        }
    }

    /// Reads a folder like `lab/labs`.
    fn read(root: &Path) -> Result<Files> {
        let whole = |path: &Path| std::fs::read_to_string(path).with_context(|| path.display().to_string());
        let texts = |all: Vec<PathBuf>| -> Result<Vec<Text>> {
            let text = |path: &PathBuf| -> Result<Text> {
                let folder = path.parent().map(find::name).unwrap_or_default().to_owned();
                Ok(Text { folder, file: find::name(path).to_owned(), text: whole(path)? })
            };
            all.iter().map(text).collect()
        };
        let labs = texts(find::labs(root))?;
        if labs.is_empty() {
            bail!("there is no lab in it, as coins/01-compose.md would be");
        }
        let mut images = Vec::new();
        for (folder, files) in find::images(root) {
            let bytes = |path: &PathBuf| -> Result<(String, Vec<u8>)> {
                let read = std::fs::read(path).with_context(|| path.display().to_string())?;
                Ok((find::name(path).to_owned(), read))
            };
            let files = files.iter().map(bytes).collect::<Result<_>>()?;
            images.push(Image { name: find::name(&folder).to_owned(), files });
        }
        let tracks = whole(&root.join("tracks.toml"))?;
        Ok(Files { tracks, labs, beginnings: texts(find::beginnings(root))?, images })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_what_the_program_has_inside() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs");
        assert_eq!(Files::read(&root).unwrap(), Files::inside());
    }

    #[test]
    fn a_folder_without_labs_is_refused() {
        let empty = tempfile::tempdir().unwrap();
        assert!(Files::read(empty.path()).unwrap_err().to_string().contains("there is no lab in it"));
        std::fs::create_dir(empty.path().join("coins")).unwrap();
        std::fs::write(empty.path().join("coins/01-x.md"), "# Lab 1: X\n").unwrap();
        assert!(format!("{:#}", Files::read(empty.path()).unwrap_err()).contains("tracks.toml"));
    }
}
