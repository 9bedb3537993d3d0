//! A file that a student wrote.

use anyhow::Result;
use async_trait::async_trait;

use crate::check::docker::quoted;
use crate::check::lint::{RULES, Rule};
use crate::check::{Args, Finding, Look, Scene, Verb};

/// `lint`
pub const LINT: Verb = Verb {
    form: "lint NODE FILE yaml|json|stack|compose [RULE]...",
    about: "A file on a node can be read as what it is (`stack`: by `docker stack config`, `compose`: by `docker compose config`) and keeps rules: valid, pinned, fixed-ports, private-subnets, no-passwords, limits, traefik-3.",
    example: "lint head /root/mine/stack.yml stack pinned fixed-ports else \"Correct the file.\"",
    generic: true,
    holds_at_first: false,
    read,
};

struct Lint {
    node: String,
    file: String,
    form: String,
    rules: Vec<&'static Rule>,
}

impl std::fmt::Debug for Lint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lint({}:{})", self.node, self.file)
    }
}

fn read(args: &mut Args) -> Result<Box<dyn Look>, String> {
    let (node, file, form) = (args.text("NODE")?, args.text("FILE")?, args.text("yaml|json|stack|compose")?);
    if !["yaml", "json", "stack", "compose"].contains(&form.as_str()) {
        return Err(format!("`{form}` is none of yaml, json, stack, compose"));
    }
    let mut rules = Vec::new();
    while !args.is_empty() {
        let name = args.text("RULE")?;
        let names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
        let rule = RULES.iter().find(|rule| rule.name == name);
        rules.push(rule.ok_or_else(|| format!("`{name}` is no rule; there are {}", names.join(", ")))?);
    }
    Ok(Box::new(Lint { node, file, form, rules }))
}

#[async_trait]
impl Look for Lint {
    fn what(&self) -> String {
        let about: Vec<&str> = self.rules.iter().map(|rule| rule.about).collect();
        let about = if about.is_empty() { "it can be read".to_owned() } else { about.join("; ") };
        format!("{} on {}: {about}", self.file, self.node)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let file = quoted(&self.file);
        // Docker's own reading, where it has one, and the file as it was written: that is what the rules are about.
        let script = match self.form.as_str() {
            "stack" => format!("docker stack config -c {file} >/dev/null && cat {file}"),
            "compose" => format!("env -u COMPOSE_FILE docker compose -f {file} config -q && cat {file}"),
            _ => format!("cat {file}"),
        };
        let output = scene.place.run(&self.node, &script).await?;
        if output.code != 0 {
            return Ok(Finding::no(super::run::brief(&output.stderr)));
        }
        let value: serde_json::Value = match serde_yaml_ng::from_str(&output.stdout) {
            Ok(value) => value,
            Err(error) => return Ok(Finding::no(format!("it cannot be read: {error}"))),
        };
        let wrong: Vec<String> = self.rules.iter().flat_map(|rule| (rule.find)(&value)).collect();
        Ok(Finding::when(wrong.is_empty(), "it is so", wrong.join("; ")))
    }
}
