//! Public images that the labs use, and stand-ins for them where no public registry is reachable.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt as _;
use swarm::bollard::query_parameters::ImportImageOptionsBuilder;
use swarm::bollard::{Docker, body_try_stream};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
/// When an image is not there, or the file cannot be written.
pub async fn save(docker: &Docker, images: &[String], path: &Path) -> Result<u64> {
    for name in images {
        if !image::present(docker, name).await {
            let labs = if name.starts_with("lab/") { " --labs" } else { "" };
            bail!("there is no image {name} to save\n  `lab images build{labs}` makes those that the labs use");
        }
    }
    let what = || format!("cannot write {}", path.display());
    let mut file = File::create(path).await.with_context(what)?;
    let names: Vec<&str> = images.iter().map(String::as_str).collect();
    let mut pieces = std::pin::pin!(docker.export_images(&names));
    let mut size = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece.context("the engine broke off")?;
        size += piece.len() as u64;
        file.write_all(&piece).await.with_context(what)?;
    }
    file.sync_all().await.with_context(what)?;
    Ok(size)
}

/// Reads images from a file into an engine.
///
/// # Errors
/// When the file cannot be read, or the engine does not take it.
pub async fn load(docker: &Docker, path: &Path) -> Result<Vec<String>> {
    let file = File::open(path).await.with_context(|| format!("cannot read {}", path.display()))?;
    let pieces = futures_util::stream::unfold(file, |mut file| async move {
        let mut piece = vec![0; 1 << 18];
        match file.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok(bytes::Bytes::from(piece)), file))
            }
            Err(error) => Some((Err(error), file)),
        }
    });
    let options = ImportImageOptionsBuilder::default().quiet(true).build();
    let body = body_try_stream(pieces);
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
