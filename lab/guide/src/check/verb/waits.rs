//! Tasks that wait for a node, and tasks that have ended as planned.

use anyhow::Result;
use async_trait::async_trait;
use swarm::{Mode, State, Task};

use super::service::failure;
use crate::check::{Finding, Look, Scene, Verb};

/// `pending`
pub const PENDING: Verb = Verb {
    form: "pending SERVICE N [says T]",
    about: "So many tasks of a service wait for a node, and the reason that Swarm gives has T in it.",
    example: "pending db 1 says \"insufficient resources\"",
    generic: false,
    holds_at_first: false,
    read: |args| {
        let (name, wanted) = (args.text("SERVICE")?, args.whole("N")?);
        let says = if args.takes("says") { args.text("T")? } else { String::new() };
        Ok(Box::new(Pending { name, wanted, says }))
    },
};

#[derive(Debug)]
struct Pending {
    name: String,
    wanted: usize,
    says: String,
}

#[async_trait]
impl Look for Pending {
    fn what(&self) -> String {
        format!("{} of {} wait for a node", self.wanted, self.name)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let swarm = scene.place.swarm().await?;
        let all = swarm.tasks(Some(&self.name)).await?;
        let waits = |task: &&Task| task.wanted() && task.state <= State::Pending;
        let reasons: Vec<&str> =
            all.iter().filter(waits).map(|task| task.error.as_deref().unwrap_or(&task.message)).collect();
        let right = reasons.iter().filter(|reason| reason.contains(&self.says)).count();
        let said = format!("{} tasks of {} wait for a node: {}", reasons.len(), self.name, reasons.join("; "));
        Ok(Finding::when(
            right == self.wanted && reasons.len() == self.wanted,
            said.clone(),
            format!("{said}. `docker service ps --no-trunc {}`", self.name),
        ))
    }
}

/// `completed`
pub const COMPLETED: Verb = Verb {
    form: "completed SERVICE N",
    about: "So many tasks of a service, or of a job in its last run, have ended as Complete.",
    example: "completed report 3",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Completed { name: args.text("SERVICE")?, wanted: args.whole("N")? })),
};

#[derive(Debug)]
struct Completed {
    name: String,
    wanted: usize,
}

#[async_trait]
impl Look for Completed {
    fn what(&self) -> String {
        format!("{} of {} are Complete", self.wanted, self.name)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let swarm = scene.place.swarm().await?;
        let all = swarm.tasks(Some(&self.name)).await?;
        // A job that runs again gives the tasks of its earlier run another desired state.
        let job = matches!(swarm.service(&self.name).await?.mode, Mode::ReplicatedJob(_) | Mode::GlobalJob);
        let done = all.iter().filter(|task| task.state == State::Complete && (!job || task.wanted())).count();
        if done == self.wanted {
            return Ok(Finding::yes(format!("{done} are Complete")));
        }
        let why = failure(&swarm, &self.name).await?;
        let said = format!("{done} of {} are Complete{why}: `docker service ps {}`", self.wanted, self.name);
        Ok(if all.iter().any(|task| task.wanted() && task.state.alive()) {
            Finding::not_yet(said)
        } else {
            Finding::no(said)
        })
    }
}
