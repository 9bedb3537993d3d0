//! Building images through the engine's API.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt as _;
use swarm::bollard::query_parameters::BuildImageOptionsBuilder;
use swarm::bollard::{Docker, body_full};

/// The files that a build sees: name in the context, mode, content.
pub type Context<'a> = &'a [(&'a str, u32, &'a [u8])];

/// Files as a tar archive, as builds and uploads want them.
pub fn archive(files: Context<'_>) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, mode, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        header.set_cksum();
        archive.append_data(&mut header, name, *content).with_context(|| format!("cannot pack {name}"))?;
    }
    archive.into_inner().context("cannot pack the build's files")
}

/// Builds `target` of the context's Dockerfile and names it `tag`; `say` gets the build's lines.
///
/// # Errors
/// When a step fails: the error has the last lines of the build.
pub async fn build(
    docker: &Docker,
    tag: &str,
    target: &str,
    arguments: &[(&str, &str)],
    files: Context<'_>,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    let arguments: HashMap<String, String> =
        arguments.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let options = BuildImageOptionsBuilder::default()
        .t(tag)
        .target(target)
        .buildargs(&arguments)
        // The bridge network of a fresh engine may have no way to the packages; the host's has.
        .networkmode("host")
        .rm(true)
        .forcerm(true)
        .build();
    let body = body_full(archive(files)?.into());
    let mut stream = std::pin::pin!(docker.build_image(options, None, Some(body)));
    let mut last: Vec<String> = Vec::new();
    while let Some(step) = stream.next().await {
        let failed = match step {
            Ok(step) => {
                for line in step.stream.iter().flat_map(|text| text.lines()).filter(|line| !line.trim().is_empty()) {
                    say(line);
                    if last.len() == 20 {
                        last.remove(0);
                    }
                    last.push(line.to_owned());
                }
                step.error_detail.and_then(|detail| detail.message)
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = failed {
            bail!("cannot build {tag}: {error}\n{}", last.join("\n"));
        }
    }
    Ok(())
}
