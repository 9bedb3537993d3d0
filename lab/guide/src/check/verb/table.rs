//! The table of all task slots.

use anyhow::Result;
use async_trait::async_trait;

use crate::check::docker::quoted;
use crate::check::{Finding, Look, Scene, Verb};

/// `tasks_table`
pub const TASKS_TABLE: Verb = Verb {
    form: "tasks_table SERVICE...",
    about: "The table of `lab tasks` has the same tasks, states and nodes as `docker service ps`, for each of these services.",
    example: "tasks_table worker rng",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Table(args.several("SERVICE")?))),
};

#[derive(Debug)]
struct Table(Vec<String>);

/// A row as `docker service ps` has it: our column of the node has its address too.
fn line(row: &swarm::table::Row) -> String {
    format!("{} {}", row.task_id, row.node.split(' ').next().unwrap_or_default())
}

#[async_trait]
impl Look for Table {
    fn what(&self) -> String {
        format!("the table of {} is what docker says", self.0.join(", "))
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let swarm = scene.place.swarm().await?;
        let mut slots = 0;
        for name in &self.0 {
            let rows = swarm::table::rows(&swarm, Some(name)).await?;
            let mut ours: Vec<String> = rows.iter().map(line).collect();
            let list = format!(
                "docker service ps --no-trunc -f desired-state=running --format '{{{{.ID}}}} {{{{.Node}}}}' {}",
                quoted(name)
            );
            let mut docker: Vec<String> = scene.place.run_ok("head", &list).await?.lines().map(str::to_owned).collect();
            ours.sort();
            docker.sort();
            if ours != docker || ours.is_empty() {
                return Ok(Finding::not_yet(format!(
                    "of {name} the API has {} slots and docker {}: wait until the service stands still",
                    ours.len(),
                    docker.len()
                )));
            }
            slots += ours.len();
        }
        Ok(Finding::yes(format!("{slots} slots in both, on the same nodes")))
    }
}
