//! A path in what `docker ... inspect` says.

use anyhow::Result;
use async_trait::async_trait;

use crate::check::compare::{self, Demand};
use crate::check::docker::{self, KINDS};
use crate::check::path::Path;
use crate::check::{Args, Finding, Look, Scene, Verb};

use super::node;
use super::run::brief;

/// `inspect`
pub const INSPECT: Verb = Verb {
    form: "inspect KIND NAME PATH [on NODE|each] is V|not V|holds T|lacks T|matches RE|above N|below N|count N|empty|there...",
    about: "What `docker KIND inspect NAME` says at PATH is so. KIND: service, task (NAME is a service; all of its tasks that should run), node, network, container, volume, config, secret, image, or engine (no NAME: `docker info` of the node). What is not there is empty. Asked on head unless told otherwise.",
    example: "inspect service rng .Spec.TaskTemplate.ContainerSpec.Image holds :v0.2 else \"Update it.\"",
    generic: true,
    holds_at_first: false,
    read,
};

#[derive(Debug)]
struct Inspect {
    kind: String,
    name: String,
    path: Path,
    node: String,
    demands: Vec<Demand>,
}

fn read(args: &mut Args) -> Result<Box<dyn Look>, String> {
    let kind = args.text("KIND")?;
    if !KINDS.contains(&kind.as_str()) {
        return Err(format!("`{kind}` is none of {}", KINDS.join(", ")));
    }
    let name = if kind == "engine" { String::new() } else { args.text("NAME")? };
    let path = Path::read(&args.text("PATH")?)?;
    let node = if args.takes("on") { args.text("NODE")? } else { "head".to_owned() };
    Ok(Box::new(Inspect { kind, name, path, node, demands: compare::some(args)? }))
}

#[async_trait]
impl Look for Inspect {
    fn what(&self) -> String {
        let of = if self.kind == "engine" {
            format!("{}'s engine", node(&self.node))
        } else {
            format!("{} {}", self.kind, self.name)
        };
        format!("{} of {of} {}", self.path, compare::words(&self.demands))
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let nodes: Vec<String> = match self.node.as_str() {
            "each" => scene.place.nodes().await?.into_iter().map(|node| node.name).collect(),
            one => vec![one.to_owned()],
        };
        let mut seen = Vec::new();
        for node in &nodes {
            let found = docker::inspect(scene.place, node, &self.kind, &self.name).await?;
            let mut all = found.as_array().cloned().unwrap_or_default();
            let absent = all.is_empty();
            if absent {
                all.push(serde_json::Value::Null);
            }
            for one in &all {
                let value = self.path.find(one);
                if !self.demands.iter().all(|demand| demand.met(&value)) {
                    return Ok(Finding::no(if absent {
                        format!("there is no {} {} on {node}", self.kind, self.name)
                    } else if value.is_empty() {
                        format!("on {node} it is empty")
                    } else {
                        format!("on {node} it is `{}`", brief(&value))
                    }));
                }
                seen.push(brief(&value));
            }
        }
        seen.dedup();
        Ok(Finding::yes(if seen.iter().all(String::is_empty) { "it is so".to_owned() } else { seen.join(", ") }))
    }
}
