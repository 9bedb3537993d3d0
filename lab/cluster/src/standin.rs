//! Public images that the labs use, and stand-ins for them where no public registry is reachable.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use swarm::bollard::query_parameters::ImportImageOptionsBuilder;
use swarm::bollard::{Docker, body_try_stream};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use crate::pieces::pieces;
use crate::{build, image};

/// The public images that the labs use: name, and target of the stand-ins' Dockerfile.
pub const IMAGES: [(&str, &str); 3] = [("redis:8", "redis"), ("registry:2", "registry"), ("busybox:1", "busybox")];

/// Where the images are to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Public images where they can be pulled, stand-ins otherwise.
    Either,
    /// Public images or nothing.
    Public,
    /// Debian's packages.
    Packages,
}

/// Makes sure that all images are there; `anew` makes them again. Returns their names.
///
/// # Errors
/// When an image can be had in none of the ways that are allowed.
pub async fn ensure(
    docker: &Docker,
    from: From,
    anew: bool,
    mirror: &str,
    say: &mut dyn FnMut(&str),
) -> Result<Vec<String>> {
    let mut reachable = from != From::Packages;
    for (name, target) in IMAGES {
        if !anew && image::present(docker, name).await {
            say(&format!("{name} is there"));
            continue;
        }
        if reachable {
            match image::pull(docker, name).await {
                Ok(()) => {
                    say(&format!("{name} pulled"));
                    continue;
                }
                Err(error) if from == From::Public => return Err(error.context(format!("cannot pull {name}"))),
                // What answers for none of them need not be asked for each.
                Err(_) => reachable = false,
            }
        }
        let base = image::ensure_base(docker, image::DEFAULT_SUITE, mirror, say).await?;
        say(&format!("building {name} from packages"));
        let files: [(&str, u32, &[u8]); 3] = [
            ("Dockerfile", 0o644, include_bytes!("../standins/Dockerfile")),
            ("gather", 0o755, include_bytes!("../standins/gather")),
            ("registry.yml", 0o644, include_bytes!("../standins/registry.yml")),
        ];
        build::build(docker, name, target, &[("BASE", &base)], &files, &mut |_| {}).await?;
    }
    Ok(IMAGES.map(|(name, _)| name.to_owned()).to_vec())
}

/// Writes images into a file that `load` and `docker load` read. Returns its size.
///
/// # Errors
/// When an image is not there, or the file cannot be written: then a file that was there is as it was.
pub async fn save(docker: &Docker, images: &[String], path: &Path) -> Result<u64> {
    for name in images {
        if !image::present(docker, name).await {
            let labs = if name.starts_with("lab/") || name.starts_with("swarmlab/") { " --labs" } else { "" };
            bail!("there is no image {name} to save\n  `lab images build{labs}` makes those that the labs use");
        }
    }
    let names: Vec<&str> = images.iter().map(String::as_str).collect();
    let pieces = docker.export_images(&names).map(|piece| piece.context("the engine broke off"));
    tokio::select! {
        size = write(pieces, path) => size,
        // The unfinished file goes with what is dropped here.
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}

/// Writes into a new file, which gets the name when it is whole. Returns its size.
async fn write(pieces: impl Stream<Item = Result<Bytes>>, path: &Path) -> Result<u64> {
    let what = || format!("cannot write {}", path.display());
    // Where the name is a link, the file that it leads to is written.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if std::fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
        bail!("{}: it is no file", what());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unfinished = tempfile::Builder::new()
        .prefix(".images-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .with_context(what)?;
    let mut file = File::from_std(unfinished.reopen().with_context(what)?);
    let size = pour(pieces, &mut file, what).await?;
    file.sync_all().await.with_context(what)?;
    unfinished.persist(&path).map_err(|error| error.error).with_context(what)?;
    Ok(size)
}

async fn pour(pieces: impl Stream<Item = Result<Bytes>>, file: &mut File, what: impl Fn() -> String) -> Result<u64> {
    let mut pieces = std::pin::pin!(pieces);
    let mut size = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        size += piece.len() as u64;
        file.write_all(&piece).await.with_context(&what)?;
    }
    // The last piece may still be on its way to the disk, which may have no room for it.
    file.flush().await.with_context(&what)?;
    Ok(size)
}

/// Reads images from a file into an engine.
///
/// # Errors
/// When the file cannot be read, or the engine does not take it.
pub async fn load(docker: &Docker, path: &Path) -> Result<Vec<String>> {
    let file = File::open(path).await.with_context(|| format!("cannot read {}", path.display()))?;
    let options = ImportImageOptionsBuilder::default().quiet(true).build();
    let body = body_try_stream(pieces(file));
    let mut steps = std::pin::pin!(docker.import_image(options, body, None));
    let mut said = Vec::new();
    while let Some(step) = steps.next().await {
        let step = step.with_context(|| format!("the engine does not take {}", path.display()))?;
        if let Some(error) = step.error_detail.and_then(|detail| detail.message) {
            bail!("the engine does not take {}: {error}", path.display());
        }
        said.extend(step.stream.iter().flat_map(|text| text.lines()).map(ToOwned::to_owned));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn stream(pieces: Vec<Result<&'static str>>) -> impl Stream<Item = Result<Bytes>> {
        futures_util::stream::iter(pieces.into_iter().map(|piece| piece.map(Bytes::from)))
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[tokio::test]
    async fn a_file_is_there_as_a_whole_or_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("class.tar");
        assert_eq!(write(stream(vec![Ok("old "), Ok("images")]), &path).await.unwrap(), 10);
        let broken = write(stream(vec![Ok("new "), Err(anyhow::anyhow!("the engine broke off"))]), &path).await;
        assert!(broken.unwrap_err().to_string().contains("broke off"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old images");
        write(stream(vec![Ok("new")]), &path).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(folder.path()), ["class.tar"]);
    }

    #[tokio::test]
    async fn others_may_read_what_was_saved_as_they_may_any_file() {
        let folder = tempfile::tempdir().unwrap();
        let (saved, any) = (folder.path().join("class.tar"), folder.path().join("any"));
        write(stream(vec![Ok("images")]), &saved).await.unwrap();
        fs::write(&any, "").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(saved), mode(any));
    }

    #[tokio::test]
    async fn what_is_no_file_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("class.tar"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(stream(vec![Ok("new")]), &link).await.unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        let error = write(stream(vec![Ok("new")]), folder.path()).await.unwrap_err().to_string();
        assert!(error.contains("no file"), "{error}");
    }

    #[tokio::test]
    async fn a_disk_that_is_full_at_the_last_piece_is_an_error() {
        let mut full = File::options().write(true).open("/dev/full").await.unwrap();
        let error = pour(stream(vec![Ok("images")]), &mut full, || "cannot write".to_owned()).await.unwrap_err();
        assert!(format!("{error:#}").contains("No space left"), "{error:#}");
    }
}
