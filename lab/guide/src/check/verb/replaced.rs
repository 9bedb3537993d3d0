//! Tasks that failed, and others in their place.

use anyhow::Result;
use async_trait::async_trait;
use swarm::{Mode, Phase, Task};

use super::service::{not_or_not_yet, tasks};
use crate::check::docker::quoted;
use crate::check::{Finding, Look, Scene, Source, Verb};

/// `replaced`
pub const REPLACED: Verb = Verb {
    form: "replaced SERVICE [exit N]",
    about: "A task of a service failed (with this exit code) since the step began, another took its place in the same slot, and all replicas run.",
    example: "replaced hasher exit 137",
    generic: false,
    holds_at_first: false,
    read: |args| {
        let name = args.text("SERVICE")?;
        let exit = if args.takes("exit") { Some(i64::try_from(args.whole("N")?).unwrap_or(-1)) } else { None };
        // What had failed before is not this step's. A student may stop and start the service before the kill, so it is
        // not asked which tasks ran then.
        let command = format!(
            "docker service ps --no-trunc --format '{{{{.ID}}}} {{{{.CurrentState}}}}' {} | awk '/ (Failed|Rejected|Orphaned)/ {{print $1}}'",
            quoted(&name)
        );
        let source = Source::Output { node: "head".to_owned(), command };
        Ok(Box::new(Replaced { name, exit, source }))
    },
};

#[derive(Debug)]
struct Replaced {
    name: String,
    exit: Option<i64>,
    source: Source,
}

impl Replaced {
    /// The exit code of a task that failed and was not among those that had failed `then`; a sentence where there is none.
    fn failed(&self, wanted: u32, all: &[Task], then: &str) -> Result<Option<i64>, String> {
        let name = &self.name;
        let new = |task: &&Task| !then.split_whitespace().any(|id| id == task.id);
        let failed: Vec<&Task> = all.iter().filter(new).filter(|task| task.state.phase() == Phase::Failed).collect();
        if failed.is_empty() && wanted == 0 {
            return Err(format!(
                "{name} is scaled to 0: the swarm stopped its tasks, none has failed. `docker service scale {name}=1`, then `docker kill` its container"
            ));
        }
        if failed.is_empty() {
            return Err(format!(
                "no task of {name} has failed since the step began: kill one of its containers with `docker kill`"
            ));
        }
        let code = failed.iter().find_map(|task| task.exit_code);
        match self.exit {
            Some(exit) if failed.iter().all(|task| task.exit_code != Some(exit)) => {
                let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
                Err(format!("a task of {name} ended with exit code {code}, not {exit}"))
            }
            _ => Ok(self.exit.or(code)),
        }
    }
}

#[async_trait]
impl Look for Replaced {
    fn what(&self) -> String {
        let how = self.exit.map_or_else(String::new, |code| format!(" with exit code {code}"));
        format!("a task of {} failed{how} and was replaced", self.name)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, swarm) = (&self.name, scene.place.swarm().await?);
        let Mode::Replicated(wanted) = swarm.service(name).await?.mode else {
            return Ok(Finding::no(format!("{name} is not a replicated service")));
        };
        let all = swarm.tasks(Some(name)).await?;
        let then = scene.begun.get(&self.source.to_string()).map(String::as_str).unwrap_or_default();
        let code = match self.failed(wanted, &all, then) {
            Ok(code) => code,
            Err(said) => return Ok(Finding::no(said)),
        };
        let (running, _) = tasks(&swarm, name).await?;
        let said = format!("{} of {wanted} run; Swarm waits 5 s before it starts another", running.len());
        if running.len() != wanted as usize {
            return not_or_not_yet(&swarm, name, said).await;
        }
        let code = code.map_or_else(String::new, |code| format!(" with exit code {code}"));
        Ok(Finding::yes(format!("a task failed{code}, and {wanted} of {wanted} run again")))
    }

    fn remembers(&self) -> Option<&Source> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use swarm::State;

    use super::*;

    fn task(id: &str, state: State, exit_code: Option<i64>) -> Task {
        Task { id: id.to_owned(), state, exit_code, ..Task::from(swarm::bollard::models::Task::default()) }
    }

    #[test]
    fn only_a_kill_since_the_step_began_counts_whatever_was_stopped_and_started_before_it() {
        let killed = |exit| Replaced { name: "hasher".to_owned(), exit, source: Source::Tasks("hasher".to_owned()) };
        let verb = killed(Some(137));
        let stopped = task("a", State::Shutdown, Some(0));
        let runs = task("b", State::Running, None);
        // Scaled to nothing: stopped, and told so; scaled up again: still no kill.
        assert!(verb.failed(0, std::slice::from_ref(&stopped), "").unwrap_err().contains("is scaled to 0"));
        let up = [stopped.clone(), runs.clone()];
        assert!(verb.failed(1, &up, "").unwrap_err().contains("no task of hasher has failed"));
        // The task that is killed then did not run when the step began, and counts all the same.
        let dead = [stopped, task("b", State::Failed, Some(137)), task("c", State::Running, None)];
        assert_eq!(verb.failed(1, &dead, ""), Ok(Some(137)));
        // What had failed when the step began does not.
        assert!(verb.failed(1, &dead, "b").is_err());
        let other = [task("d", State::Failed, Some(1)), runs];
        assert!(verb.failed(1, &other, "").unwrap_err().contains("exit code 1, not 137"));
        assert_eq!(killed(None).failed(1, &other, ""), Ok(Some(1)));
    }
}
