//! Images that beginnings need: public ones, and those that the labs bring along; made once and kept.

use anyhow::{Context as _, Result};
use base16ct::lower::encode_string;
use cluster::image::{self, present};
use cluster::{build, load, standin};
use sha2::{Digest as _, Sha256};
use swarm::bollard::Docker;
use swarm::bollard::query_parameters::TagImageOptionsBuilder;

use crate::files::{self, Image};
use crate::place::Place;

/// The name under which commands find an image that the labs bring along.
pub fn tag(name: &str) -> String {
    format!("lab/{name}:1")
}

/// Whether an image of that name is public, or comes with the labs.
pub fn known(name: &str) -> bool {
    find(name).is_ok_and(|found| found.is_some()) || standin::IMAGES.iter().any(|(known, _)| *known == name)
}

fn find(name: &str) -> Result<Option<&'static Image>> {
    Ok(files::files()?.images.iter().find(|image| image.name == name))
}

/// Makes sure that head has these images; `say` gets a line for each that is made or carried.
///
/// # Errors
/// When an image can be had in no way.
pub async fn ensure(place: &Place, names: &[String], say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let head = place.engine().await?;
    let outer = place.outer().map(|outer| outer.docker().clone());
    // Machines of their own build where they run; a cluster's nodes get everything from the engine outside, which
    // outlives them.
    let docker = outer.as_ref().unwrap_or(head.docker());
    for name in names {
        let wanted = match find(name)? {
            Some(image) => built(docker, image, &image::mirror(), say).await?,
            None => {
                public(docker, name, say).await?;
                name.clone()
            }
        };
        if let Place::Cluster { outer, name: cluster } = place
            && !present(head.docker(), &wanted).await
        {
            say(&format!("carrying {name} to head"));
            load::load(outer, cluster, std::slice::from_ref(&wanted), &["head".to_owned()]).await?;
        }
        if wanted != *name {
            let options = TagImageOptionsBuilder::default().repo(&format!("lab/{name}")).tag("1").build();
            head.docker().tag_image(&wanted, Some(options)).await.with_context(|| format!("cannot name {wanted}"))?;
        }
    }
    Ok(())
}

/// The names of those that the labs bring along, each with a tag that says what it is made of.
///
/// # Errors
/// When the folder of the labs cannot be read.
pub fn ours() -> Result<Vec<String>> {
    Ok(files::files()?.images.iter().map(wanted).collect())
}

/// Builds those that the labs bring along, unless they are there; returns their names.
///
/// # Errors
/// When one cannot be built.
pub async fn build_ours(docker: &Docker, mirror: &str, say: &(dyn Fn(&str) + Sync)) -> Result<Vec<String>> {
    for image in &files::files()?.images {
        built(docker, image, mirror, say).await?;
    }
    ours()
}

/// The name of an image of a folder, with a tag that says what it is made of.
fn wanted(Image { name, files }: &Image) -> String {
    let mut sum = Sha256::new();
    for (file, bytes) in files {
        sum.update(file.as_bytes());
        sum.update(bytes);
    }
    format!("lab/{name}:{}", &encode_string(&sum.finalize())[..12])
}

/// Builds an image from its folder, under a tag that says what it was made of.
async fn built(docker: &Docker, image: &Image, mirror: &str, say: &(dyn Fn(&str) + Sync)) -> Result<String> {
    let wanted = wanted(image);
    let Image { name, files } = image;
    if present(docker, &wanted).await {
        return Ok(wanted);
    }
    let mut line = |text: &str| say(text);
    let base = image::ensure_base(docker, image::DEFAULT_SUITE, mirror, &mut line).await?;
    say(&format!("building lab/{name} (once)"));
    let files: Vec<(&str, u32, &[u8])> =
        files.iter().map(|(file, bytes)| (file.as_str(), 0o755, bytes.as_slice())).collect();
    let made = build::build(docker, &wanted, "", &[("BASE", &base)], &files, &mut |_| {}).await;
    made.with_context(|| format!("lab/labs/images/{name} cannot be built"))?;
    Ok(wanted)
}

async fn public(docker: &Docker, name: &str, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    if present(docker, name).await {
        return Ok(());
    }
    let mut line = |text: &str| say(text);
    if standin::IMAGES.iter().any(|(known, _)| *known == name) {
        standin::ensure(docker, standin::From::Either, false, &image::mirror(), &mut line).await?;
        return Ok(());
    }
    say(&format!("pulling {name}"));
    image::pull(docker, name).await.with_context(|| format!("cannot pull {name}, and nothing here stands in for it"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_image_of_a_beginning_is_known() {
        for beginning in crate::beginning::all().unwrap() {
            for name in &beginning.images {
                assert!(super::known(name), "{}: {name}", beginning.name);
            }
        }
        assert!(!super::known("nonsuch"));
    }
}
