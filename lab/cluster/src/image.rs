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
use crate::pieces::pieces;

/// The release of Debian that nodes are made from: its engine is 26.1.
pub const DEFAULT_SUITE: &str = "trixie";

/// How long a public image may take to begin to arrive. Where no registry is reachable, this is what it costs to know.
const PULL_BEGINS_WITHIN: Duration = Duration::from_secs(15);

/// Where Debian's packages come from, unless told otherwise.
pub const MIRROR: &str = "http://deb.debian.org/debian";

/// The mirror that `LAB_MIRROR` names, for what has no flag for it.
pub fn mirror() -> String {
    std::env::var("LAB_MIRROR").unwrap_or_else(|_| MIRROR.to_owned())
}

/// Whether a mirror is another than Debian's own.
fn other(mirror: &str) -> bool {
    !["", MIRROR].contains(&mirror.trim_end_matches('/'))
}

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

/// What gives the base image another mirror.
const SOURCES: [(&str, u32, &[u8]); 2] = [
    ("Dockerfile", 0o644, include_bytes!("../base/Dockerfile")),
    ("sources", 0o755, include_bytes!("../base/sources")),
];

/// Makes the base image where there is none, and returns the name of what to build on: with another mirror than Debian's
/// own, an image of its own that takes all packages from there.
///
/// # Errors
/// When it can be had in no way.
pub async fn ensure_base(docker: &Docker, suite: &str, mirror: &str, say: &mut dyn FnMut(&str)) -> Result<String> {
    let name = base_image(suite);
    if !present(docker, &name).await {
        make_base(docker, suite, mirror, say).await?;
    }
    if !other(mirror) {
        return Ok(name);
    }
    // Always anew: the engine keeps the layers, and knows for which mirror they are.
    let mirrored = format!("{name}-mirror");
    build::build(docker, &mirrored, "", &[("BASE", &name), ("MIRROR", mirror)], &SOURCES, &mut |_| {}).await?;
    Ok(mirrored)
}

/// The public image, or one by debootstrap where that cannot be pulled.
async fn make_base(docker: &Docker, suite: &str, mirror: &str, say: &mut dyn FnMut(&str)) -> Result<()> {
    let public = format!("debian:{suite}-slim");
    say(&format!("pulling {public}"));
    match pull(docker, &public).await {
        Ok(()) => {
            let tag = TagImageOptionsBuilder::default().repo("swarmlab/base").tag(suite).build();
            docker.tag_image(&public, Some(tag)).await.context("cannot name the base image")
        }
        Err(error) => {
            say(&format!("it cannot be pulled ({error:#}); making it from packages (about 40 s, once)"));
            debootstrap(docker, suite, mirror).await
        }
    }
}

/// Pulls a public image.
///
/// # Errors
/// When no registry answers, or there is no such image.
pub async fn pull(docker: &Docker, name: &str) -> Result<()> {
    let (repository, tag) = reference(name);
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

/// A name's repository, and its tag or digest, which the engine takes in the tag's place.
fn reference(name: &str) -> (&str, &str) {
    let (name, digest) = name.split_once('@').map_or((name, None), |(name, digest)| (name, Some(digest)));
    let (repository, tag) = match name.rsplit_once(':') {
        // A colon before the last `/` is that of a registry's port.
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    };
    (repository, digest.unwrap_or(tag))
}

/// Makes the file system of a base image and writes it as an archive. A script, since it takes away what it has made
/// also when this program is ended by ^C.
const BOOTSTRAP: &str = include_str!("../base/bootstrap");

/// What a shell ends with when there is no such program.
const NO_PROGRAM: i32 = 127;

/// Makes a base image from packages: a file system by debootstrap, packed and handed to the engine.
async fn debootstrap(docker: &Docker, suite: &str, mirror: &str) -> Result<()> {
    let mut run = Command::new("sh")
        .args(["-c", BOOTSTRAP, "bootstrap", suite, mirror])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("sh cannot be run")?;
    let packed = run.stdout.take().context("sh has no output")?;
    let mut stderr = run.stderr.take().context("sh has no output for errors")?;
    let said = tokio::spawn(async move {
        let mut said = Vec::new();
        stderr.read_to_end(&mut said).await.map(|_| said)
    });
    let mut packed = Box::pin(pieces(packed).peekable());
    // Where debootstrap fails nothing comes, and the engine would make an image of that, too.
    if packed.as_mut().peek().await.is_some() {
        let options = CreateImageOptionsBuilder::default().from_src("-").repo("swarmlab/base").tag(suite).build();
        let mut steps = std::pin::pin!(docker.create_image(Some(options), Some(body_try_stream(packed)), None));
        while let Some(step) = steps.next().await {
            step.context("the engine did not take the base image")?;
        }
    }
    let ended = run.wait().await.context("debootstrap did not end")?;
    if ended.code() == Some(NO_PROGRAM) {
        bail!("debootstrap cannot be run\n  sudo apt-get install debootstrap, and run this as root");
    }
    if !ended.success() {
        let said = String::from_utf8_lossy(&said.await??).into_owned();
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        bail!(
            "`debootstrap --variant=minbase {suite} … {mirror}` ended with {ended}\n  {}\n  run it as root, and see that {mirror} is reachable (--mirror names another)",
            last.into_iter().rev().collect::<Vec<_>>().join("\n  ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};

    use tokio::io::{AsyncBufReadExt as _, BufReader};

    use super::*;

    #[test]
    fn a_port_is_no_tag_and_a_digest_stays_whole() {
        assert_eq!(reference("busybox"), ("busybox", "latest"));
        assert_eq!(reference("docker:29-dind"), ("docker", "29-dind"));
        assert_eq!(reference("registry.campus:5000/node"), ("registry.campus:5000/node", "latest"));
        assert_eq!(reference("registry.campus:5000/node:2"), ("registry.campus:5000/node", "2"));
        assert_eq!(reference("node@sha256:0a1b"), ("node", "sha256:0a1b"));
        assert_eq!(reference("registry.campus:5000/node:2@sha256:0a1b"), ("registry.campus:5000/node", "sha256:0a1b"));
    }

    #[test]
    fn only_another_mirror_changes_what_is_built_on() {
        assert!(other("http://mirror.campus/debian"));
        for own in ["", MIRROR, "http://deb.debian.org/debian/"] {
            assert!(!other(own), "{own:?}");
        }
    }

    /// What a folder of apt's is after another mirror was named.
    fn sources(file: &str, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/base/sources");
        let words = [script, "http://mirror.campus/debian?a&b|c"];
        let output = std::process::Command::new("sh").args(words).arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn packages_come_from_another_mirror_alone() {
        let public = "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: trixie trixie-updates\nComponents: main\n\n\
                      Types: deb\nURIs: http://deb.debian.org/debian-security\nSuites: trixie-security\nComponents: main\n";
        assert_eq!(
            sources("sources.list.d/debian.sources", public),
            "Types: deb\nURIs: http://mirror.campus/debian?a&b|c\nSuites: trixie\nComponents: main\n\n\
             Types: deb\nURIs: http://deb.debian.org/debian-security\nEnabled: no\nSuites: trixie-security\nComponents: main\n"
        );
        let own = "deb http://deb.debian.org/debian trixie main\ndeb [arch=amd64] http://x trixie main\n\
                   deb http://x trixie-updates main\ndeb http://security.debian.org/ trixie-security main\n";
        assert_eq!(
            sources("sources.list", own),
            "deb http://mirror.campus/debian?a&b|c trixie main\ndeb [arch=amd64] http://mirror.campus/debian?a&b|c trixie main\n"
        );
    }

    /// A folder for temporary files, and a program `debootstrap` that makes a file there and goes on with `then`.
    struct Bootstrap {
        folder: tempfile::TempDir,
        temporary: PathBuf,
    }

    impl Bootstrap {
        fn that(then: &str) -> Bootstrap {
            let folder = tempfile::tempdir().unwrap();
            let temporary = folder.path().join("tmp");
            fs::create_dir(&temporary).unwrap();
            let program = folder.path().join("debootstrap");
            fs::write(&program, format!("#!/bin/sh\nmkdir \"$3\"\ntouch \"$3/file\"\necho made\n{then}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            Bootstrap { folder, temporary }
        }

        fn command(&self) -> Command {
            let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
            let mut command = Command::new("sh");
            command.args(["-c", BOOTSTRAP, "bootstrap", "trixie", MIRROR]);
            command.env("PATH", path).env("TMPDIR", &self.temporary).kill_on_drop(true);
            command
        }
    }

    fn empty(folder: &Path) -> bool {
        fs::read_dir(folder).unwrap().next().is_none()
    }

    #[tokio::test]
    async fn a_file_system_is_packed_and_its_folder_is_gone() {
        let bootstrap = Bootstrap::that("true");
        let output = bootstrap.command().output().await.unwrap();
        assert!(output.status.success() && empty(&bootstrap.temporary), "{output:?}");
        let mut archive = tar::Archive::new(output.stdout.as_slice());
        let mut paths = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned());
        assert!(paths.any(|path| path.ends_with("file")));
    }

    #[tokio::test]
    async fn a_bootstrap_that_fails_writes_nothing_and_leaves_nothing() {
        let bootstrap = Bootstrap::that("exit 7");
        let output = bootstrap.command().output().await.unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(7), 0), "{output:?}");
        assert!(empty(&bootstrap.temporary));
    }

    #[tokio::test]
    async fn a_bootstrap_that_is_broken_off_leaves_nothing() {
        let bootstrap = Bootstrap::that("exec sleep 60");
        let mut run = bootstrap.command().process_group(0).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(run.stderr.take().unwrap()).lines();
        assert_eq!(said.next_line().await.unwrap().as_deref(), Some("made"));
        let group = rustix::process::Pid::from_raw(run.id().unwrap().try_into().unwrap()).unwrap();
        // As ^C does, and not ignored where the tests run in the background of a script.
        rustix::process::kill_process_group(group, rustix::process::Signal::TERM).unwrap();
        assert_eq!(run.wait().await.unwrap().code(), Some(130));
        assert!(empty(&bootstrap.temporary));
    }
}
