//! Where a value comes from, for lines that compare it with what it was or with what a student says.

use anyhow::{Result, bail};

use super::docker::{self, KINDS};
use super::line::Args;
use super::path::Path;
use super::{docker::quoted, http};
use crate::facts::Facts;
use crate::place::{self, Place};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `inspect KIND NAME PATH [on NODE]`
    Inspect {
        /// What is inspected.
        kind: String,
        /// Its name; none for an engine.
        name: String,
        /// What of it.
        path: Path,
        /// Where.
        node: String,
    },
    /// `output NODE "COMMAND"`: what it prints.
    Output {
        /// Where.
        node: String,
        /// What.
        command: String,
    },
    /// `tasks SERVICE`: the identifiers of its tasks that should run, in order.
    Tasks(String),
    /// `body NODE:PORT/PATH`: what an address answers.
    Body(String),
}

impl Source {
    /// Reads a source.
    pub fn read(args: &mut Args) -> Result<Source, String> {
        let kind = args.text("SOURCE")?;
        Ok(match kind.as_str() {
            "inspect" => {
                let kind = args.text("KIND")?;
                if !KINDS.contains(&kind.as_str()) {
                    return Err(format!("`{kind}` is none of {}", KINDS.join(", ")));
                }
                let name = if kind == "engine" { String::new() } else { args.text("NAME")? };
                let path = Path::read(&args.text("PATH")?)?;
                let node = if args.takes("on") { args.text("NODE")? } else { "head".to_owned() };
                Source::Inspect { kind, name, path, node }
            }
            "output" => Source::Output { node: args.text("NODE")?, command: args.text("COMMAND")? },
            "tasks" => Source::Tasks(args.text("SERVICE")?),
            "body" => Source::Body(args.text("NODE:PORT/PATH")?),
            other => return Err(format!("`{other}` is no source: inspect, output, tasks or body")),
        })
    }

    /// With the placeholders filled in.
    pub fn filled(&self, facts: &Facts) -> Source {
        let fill = |text: &String| facts.fill(text).unwrap_or_else(|_| text.clone());
        match self {
            Source::Inspect { kind, name, path, node } => {
                Source::Inspect { kind: kind.clone(), name: fill(name), path: path.clone(), node: fill(node) }
            }
            Source::Output { node, command } => Source::Output { node: fill(node), command: fill(command) },
            Source::Tasks(service) => Source::Tasks(fill(service)),
            Source::Body(url) => Source::Body(fill(url)),
        }
    }

    /// The value as it is now.
    pub async fn value(&self, place: &Place) -> Result<String> {
        Ok(match self {
            Source::Inspect { kind, name, path, node } => {
                let found = docker::inspect(place, node, kind, name).await?;
                let all = found.as_array().map(Vec::as_slice).unwrap_or_default();
                let values: Vec<String> = all.iter().map(|one| path.find(one)).collect();
                values.join(" ").trim().to_owned()
            }
            Source::Output { node, command } => {
                let output =
                    if node == "here" { place::here(command).await? } else { place.run(node, command).await? };
                if output.code != 0 {
                    bail!("`{command}` on {node} ended with {}: {}", output.code, output.stderr.trim());
                }
                output.stdout.trim().to_owned()
            }
            Source::Tasks(service) => {
                let list = format!("docker service ps -q --no-trunc -f desired-state=running {}", quoted(service));
                let said = place.run_ok("head", &list).await?;
                let mut ids: Vec<&str> = said.lines().collect();
                ids.sort_unstable();
                ids.join(" ")
            }
            Source::Body(url) => http::body(place, url).await?.trim().to_owned(),
        })
    }
}

impl std::fmt::Display for Source {
    /// In words, for a student.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Inspect { kind, path, node, .. } if kind == "engine" => write!(f, "{path} of {node}'s engine"),
            Source::Inspect { kind, name, path, .. } => write!(f, "{path} of {kind} {name}"),
            Source::Output { node, command } => write!(f, "`{command}` on {node}"),
            Source::Tasks(service) => write!(f, "the tasks of {service}"),
            Source::Body(url) => write!(f, "what {url} answers"),
        }
    }
}
