//! The application on one host, by compose.

use anyhow::Result;
use serde_json::Value;

use super::Finding;
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

/// So many containers of a service run.
pub async fn running(place: &Place, name: &str, wanted: usize) -> Result<Finding> {
    let all = containers(place).await?;
    let ours: Vec<&Value> = all.iter().filter(|container| service(container) == name).collect();
    let n = ours.iter().filter(|container| runs(container)).count();
    let do_this = if all.is_empty() {
        "there is no container of the application on head: `docker compose up -d`".to_owned()
    } else if n == 0 && !ours.is_empty() {
        let code = &ours[0]["State"]["ExitCode"];
        format!(
            "{name} has stopped (exit code {code}): `docker compose logs {name}` says why, `docker compose up -d` starts it"
        )
    } else {
        format!("{n} of {name} running, not {wanted}: `docker compose up -d --scale {name}={wanted}`")
    };
    Ok(Finding::when(n == wanted, format!("{n} of {name} running"), do_this))
}

/// Every container has been stopped once, and runs.
pub async fn restarted(place: &Place) -> Result<Finding> {
    let all = containers(place).await?;
    if all.is_empty() {
        return Ok(Finding::no("there is no container of the application on head: `docker compose up`"));
    }
    if let Some(stopped) = all.iter().find(|container| !runs(container)) {
        let name = service(stopped);
        return Ok(Finding::no(format!("{name} is stopped: bring all of it back with `docker compose up -d`")));
    }
    let again = all.iter().all(|container| container["State"]["FinishedAt"] != NEVER);
    Ok(Finding::when(
        again,
        "the same containers were stopped, and run again in the background",
        "it has not been stopped yet: `docker compose up` without -d, then ^C, then `docker compose up -d`",
    ))
}

/// No container, network of the application.
pub async fn gone(place: &Place) -> Result<Finding> {
    let left = place
        .run_ok(
            "head",
            "docker ps -a -f label=com.docker.compose.project=dockercoins --format '{{.Names}}'; \
             docker network ls -f label=com.docker.compose.project=dockercoins --format '{{.Name}}'",
        )
        .await?;
    let left: Vec<&str> = left.lines().collect();
    Ok(Finding::when(
        left.is_empty(),
        "no container and no network is left",
        format!("still there: {}. `docker compose down` removes them (`stop` only stops)", left.join(", ")),
    ))
}

/// Redis' own client connects to any name and port, and says differently when the name is unknown.
pub async fn resolves(place: &Place, from: &str, name: &str) -> Result<Finding> {
    let ask = format!("docker compose exec -T {from} redis-cli -h {name} -p 80 ping 2>&1");
    let said = place.run("head", &ask).await?.stdout;
    // An HTTP server answers a Redis client with a complaint that begins with the H of HTTP.
    Ok(Finding::when(
        said.contains("got \"H\""),
        format!("{name} resolves inside {from}, and an HTTP server answers there"),
        format!("{name} was not reached from {from}: {}. Is all of it up? `docker compose ps`", said.trim()),
    ))
}
