//! What `docker ... inspect` says on a node, where nothing needs a manager that has its quorum.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::place::Place;

/// What can be inspected.
pub const KINDS: [&str; 10] =
    ["service", "task", "node", "network", "container", "volume", "config", "secret", "image", "engine"];

pub use cluster::quoted;

/// Inspects something on a node: a list of what has that name, empty where nothing has. `task` takes a service's name and
/// gives its tasks that should run; `engine` takes no name.
pub async fn inspect(place: &Place, node: &str, kind: &str, name: &str) -> Result<Value> {
    let name = quoted(name);
    let script = match kind {
        "engine" => "echo \"[$(docker info --format '{{json .}}')]\"".to_owned(),
        "task" => format!(
            "ids=$(docker service ps -q --no-trunc -f desired-state=running {name}) || exit; \
             [ -z \"$ids\" ] && echo '[]' || docker inspect --type task $ids"
        ),
        kind => format!("docker {kind} inspect {name}"),
    };
    let output = place.run(node, &script).await?;
    if output.code == 0 {
        return Ok(serde_json::from_str(&output.stdout)?);
    }
    let said = output.stderr.trim();
    // What is not there is an answer; an engine that is not, or a node that may not say, is an error.
    let absent =
        ["no such", "not found", "Cannot find"].iter().any(|words| said.contains(words) || said.contains("No such"));
    if absent { Ok(Value::Array(Vec::new())) } else { bail!("{node} says: {said}") }
}
