//! How busy the nodes of a cluster on this machine are.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cluster::Outer;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use serde::Serialize;
use swarm::bollard::query_parameters::StatsOptionsBuilder;

use crate::map::Map;

/// How long one node's figures may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What a node uses of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Load {
    /// Processors that it kept busy since the last look, as 0.25 for a quarter of one.
    pub processors: f64,
    /// Processors that there are.
    pub of: u64,
    /// Memory that it holds, in bytes.
    pub memory: u64,
}

/// Looks at nodes again and again. Machines of their own tell nobody how busy they are: Swarm knows of none.
#[derive(Debug)]
pub struct Loads {
    outer: Outer,
    cluster: cluster::Name,
    last: Mutex<HashMap<String, (Instant, u64)>>,
}

impl Loads {
    /// Of the cluster whose socket `host` is, where it is one of this machine's.
    pub async fn of(host: &str) -> Option<Loads> {
        let (cluster, _) = cluster::node_of(host)?;
        let outer = Outer::connect().await.ok()?;
        Some(Loads { outer, cluster, last: Mutex::default() })
    }

    /// Adds the loads to a map. A node that does not answer has none.
    pub async fn add(&self, map: &mut Map) {
        let Ok(found) = self.outer.nodes(Some(&self.cluster)).await else { return };
        let loads = join_all(found.iter().map(async |node| Some((node.node.clone(), self.one(&node.id).await?)))).await;
        let loads: HashMap<String, Load> = loads.into_iter().flatten().collect();
        for node in &mut map.nodes {
            node.load = loads.get(&node.name).copied();
        }
    }

    async fn one(&self, id: &str) -> Option<Load> {
        let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
        let mut stream = std::pin::pin!(self.outer.docker().stats(id, Some(options)));
        let stats = tokio::time::timeout(ANSWER_WITHIN, stream.next()).await.ok()??.ok()?;
        let cpu = stats.cpu_stats?;
        let used = cpu.cpu_usage?.total_usage?;
        let now = Instant::now();
        let before = self.last.lock().ok()?.insert(id.to_owned(), (now, used));
        // The first look has nothing to compare with.
        let (then, was) = before?;
        Some(Load {
            processors: processors(now.duration_since(then), used.checked_sub(was)?)?,
            of: u64::from(cpu.online_cpus?),
            memory: stats.memory_stats.and_then(|memory| memory.usage).unwrap_or_default(),
        })
    }
}

/// Processors that were busy: nanoseconds of processor time in a time.
fn processors(within: Duration, nanoseconds: u64) -> Option<f64> {
    let seconds = within.as_secs_f64();
    (seconds > 0.0).then(|| nanoseconds as f64 / 1e9 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_second_of_work_in_two_is_a_quarter_of_a_processor() {
        assert_eq!(processors(Duration::from_secs(2), 500_000_000), Some(0.25));
        assert_eq!(processors(Duration::ZERO, 5), None);
    }
}
