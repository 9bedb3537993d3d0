//! Faults: a crash, a freeze, and a partition.

use anyhow::{Context as _, Result, bail};

use crate::Outer;

/// The mark on the rules that make a partition.
const MARK: &str = "swarmlab-partition";

impl Outer {
    /// Crashes a node: it loses its power, and does not say goodbye.
    ///
    /// # Errors
    /// When there is no such node, or it does not run.
    pub async fn stop(&self, cluster: &str, node: &str) -> Result<()> {
        let found = self.node(cluster, node).await?;
        if found.state != "running" && found.state != "paused" {
            bail!("{node} does not run: it is {}", found.state);
        }
        self.docker().kill_container(&found.id, None).await.with_context(|| format!("cannot stop {node}"))
    }

    /// Starts a node that was stopped.
    ///
    /// # Errors
    /// When there is no such node, or it does not start.
    pub async fn start(&self, cluster: &str, node: &str) -> Result<()> {
        let found = self.node(cluster, node).await?;
        self.docker().start_container(&found.id, None).await.with_context(|| format!("cannot start {node}"))
    }

    /// Freezes a node: it neither runs nor ends.
    ///
    /// # Errors
    /// When there is no such node, or it does not run.
    pub async fn pause(&self, cluster: &str, node: &str) -> Result<()> {
        let found = self.node(cluster, node).await?;
        self.docker().pause_container(&found.id).await.with_context(|| format!("cannot pause {node}"))
    }

    /// Lets a frozen node go on.
    ///
    /// # Errors
    /// When there is no such node, or it is not frozen.
    pub async fn unpause(&self, cluster: &str, node: &str) -> Result<()> {
        let found = self.node(cluster, node).await?;
        self.docker().unpause_container(&found.id).await.with_context(|| format!("cannot unpause {node}"))
    }

    /// Cuts a node off from the private network: packets vanish both ways, as with a pulled cable.
    ///
    /// The node runs on and stays reachable on the public network. The cut lasts until `heal`, or a restart of it.
    ///
    /// # Errors
    /// When there is no such node, or it does not run.
    pub async fn partition(&self, cluster: &str, node: &str) -> Result<()> {
        let found = self.running(cluster, node).await?;
        self.exec_ok(&found, &["sh", "-c", &rules("-I")]).await.map(drop)
    }

    /// Mends a partition. Nothing to mend is no error.
    ///
    /// # Errors
    /// When there is no such node, or it does not run.
    pub async fn heal(&self, cluster: &str, node: &str) -> Result<()> {
        let found = self.running(cluster, node).await?;
        let undo = format!("while {}; do :; done 2>/dev/null; true", rules("-D"));
        self.exec_ok(&found, &["sh", "-c", &undo]).await.map(drop)
    }

    /// Whether a node is cut off.
    pub(crate) async fn partitioned(&self, container: &str) -> bool {
        let output = self.exec(container, &["iptables", "-S", "INPUT"]).await;
        output.is_ok_and(|output| output.stdout.contains(MARK))
    }

    async fn running(&self, cluster: &str, node: &str) -> Result<String> {
        let found = self.node(cluster, node).await?;
        if found.state != "running" {
            bail!("{node} does not run: it is {}", found.state);
        }
        Ok(found.id)
    }
}

/// The rules that drop everything on the private interface, inserted (-I) or deleted (-D).
fn rules(action: &str) -> String {
    format!(
        "iptables -w {action} INPUT -i eth1 -m comment --comment {MARK} -j DROP && \
         iptables -w {action} OUTPUT -o eth1 -m comment --comment {MARK} -j DROP"
    )
}
