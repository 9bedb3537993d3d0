//! Asking over HTTP, without TLS; for that there is `run NODE "curl ..."`.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use swarm::patient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::place::Place;

/// How long one answer may take; rng with ten workers in its queue takes three quarters of a second.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Largest answer that is read.
const LARGEST: u64 = 1 << 20;

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// 200, 404, ...
    pub status: u16,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// What follows the headers.
    pub body: String,
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |(have, _): &&(String, String)| have.eq_ignore_ascii_case(name);
        self.headers.iter().find(same).map(|(_, value)| value.as_str())
    }
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// With the query.
    pub path: String,
    /// `Name: value`, each.
    pub headers: Vec<String>,
    /// What is sent behind the headers.
    pub body: String,
    /// Asks for a websocket.
    pub upgrade: bool,
}

impl Request {
    fn text(&self, address: &str) -> String {
        let version = if self.upgrade { "1.1" } else { "1.0" };
        let mut text = format!("{} {} HTTP/{version}\r\n", self.method, self.path);
        let has = |name: &str| self.headers.iter().any(|header| header.to_lowercase().starts_with(name));
        if !has("host:") {
            text.push_str(&format!("Host: {address}\r\n"));
        }
        for header in &self.headers {
            text.push_str(&format!("{header}\r\n"));
        }
        if self.upgrade {
            // The key is the example of RFC 6455; who answers 101 has understood it.
            text.push_str("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
        }
        if !self.body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        format!("{text}\r\n{}", self.body)
    }

    /// Sends it and reads the answer; of an answer to an upgrade, only the headers.
    pub async fn send(&self, address: &str, port: u16) -> Result<Answer> {
        let ask = async {
            let mut stream = TcpStream::connect((address, port)).await.map_err(|error| match error.kind() {
                ErrorKind::ConnectionRefused => anyhow!("the connection is refused"),
                _ => anyhow!(error).context("no connection"),
            })?;
            stream.write_all(self.text(address).as_bytes()).await?;
            let mut answer = Vec::new();
            if self.upgrade {
                while !answer.ends_with(b"\r\n\r\n") && (answer.len() as u64) < LARGEST {
                    match stream.read_u8().await {
                        Ok(byte) => answer.push(byte),
                        Err(_) => break,
                    }
                }
            } else {
                stream.take(LARGEST).read_to_end(&mut answer).await?;
            }
            anyhow::Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        let Ok(answer) = tokio::time::timeout(patient(ANSWER_WITHIN), ask).await else {
            bail!("no answer in {} s", patient(ANSWER_WITHIN).as_secs());
        };
        read(&answer?)
    }
}

fn read(text: &str) -> Result<Answer> {
    let (head, body) = text.split_once("\r\n\r\n").context("what answers does not speak HTTP")?;
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status in the answer")?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned())).collect();
    Ok(Answer { status, headers, body: body.to_owned() })
}

/// Asks for a path.
pub async fn get(address: &str, port: u16, path: &str) -> Result<Answer> {
    let request = Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: String::new(),
        upgrade: false,
    };
    request.send(address, port).await
}

/// `NODE:PORT/PATH` in its three parts.
pub fn split(url: &str) -> Result<(String, u16, String), String> {
    let url = url.strip_prefix("http://").unwrap_or(url);
    let (at, path) = url.find('/').map_or((url, "/"), |slash| url.split_at(slash));
    let port = at.rsplit_once(':').and_then(|(node, port)| Some((node.to_owned(), port.parse().ok()?)));
    let (node, port) = port.ok_or_else(|| format!("`{url}` is not NODE:PORT/PATH"))?;
    Ok((node, port, path.to_owned()))
}

/// The addresses that a word means: a node's public one, `NODE.private` its private one, `each` the public one of each
/// node, and everything else itself.
pub async fn addresses(place: &Place, word: &str) -> Result<Vec<(String, String)>> {
    let nodes = place.nodes().await?;
    if word == "each" {
        return Ok(nodes.into_iter().map(|node| (node.name, node.public)).collect());
    }
    let (name, private) = word.strip_suffix(".private").map_or((word, false), |name| (name, true));
    let node = nodes.into_iter().find(|node| node.name == name);
    Ok(vec![match node {
        Some(node) => (word.to_owned(), if private { node.private } else { node.public }),
        None => (word.to_owned(), word.to_owned()),
    }])
}

/// What an address answers.
pub async fn body(place: &Place, url: &str) -> Result<String> {
    let (node, port, path) = split(url).map_err(anyhow::Error::msg)?;
    let (name, address) = addresses(place, &node).await?.into_iter().next().context("no node")?;
    let answer = get(&address, port, &path).await.with_context(|| format!("{name}:{port} does not answer"))?;
    Ok(answer.body)
}

/// What webui says of everything.
pub async fn state(place: &Place) -> Result<Value> {
    let address = place.node("head").await?.public;
    let answer = get(&address, 8000, "/api/state").await;
    let answer = answer.context("webui does not answer on port 8000 of head: is it up, and published?")?;
    serde_json::from_str(&answer.body).context("webui answers with something else than its state")
}

/// A registry on a node's loopback address.
pub async fn registry(place: &Place, node: &str, path: &str) -> Result<Option<Value>> {
    let ask = format!("curl -sS --max-time 3 127.0.0.1:5000{path}");
    let output = place.run(node, &ask).await?;
    Ok(serde_json::from_str(&output.stdout).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_addresses_are_read() {
        let answer = read("HTTP/1.1 101 Switching\r\nSet-Cookie: a=b; Path=/\r\nX: y\r\n\r\nbody").unwrap();
        assert_eq!(
            (answer.status, answer.header("set-cookie"), answer.body.as_str()),
            (101, Some("a=b; Path=/"), "body")
        );
        assert!(read("SSH-2.0\r\n\r\n").is_err() && read("hello").is_err());
        assert_eq!(split("head:80").unwrap(), ("head".into(), 80, "/".into()));
        assert_eq!(split("http://each:8000/a?b").unwrap(), ("each".into(), 8000, "/a?b".into()));
        assert!(split("head/x").is_err());
    }

    #[test]
    fn a_request_says_what_it_should() {
        let request = Request {
            method: "POST".into(),
            path: "/x".into(),
            headers: vec!["Host: a.b".into(), "Cookie: c=d".into()],
            body: "ab".into(),
            upgrade: false,
        };
        assert_eq!(
            request.text("1.2.3.4"),
            "POST /x HTTP/1.0\r\nHost: a.b\r\nCookie: c=d\r\nContent-Length: 2\r\n\r\nab"
        );
    }
}
