//! What answers over HTTP.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use swarm::patient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Finding;
use crate::place::Place;

/// How long one answer may take; rng with ten workers in its queue takes three quarters of a second.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Largest answer that is read.
const LARGEST: u64 = 1 << 20;

/// An answer's status and body.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Asks for a path.
pub async fn get(address: &str, port: u16, path: &str) -> Result<Answer> {
    let ask = async {
        let mut stream = TcpStream::connect((address, port)).await.context("the connection is refused")?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(LARGEST).read_to_end(&mut answer).await?;
        anyhow::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let Ok(answer) = tokio::time::timeout(patient(ANSWER_WITHIN), ask).await else {
        bail!("no answer in {} s", patient(ANSWER_WITHIN).as_secs());
    };
    let answer = answer?;
    let (head, body) = answer.split_once("\r\n\r\n").context("what answers does not speak HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status in the answer")?;
    Ok(Answer { status, body: body.to_owned() })
}

/// A path answers on one node.
pub async fn ok(place: &Place, node: &str, port: u16, path: &str) -> Result<Finding> {
    let address = place.node(node).await?.public;
    Ok(match get(&address, port, path).await {
        Ok(answer) if answer.status == 200 => Finding::yes(format!("{node} answers on port {port}")),
        Ok(answer) => Finding::no(format!("{node} answers on port {port} with status {}", answer.status)),
        Err(error) => Finding::no(format!(
            "{node}:{port} does not answer ({error:#}). Is the service up, and its port published? `docker ps` shows ports"
        )),
    })
}

/// A path answers on every node.
pub async fn ok_everywhere(place: &Place, port: u16, path: &str) -> Result<Finding> {
    let (mut well, mut ill) = (Vec::new(), Vec::new());
    for node in place.nodes().await? {
        match get(&node.public, port, path).await {
            Ok(answer) if answer.status == 200 => well.push(node.name),
            Ok(answer) => ill.push(format!("{} with status {}", node.name, answer.status)),
            Err(_) => ill.push(node.name),
        }
    }
    Ok(match (well.is_empty(), ill.is_empty()) {
        (_, true) => Finding::yes(format!("{} all answer on port {port}", well.join(", "))),
        (true, false) => Finding::no(format!("no node answers on port {port}: it is not published yet")),
        (false, false) => Finding::no(format!(
            "port {port} answers on {}, and not on {}: a port in host mode is only where a task is",
            well.join(", "),
            ill.join(", ")
        )),
    })
}

/// Nothing accepts connections.
pub async fn ports_free(place: &Place, ports: &[u16]) -> Result<Finding> {
    let address = place.node("head").await?.public;
    let mut taken = Vec::new();
    for port in ports {
        let connect = TcpStream::connect((address.as_str(), *port));
        if let Ok(Ok(_)) = tokio::time::timeout(patient(ANSWER_WITHIN), connect).await {
            taken.push(port.to_string());
        }
    }
    Ok(Finding::when(
        taken.is_empty(),
        "nothing listens on them",
        format!("something still listens on {}: `docker ps` on head shows what", taken.join(", ")),
    ))
}

async fn registry(place: &Place, node: &str, path: &str) -> Result<Option<Value>> {
    let ask = format!("curl -sS --max-time 3 127.0.0.1:5000{path}");
    let output = place.run(node, &ask).await?;
    Ok(serde_json::from_str(&output.stdout).ok())
}

/// The registry answers as 127.0.0.1:5000 on each node.
pub async fn catalog_everywhere(place: &Place) -> Result<Finding> {
    let mut silent = Vec::new();
    for node in place.nodes().await? {
        if registry(place, &node.name, "/v2/_catalog").await?.is_none() {
            silent.push(node.name);
        }
    }
    Ok(Finding::when(
        silent.is_empty(),
        "127.0.0.1:5000 is the same registry on each node",
        format!(
            "127.0.0.1:5000 does not answer on {}: `docker service ps registry` shows how its task is, `docker service ls` its port",
            silent.join(", ")
        ),
    ))
}

/// The registry has a tag.
pub async fn catalog_has(place: &Place, repository: &str, tag: &str) -> Result<Finding> {
    let Some(answer) = registry(place, "head", &format!("/v2/{repository}/tags/list")).await? else {
        return Ok(Finding::no(
            "127.0.0.1:5000 does not answer on head: is the service registry up? `docker service ls`",
        ));
    };
    let tags: Vec<&str> = answer["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let push = format!("`docker push 127.0.0.1:5000/{repository}:{tag}`");
    Ok(if tags.contains(&tag) {
        Finding::yes(format!("{repository}:{tag} is in the registry"))
    } else if tags.is_empty() {
        Finding::no(format!("the registry has no {repository}: {push}"))
    } else {
        Finding::no(format!("the registry has {repository} only as {}: {push}", tags.join(", ")))
    })
}

/// What webui says of everything.
pub async fn state(place: &Place) -> Result<Value> {
    let address = place.node("head").await?.public;
    let answer = get(&address, 8000, "/api/state").await;
    let answer = answer.context("webui does not answer on port 8000 of head: is it up, and published?")?;
    serde_json::from_str(&answer.body).context("webui answers with something else than its state")
}
