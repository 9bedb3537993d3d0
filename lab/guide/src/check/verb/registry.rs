//! The registry at 127.0.0.1:5000, and the images of nodes.

use anyhow::Result;
use async_trait::async_trait;
use serde_json::Value;

use crate::check::docker::quoted;
use crate::check::http::registry;
use crate::check::{Finding, Look, Scene, Verb};

/// `catalog_everywhere`
pub const CATALOG_EVERYWHERE: Verb = Verb {
    form: "catalog_everywhere [empty]",
    about: "The registry answers at 127.0.0.1:5000 of each node with the same catalog (which has no repository).",
    example: "catalog_everywhere empty",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Everywhere { empty: args.takes("empty") })),
};

#[derive(Debug)]
struct Everywhere {
    empty: bool,
}

#[async_trait]
impl Look for Everywhere {
    fn what(&self) -> String {
        let empty = if self.empty { "an empty" } else { "the same" };
        format!("each node finds the registry, with {empty} catalog")
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (mut silent, mut catalogs) = (Vec::new(), Vec::new());
        for node in scene.place.nodes().await? {
            match registry(scene.place, &node.name, "/v2/_catalog").await? {
                Some(catalog) => catalogs.push(catalog["repositories"].clone()),
                None => silent.push(node.name),
            }
        }
        if !silent.is_empty() {
            return Ok(Finding::no(format!(
                "127.0.0.1:5000 does not answer on {}: `docker service ps registry` shows how its task is, `docker service ls` its port",
                silent.join(", ")
            )));
        }
        let first = catalogs.first().cloned().unwrap_or_default();
        if catalogs.iter().any(|catalog| *catalog != first) {
            return Ok(Finding::no(
                "the nodes have different catalogs, so there is more than one registry: run one task, with one volume",
            ));
        }
        let count = first.as_array().map_or(0, Vec::len);
        Ok(Finding::when(
            !self.empty || count == 0,
            format!("127.0.0.1:5000 is the same registry on each node, with {count} repositories"),
            format!("the registry has {count} repositories already: an older volume is mounted? `docker volume ls`"),
        ))
    }
}

/// `catalog_has`
pub const CATALOG_HAS: Verb = Verb {
    form: "catalog_has REPOSITORY TAG",
    about: "The registry at 127.0.0.1:5000 has a repository with this tag.",
    example: "catalog_has worker v0.1",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Has { repository: args.text("REPOSITORY")?, tag: args.text("TAG")? })),
};

#[derive(Debug)]
struct Has {
    repository: String,
    tag: String,
}

#[async_trait]
impl Look for Has {
    fn what(&self) -> String {
        format!("the registry has {}:{}", self.repository, self.tag)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (repository, tag) = (&self.repository, self.tag.as_str());
        let Some(answer) = registry(scene.place, "head", &format!("/v2/{repository}/tags/list")).await? else {
            return Ok(Finding::no(
                "127.0.0.1:5000 does not answer on head: is the service registry up? `docker service ls`",
            ));
        };
        let tags: Vec<&str> = answer["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let push = format!("`docker push 127.0.0.1:5000/{repository}:{tag}`");
        Ok(if tags.contains(&tag) {
            Finding::yes(format!("{repository}:{tag} is in the registry"))
        } else if tags.is_empty() {
            Finding::no(format!("the registry has no {repository}: {push}"))
        } else {
            Finding::no(format!("the registry has {repository} only as {}: {push}", tags.join(", ")))
        })
    }
}

/// `image_on`
pub const IMAGE_ON: Verb = Verb {
    form: "image_on NODE IMAGE [same as NODE]",
    about: "A node has an image, with the same digest as another node's.",
    example: "image_on worker-2 127.0.0.1:5000/busybox:1 same as head",
    generic: false,
    holds_at_first: false,
    read: |args| {
        let (node, image) = (args.text("NODE")?, args.text("IMAGE")?);
        let like = if args.takes("same") {
            args.expect("as")?;
            Some(args.text("NODE")?)
        } else {
            None
        };
        Ok(Box::new(ImageOn { node, image, like }))
    },
};

#[derive(Debug)]
struct ImageOn {
    node: String,
    image: String,
    like: Option<String>,
}

#[async_trait]
impl Look for ImageOn {
    fn what(&self) -> String {
        let like = self.like.as_ref().map_or_else(String::new, |like| format!(", the same as {like}"));
        format!("{} has {}{like}", self.node, self.image)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (node, image) = (&self.node, &self.image);
        // The digest that a registry knows it by; an image that was only built here has none.
        let ask = format!(
            "docker image inspect -f '{{{{range .RepoDigests}}}}{{{{println .}}}}{{{{end}}}}' {}",
            quoted(image)
        );
        let here = scene.place.run(node, &ask).await?;
        if here.code != 0 {
            return Ok(Finding::no(format!(
                "{node} does not have {image}: pull it there, with `docker pull {image}` in a shell on {node}"
            )));
        }
        let Some(like) = &self.like else { return Ok(Finding::yes(format!("{node} has it"))) };
        let there = scene.place.run(like, &ask).await?;
        let digests = |said: &str| -> Vec<String> {
            let name = image.rsplit_once(':').map_or(image.as_str(), |(name, _)| name);
            said.lines()
                .filter(|line| line.starts_with(name))
                .filter_map(|line| Some(line.split_once('@')?.1.to_owned()))
                .collect()
        };
        let (here, there) = (digests(&here.stdout), digests(&there.stdout));
        Ok(match here.iter().find(|digest| there.contains(digest)) {
            Some(digest) => Finding::yes(format!("both have {}", digest.chars().take(19).collect::<String>())),
            None => Finding::no(format!(
                "{image} has not the same digest on {node} and on {like}: push it from {like}, and pull it on {node}"
            )),
        })
    }
}
