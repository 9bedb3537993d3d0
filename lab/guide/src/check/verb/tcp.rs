//! A TCP port.

use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use swarm::patient;
use tokio::net::TcpStream;

use crate::check::{Args, Finding, Look, Scene, Verb, http};

use super::node;

/// `tcp`
pub const TCP: Verb = Verb {
    form: "tcp NODE[.private]|each:PORT open|closed",
    about: "A connection to the port is accepted, or is not. NODE is its public address, NODE.private the private one, `each` the public one of every node.",
    example: "tcp head:2375 closed else \"Never open 2375.\"",
    generic: true,
    holds_at_first: false,
    read,
};

/// A port that nothing answers for, not even with a refusal, counts as closed after so long.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

#[derive(Debug)]
struct Tcp {
    node: String,
    port: u16,
    open: bool,
}

fn read(args: &mut Args) -> Result<Box<dyn Look>, String> {
    let (node, port, _) = http::split(&args.text("NODE:PORT")?)?;
    let open = match args.text("open|closed")?.as_str() {
        "open" => true,
        "closed" => false,
        other => return Err(format!("`{other}` is neither open nor closed")),
    };
    Ok(Box::new(Tcp { node, port, open }))
}

#[async_trait]
impl Look for Tcp {
    fn what(&self) -> String {
        let node = match self.node.strip_suffix(".private") {
            Some(node) => format!("{node}'s private address"),
            None => node(&self.node).to_owned(),
        };
        format!("port {} of {node} is {}", self.port, if self.open { "open" } else { "closed" })
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let mut wrong = Vec::new();
        for (name, address) in http::addresses(scene.place, &self.node).await? {
            let connect = TcpStream::connect((address.as_str(), self.port));
            let open = matches!(tokio::time::timeout(patient(ANSWERS_WITHIN), connect).await, Ok(Ok(_)));
            if open != self.open {
                wrong.push(name);
            }
        }
        let is = if self.open { "closed" } else { "open" };
        Ok(Finding::when(wrong.is_empty(), "it is so", format!("it is {is} on {}", wrong.join(", "))))
    }
}
