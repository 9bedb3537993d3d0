//! This very program as an image on a manager's engine, where no registry has to be reached for it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use swarm::Engine;
use swarm::bollard::body_full;
use swarm::bollard::query_parameters::CreateImageOptionsBuilder;

use crate::Error;

/// The file of the program that runs, also after it was replaced by a newer build.
const PROGRAM: &str = "/proc/self/exe";

/// Where the program is in the image.
const IN_IMAGE: &str = "loadgen";

/// Where the image has the libraries that a program needs that was not built static.
const LIBRARIES: &str = "lib";

/// Puts this program on the engine as an image, unless it is there already, and returns the image's name. The name says what
/// is in it, so that another build never runs in its place.
///
/// # Errors
/// The engine is of another processor architecture, or refuses.
pub(crate) async fn carry(engine: &Engine) -> Result<String, Error> {
    let docker = engine.docker();
    let api = |error| swarm::Error::api("say what it is", &error);
    let there = docker.info().await.map_err(api)?.architecture.unwrap_or_default();
    let here = std::env::consts::ARCH;
    // Docker says x86_64 and aarch64 as Rust does, and arm as armv7l.
    if !there.starts_with(here) {
        return Err(Error::Architecture { here: here.to_owned(), there });
    }
    let mut program = Vec::new();
    File::open(PROGRAM)?.read_to_end(&mut program)?;
    let digest = base16ct::lower::encode_string(&Sha256::digest(&program)[..6]);
    let (name, tag) = ("swarmlab/loadgen", format!("sweep-{digest}"));
    let image = format!("{name}:{tag}");
    if docker.inspect_image(&image).await.is_ok() {
        return Ok(image);
    }
    let files = root(program)?;
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(name)
        .tag(&tag)
        .changes(vec![format!("ENTRYPOINT [\"/{IN_IMAGE}\"]"), format!("ENV LD_LIBRARY_PATH=/{LIBRARIES}")]);
    let mut made = std::pin::pin!(docker.create_image(Some(options.build()), Some(body_full(files.into())), None));
    while let Some(said) = made.next().await {
        said.map_err(|error| swarm::Error::api("take loadgen as an image", &error))?;
    }
    Ok(image)
}

/// The root file system of the image: the program, and the libraries that it has loaded here.
fn root(program: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut files = tar::Builder::new(Vec::new());
    add(&mut files, IN_IMAGE, &program)?;
    for library in loaded(&fs::read_to_string("/proc/self/maps")?) {
        let content = fs::read(&library)?;
        for name in names(&library) {
            let folder = if name.starts_with("ld-linux") { loader_folder() } else { LIBRARIES };
            add(&mut files, &format!("{folder}/{name}"), &content)?;
        }
    }
    files.into_inner()
}

fn add(files: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    files.append_data(&mut header, path, content)
}

/// Where the kernel looks for the loader of a program that was not built static: it stands in the program.
fn loader_folder() -> &'static str {
    if cfg!(target_arch = "x86_64") { "lib64" } else { LIBRARIES }
}

/// The shared libraries among the files that a process has mapped.
fn loaded(maps: &str) -> BTreeSet<PathBuf> {
    let files = maps.lines().filter_map(|line| line.split_whitespace().nth(5)).filter(|path| path.starts_with('/'));
    let is_library = |path: &&str| path.rsplit('/').next().is_some_and(|name| name.contains(".so"));
    files.filter(is_library).map(PathBuf::from).collect()
}

/// All names that a library has in its folder: programs ask for it by that of a link, as `libc.so.6`.
fn names(library: &Path) -> BTreeSet<String> {
    let folder = library.parent().and_then(|folder| fs::read_dir(folder).ok());
    let entries = folder.into_iter().flatten().flatten();
    let same = entries.filter(|entry| {
        entry.file_name().to_string_lossy().contains(".so")
            && fs::canonicalize(entry.path()).is_ok_and(|path| path == library)
    });
    let mut names: BTreeSet<String> = same.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.extend(library.file_name().map(|name| name.to_string_lossy().into_owned()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_from_other_mapped_files() {
        let maps = "\
55d0-55d1 r--p 00000000 08:01 1 /usr/bin/loadgen
7f00-7f01 r-xp 00000000 08:01 2 /usr/lib/x86_64-linux-gnu/libc.so.6
7f02-7f03 r-xp 00000000 08:01 2 /usr/lib/x86_64-linux-gnu/libc.so.6
7f04-7f05 rw-p 00000000 00:00 0 [heap]
7f06-7f07 rw-p 00000000 00:00 0
";
        let found: Vec<PathBuf> = loaded(maps).into_iter().collect();
        assert_eq!(found, [PathBuf::from("/usr/lib/x86_64-linux-gnu/libc.so.6")]);
    }

    #[test]
    fn a_library_has_the_names_of_its_links() {
        let folder = std::env::temp_dir().join(format!("recruit-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let folder = fs::canonicalize(folder).expect("it is there");
        let library = folder.join("libx-2.31.so");
        fs::write(&library, "x").expect("written");
        std::os::unix::fs::symlink("libx-2.31.so", folder.join("libx.so.6")).expect("linked");
        fs::write(folder.join("liby.so.6"), "y").expect("written");
        let found: Vec<String> = names(&library).into_iter().collect();
        fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(found, ["libx-2.31.so", "libx.so.6"]);
    }

    #[test]
    fn the_image_has_what_this_program_needs() {
        let files = root(b"program".to_vec()).expect("it can be read");
        let mut archive = tar::Archive::new(files.as_slice());
        let paths: Vec<String> = archive
            .entries()
            .expect("an archive")
            .map(|entry| entry.expect("an entry").path().expect("a path").to_string_lossy().into_owned())
            .collect();
        assert_eq!(paths[0], IN_IMAGE);
        // A program that was built static has none.
        let loads = !loaded(&fs::read_to_string("/proc/self/maps").expect("read")).is_empty();
        assert_eq!(paths.iter().any(|path| path.contains("ld-linux")), loads, "{paths:?}");
    }
}
