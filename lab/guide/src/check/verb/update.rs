//! How a service was changed.

use anyhow::Result;
use async_trait::async_trait;

use super::service::tasks;
use crate::check::{Finding, Look, Scene, Verb};

/// `updated`
pub const UPDATED: Verb = Verb {
    form: "updated SERVICE completed|paused|rollback_completed|...",
    about: "The last update of a service ended so, in Swarm's word.",
    example: "updated rng rollback_completed",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Updated { name: args.text("SERVICE")?, wanted: args.text("STATE")? })),
};

#[derive(Debug)]
struct Updated {
    name: String,
    wanted: String,
}

#[async_trait]
impl Look for Updated {
    fn what(&self) -> String {
        format!("the update of {}: {}", self.name, self.wanted)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, wanted) = (&self.name, &self.wanted);
        Ok(match scene.place.swarm().await?.service(name).await?.update {
            None => Finding::no(format!("{name} has not been updated yet: `docker service update`")),
            Some(update) if update.state == *wanted => Finding::yes(update.message),
            Some(update) => {
                let said = format!(
                    "the last update of {name} is {}: {}. `docker service inspect --pretty {name}` shows it",
                    update.state, update.message
                );
                if update.busy() { Finding::not_yet(said) } else { Finding::no(said) }
            }
        })
    }
}

/// `runs_image`
pub const RUNS_IMAGE: Verb = Verb {
    form: "runs_image SERVICE PART",
    about: "All tasks of a service run an image that has PART in its name.",
    example: "runs_image rng :v0.2",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(RunsImage { name: args.text("SERVICE")?, part: args.text("PART")? })),
};

#[derive(Debug)]
struct RunsImage {
    name: String,
    part: String,
}

#[async_trait]
impl Look for RunsImage {
    fn what(&self) -> String {
        format!("{} runs {}", self.name, self.part)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, part, swarm) = (&self.name, &self.part, scene.place.swarm().await?);
        let service = swarm.service(name).await?;
        let (running, _) = tasks(&swarm, name).await?;
        let image = service.image.split('@').next().unwrap_or_default();
        if !running.is_empty() && running.iter().all(|task| task.image.contains(part.as_str())) {
            return Ok(Finding::yes(format!("all {} tasks run {image}", running.len())));
        }
        let said =
            format!("{name} is to run {image}, and not all of its tasks run {part}: `docker service update --image`");
        let busy = service.update.is_some_and(|update| update.busy());
        Ok(if busy { Finding::not_yet(said) } else { Finding::no(said) })
    }
}
