//! What the nodes' engines said.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use swarm::bollard::query_parameters::LogsOptionsBuilder;

use crate::Outer;

impl Outer {
    /// What a node's engine logged: its last `tail` lines, or `all`.
    ///
    /// # Errors
    /// When the engine outside does not answer.
    pub async fn node_log(&self, container: &str, tail: &str) -> Result<String> {
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail(tail).build();
        let mut stream = std::pin::pin!(self.docker().logs(container, Some(options)));
        let mut text = String::new();
        while let Some(piece) = stream.next().await {
            let piece = piece.context("cannot read the node's log")?;
            text.push_str(&String::from_utf8_lossy(&piece.into_bytes()));
        }
        Ok(text)
    }
}

/// Writes the last `tail` lines of each node's log, or `all`, into a folder, and returns it: a new one for temporary files
/// where none is given.
///
/// # Errors
/// When there is no node, or the folder cannot be written.
pub async fn collect(outer: &Outer, cluster: &str, tail: &str, folder: Option<&Path>) -> Result<PathBuf> {
    let nodes = outer.existing(cluster).await?;
    let folder = match folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            folder.to_owned()
        }
        None => tempfile::Builder::new().prefix("lab-cluster-logs-").tempdir()?.keep(),
    };
    for node in nodes {
        let log = outer.node_log(&node.id, tail).await?;
        let path = folder.join(format!("{}.log", node.node));
        std::fs::write(&path, log).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(folder)
}
