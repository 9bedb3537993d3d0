//! The application on one host, by compose.

use anyhow::Result;
use async_trait::async_trait;
use serde_json::Value;

use crate::check::{Args, Finding, Look, Scene, Verb};
use crate::place::Place;

/// What Docker writes for a time that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// All containers of the application on head, whatever their state.
async fn containers(place: &Place) -> Result<Vec<Value>> {
    let list = "ids=$(docker ps -aq -f label=com.docker.compose.project=dockercoins); \
                [ -z \"$ids\" ] && echo '[]' || docker inspect $ids";
    Ok(serde_json::from_str(&place.run_ok("head", list).await?)?)
}

fn service(container: &Value) -> &str {
    container["Config"]["Labels"]["com.docker.compose.service"].as_str().unwrap_or_default()
}

fn runs(container: &Value) -> bool {
    container["State"]["Running"] == true
}

/// `compose_running`
pub const COMPOSE_RUNNING: Verb = Verb {
    form: "compose_running SERVICE N",
    about: "So many containers of a compose service run on head.",
    example: "compose_running worker 2",
    generic: false,
    holds_at_first: false,
    read: |args: &mut Args| Ok(Box::new(Running { name: args.text("SERVICE")?, wanted: args.whole("N")? })),
};

#[derive(Debug)]
struct Running {
    name: String,
    wanted: usize,
}

#[async_trait]
impl Look for Running {
    fn what(&self) -> String {
        format!("{} on head: {}", self.name, self.wanted)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, wanted) = (&self.name, self.wanted);
        let all = containers(scene.place).await?;
        let ours: Vec<&Value> = all.iter().filter(|container| service(container) == name).collect();
        let n = ours.iter().filter(|container| runs(container)).count();
        let do_this = if all.is_empty() {
            "there is no container of the application on head: `docker compose up -d`".to_owned()
        } else if n == 0 && !ours.is_empty() {
            let code = &ours[0]["State"]["ExitCode"];
            format!(
                "{name} has stopped (exit code {code}). `docker compose logs {name}` says why, `docker compose up -d` starts it"
            )
        } else {
            format!("{n} of {name} run, not {wanted}: `docker compose up -d --scale {name}={wanted}`")
        };
        Ok(Finding::when(n == wanted, format!("{n} of {name} run"), do_this))
    }
}

/// `compose_restarted`
pub const COMPOSE_RESTARTED: Verb = Verb {
    form: "compose_restarted",
    about: "Every container of the application was stopped once, and runs.",
    example: "compose_restarted",
    generic: false,
    holds_at_first: false,
    read: |_| Ok(Box::new(Restarted)),
};

#[derive(Debug)]
struct Restarted;

#[async_trait]
impl Look for Restarted {
    fn what(&self) -> String {
        "stopped once, and running again".to_owned()
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let all = containers(scene.place).await?;
        if all.is_empty() {
            return Ok(Finding::no("there is no container of the application on head: `docker compose up`"));
        }
        if let Some(stopped) = all.iter().find(|container| !runs(container)) {
            let name = service(stopped);
            return Ok(Finding::no(format!("{name} is stopped. `docker compose up -d` brings all of it back")));
        }
        let again = all.iter().all(|container| container["State"]["FinishedAt"] != NEVER);
        Ok(Finding::when(
            again,
            "the same containers were stopped, and run again",
            "it has not been stopped yet: `docker compose up` without -d, then ^C, then `docker compose up -d`",
        ))
    }
}

/// `compose_gone`
pub const COMPOSE_GONE: Verb = Verb {
    form: "compose_gone",
    about: "No container and no network of the application is left on head.",
    example: "compose_gone",
    generic: false,
    holds_at_first: false,
    read: |_| Ok(Box::new(Gone)),
};

#[derive(Debug)]
struct Gone;

#[async_trait]
impl Look for Gone {
    fn what(&self) -> String {
        "nothing is left of the application".to_owned()
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let left = scene
            .place
            .run_ok(
                "head",
                "docker ps -a -f label=com.docker.compose.project=dockercoins --format '{{.Names}} ({{.State}})'; \
                 docker network ls -f label=com.docker.compose.project=dockercoins --format '{{.Name}}'",
            )
            .await?;
        let left: Vec<&str> = left.lines().collect();
        Ok(Finding::when(
            left.is_empty(),
            "no container and no network is left",
            format!("still there: {}. `docker compose down` removes them; `stop` only stops", left.join(", ")),
        ))
    }
}
