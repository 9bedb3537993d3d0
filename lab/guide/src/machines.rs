//! Machines of their own, where nobody but us starts an engine or brings an image.

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;

use crate::place::Place;

/// Options of every ssh: an answer to a question is waited for from nobody, and a machine that is gone not for minutes.
pub const SSH: [&str; 8] = [
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=10",
    // An established connection to a machine that vanishes ends within half a minute.
    "-o",
    "ServerAliveInterval=10",
    "-o",
    "ServerAliveCountMax=3",
];

/// Starts an engine that is stopped, as the last lab leaves one, and waits until it answers.
const START: &str = "docker version >/dev/null 2>&1 && exit 0; \
    if [ -d /run/systemd/system ]; then systemctl start docker.socket docker; else service docker start; fi >/dev/null 2>&1; \
    tries=0; until said=$(docker version 2>&1); do tries=$((tries + 1)); \
    [ $tries -lt 60 ] || { echo \"its engine does not start: $said\"; exit 1; }; sleep 1; done";

/// Starts the engines that are stopped.
///
/// # Errors
/// When a machine cannot be reached, or its engine does not start within a minute.
pub async fn mend(place: &Place) -> Result<()> {
    let nodes = place.nodes().await?;
    try_join_all(nodes.iter().map(|node| async move {
        place.run_ok(&node.name, START).await.with_context(|| format!("{} is not ready", node.name))
    }))
    .await?;
    Ok(())
}
