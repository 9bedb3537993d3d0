//! A command on a node.

use anyhow::Result;
use async_trait::async_trait;

use crate::check::compare::{self, Demand};
use crate::check::{Args, Finding, Look, Scene, Verb};
use crate::place;

/// `run`
pub const RUN: Verb = Verb {
    form: "run NODE|each|here \"COMMAND\" [exit N|fails|any] [is V|not V|holds T|lacks T|matches RE|above N|below N|count N|empty|there]...",
    about: "A command ends with this code (0 if nothing is said; `fails`: any but 0) and its output, errors included, is so. `each`: on every node. It must change nothing.",
    example: "run worker-1 \"docker info --format '{{.Swarm.LocalNodeState}}'\" is active else \"Join it.\"",
    generic: true,
    holds_at_first: false,
    read,
};

/// What the exit code must be.
#[derive(Debug, Clone, Copy)]
enum Exit {
    Code(i64),
    Fails,
    Any,
}

#[derive(Debug)]
struct Run {
    node: String,
    command: String,
    exit: Exit,
    demands: Vec<Demand>,
}

fn read(args: &mut Args) -> Result<Box<dyn Look>, String> {
    let (node, command) = (args.text("NODE")?, args.text("COMMAND")?);
    let exit = if args.takes("exit") {
        Exit::Code(i64::try_from(args.whole("N")?).unwrap_or(i64::MAX))
    } else if args.takes("fails") {
        Exit::Fails
    } else if args.takes("any") {
        Exit::Any
    } else {
        Exit::Code(0)
    };
    Ok(Box::new(Run { node, command, exit, demands: compare::demands(args)? }))
}

/// Longest output that is shown to a student.
const LONGEST: usize = 160;

/// As much of a command as tells a student which one it is.
pub fn beginning(command: &str) -> String {
    const ENOUGH: usize = 90;
    let first = command.lines().next().unwrap_or_default();
    let Some((mut at, _)) = first.char_indices().nth(ENOUGH) else { return first.to_owned() };
    // It is filled in later, so no placeholder may be cut in two.
    if first[..at].rfind("{{").is_some_and(|open| !first[open..at].contains("}}")) {
        at = first[at..].find("}}").map_or(first.len(), |end| at + end + 2);
    }
    if at == first.len() { first.to_owned() } else { format!("{} ...", first[..at].trim_end()) }
}

/// The end of a text, on one line.
pub fn brief(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().rev().nth(LONGEST) {
        Some((at, _)) => format!("... {}", &line[at..]),
        None => line,
    }
}

#[async_trait]
impl Look for Run {
    fn what(&self) -> String {
        let demands =
            if self.demands.is_empty() { String::new() } else { format!(" {}", compare::words(&self.demands)) };
        let first = beginning(&self.command);
        let end = match self.exit {
            Exit::Fails => " fails".to_owned(),
            Exit::Code(code) if code != 0 => format!(" ends with {code}"),
            Exit::Code(_) | Exit::Any => String::new(),
        };
        format!("`{first}` on {}{end}{demands}", self.node)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let nodes: Vec<String> = match self.node.as_str() {
            "each" => scene.place.nodes().await?.into_iter().map(|node| node.name).collect(),
            one => vec![one.to_owned()],
        };
        for node in &nodes {
            let output = if node == "here" {
                place::here(&self.command).await?
            } else {
                scene.place.run(node, &self.command).await?
            };
            let right = match self.exit {
                Exit::Code(code) => output.code == code,
                Exit::Fails => output.code != 0,
                Exit::Any => true,
            };
            let said = format!("{}{}", output.stdout, output.stderr);
            if !right {
                return Ok(Finding::no(format!("it ends with {} on {node}: `{}`", output.code, brief(&said))));
            }
            if !self.demands.iter().all(|demand| demand.met(&said)) {
                return Ok(Finding::no(format!("on {node} it says `{}`", brief(&said))));
            }
        }
        Ok(Finding::yes("it is so"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_long_command_is_named_by_its_beginning_and_its_placeholders_stay_whole() {
        let beginning = super::beginning;
        assert_eq!(beginning("docker info\nls"), "docker info");
        assert_eq!(beginning(&"x".repeat(200)), format!("{} ...", "x".repeat(90)));
        let cut = format!("{} {{{{head.private}}}} and more", "x".repeat(85));
        assert_eq!(beginning(&cut), format!("{} {{{{head.private}}}} ...", "x".repeat(85)));
        let whole = format!("{} {{{{head.private}}}}", "x".repeat(85));
        assert_eq!(beginning(&whole), whole);
    }
}
