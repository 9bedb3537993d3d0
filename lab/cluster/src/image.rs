//! The image of a node, and what it stands on.

use std::hash::{DefaultHasher, Hasher as _};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt as _;
use swarm::bollard::query_parameters::{CreateImageOptionsBuilder, TagImageOptionsBuilder};
use swarm::bollard::{Docker, body_try_stream};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::build;

/// The release of Debian that nodes are made from: its engine is 26.1.
pub const DEFAULT_SUITE: &str = "trixie";

/// How long a public image may take to begin to arrive. Where no registry is reachable, this is what it costs to know.
const PULL_BEGINS_WITHIN: Duration = Duration::from_secs(15);

/// Where Debian's packages come from, unless told otherwise.
pub const MIRROR: &str = "http://deb.debian.org/debian";

/// Name of the image of a node.
pub fn node_image(suite: &str) -> String {
    format!("swarmlab/node:{suite}")
}

/// Name of the image that others stand on.
pub fn base_image(suite: &str) -> String {
    format!("swarmlab/base:{suite}")
}

/// Whether the engine has an image of that name.
pub async fn present(docker: &Docker, name: &str) -> bool {
    docker.inspect_image(name).await.is_ok()
}

/// Makes the image of a node where there is none, or anew where that is asked for. Returns its name.
///
/// # Errors
/// When the packages cannot be had, or a step of the build fails.
pub async fn ensure_node(
    docker: &Docker,
    suite: &str,
    mirror: &str,
    anew: bool,
    say: &mut dyn FnMut(&str),
) -> Result<String> {
    let name = node_image(suite);
    let there = docker.inspect_image(&name).await.ok();
    let made_of = there.as_ref().and_then(|image| image.config.as_ref()?.labels.as_ref()?.get(RECIPE).cloned());
    if !anew && made_of == Some(recipe()) {
        return Ok(name);
    }
    match build_node(docker, suite, mirror, &name, say).await {
        // A class without internet goes on with what it has.
        Err(error) if there.is_some() && !anew => {
            say(&format!("{name} is of another version and cannot be made again, so it is used as it is: {error:#}"));
            Ok(name)
        }
        made => made.map(|()| name),
    }
}

/// Label of a node's image: what it was made of.
const RECIPE: &str = "org.swarmlab.recipe";

/// The files that a node's image is built from.
const FILES: [(&str, u32, &[u8]); 2] = [
    ("Dockerfile", 0o644, include_bytes!("../image/Dockerfile")),
    ("profile.sh", 0o644, include_bytes!("../image/profile.sh")),
];

/// A number that changes with the files, so that an image of an older program is not taken for ours.
fn recipe() -> String {
    let mut hasher = DefaultHasher::new();
    FILES.iter().for_each(|(_, _, content)| hasher.write(content));
    format!("{:016x}", hasher.finish())
}

async fn build_node(docker: &Docker, suite: &str, mirror: &str, name: &str, say: &mut dyn FnMut(&str)) -> Result<()> {
    let base = ensure_base(docker, suite, mirror, say).await?;
    say(&format!("building {name} (about half a minute, once)"));
    let recipe = recipe();
    let arguments = [("BASE", base.as_str()), ("APT_OPTIONS", apt_options(suite)), ("RECIPE", recipe.as_str())];
    build::build(docker, name, "", &arguments, &FILES, &mut |_| {}).await
}

/// A frozen mirror of a suite that moves, such as sid, has a list of packages that is past its date.
pub(crate) fn apt_options(suite: &str) -> &'static str {
    if suite == "sid" { "-o Acquire::Check-Valid-Until=false" } else { "" }
}

/// Makes the base image where there is none: the public one, or by debootstrap where that cannot be pulled.
///
/// # Errors
/// When neither way works.
pub async fn ensure_base(docker: &Docker, suite: &str, mirror: &str, say: &mut dyn FnMut(&str)) -> Result<String> {
    let name = base_image(suite);
    if present(docker, &name).await {
        return Ok(name);
    }
    let public = format!("debian:{suite}-slim");
    say(&format!("pulling {public}"));
    match pull(docker, &public).await {
        Ok(()) => {
            let tag = TagImageOptionsBuilder::default().repo("swarmlab/base").tag(suite).build();
            docker.tag_image(&public, Some(tag)).await.context("cannot name the base image")?;
        }
        Err(error) => {
            say(&format!("it cannot be pulled ({error:#}); making it from packages (about 40 s, once)"));
            debootstrap(docker, suite, mirror).await?;
        }
    }
    Ok(name)
}

/// Pulls a public image.
///
/// # Errors
/// When no registry answers, or there is no such image.
pub async fn pull(docker: &Docker, name: &str) -> Result<()> {
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    let options = CreateImageOptionsBuilder::default().from_image(repository).tag(tag).build();
    let mut steps = std::pin::pin!(docker.create_image(Some(options), None, None));
    let first = tokio::time::timeout(PULL_BEGINS_WITHIN, steps.next()).await;
    let mut step = first.with_context(|| format!("no registry answered in {} s", PULL_BEGINS_WITHIN.as_secs()))?;
    while let Some(done) = step {
        if let Some(error) = done?.error_detail.and_then(|detail| detail.message) {
            bail!(error);
        }
        step = steps.next().await;
    }
    Ok(())
}

/// Makes a base image from packages: a file system by debootstrap, packed and handed to the engine.
async fn debootstrap(docker: &Docker, suite: &str, mirror: &str) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let root = folder.path().join("root");
    let run = Command::new("debootstrap")
        .args(["--variant=minbase", suite])
        .arg(&root)
        .arg(mirror)
        .stdin(Stdio::null())
        .output()
        .await;
    let output = run.context("debootstrap cannot be run\n  sudo apt-get install debootstrap, and run this as root")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        bail!(
            "`debootstrap --variant=minbase {suite} … {mirror}` ended with {}\n  {}\n  run it as root, and see that {mirror} is reachable (--mirror names another)",
            output.status,
            last.into_iter().rev().collect::<Vec<_>>().join("\n  ")
        );
    }
    let mut pack = Command::new("tar")
        .arg("-C")
        .arg(&root)
        .args(["--exclude=./var/cache/apt/archives/*.deb", "-c", "."])
        .stdout(Stdio::piped())
        .spawn()
        .context("tar cannot be run")?;
    let packed = pack.stdout.take().context("tar has no output")?;
    let pieces = futures_util::stream::unfold(packed, |mut packed| async move {
        let mut piece = vec![0; 1 << 18];
        match packed.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok(piece.into()), packed))
            }
            Err(error) => Some((Err(error), packed)),
        }
    });
    let options = CreateImageOptionsBuilder::default().from_src("-").repo("swarmlab/base").tag(suite).build();
    let mut steps = std::pin::pin!(docker.create_image(Some(options), Some(body_try_stream(pieces)), None));
    while let Some(step) = steps.next().await {
        step.context("the engine did not take the base image")?;
    }
    let packed = pack.wait().await.context("tar did not end")?;
    if !packed.success() {
        bail!("tar ended with {packed}");
    }
    Ok(())
}
