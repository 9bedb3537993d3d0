//! What one container has used, as its engine tells it.

use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt as _;

/// What a container has used since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Processor time.
    pub processor: Duration,
    /// Memory in bytes, without what the kernel keeps of files and can give back.
    pub memory: u64,
}

/// What a container has used; nothing where the engine does not tell, as of one that has ended.
pub async fn used(docker: &Docker, id: &str) -> Option<Used> {
    let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
    let stats = std::pin::pin!(docker.stats(id, Some(options))).next().await?.ok()?;
    let memory = stats.memory_stats.unwrap_or_default();
    let details = memory.stats.unwrap_or_default();
    // Cgroup v2 and v1 name it differently.
    let files = details.get("inactive_file").or_else(|| details.get("total_inactive_file"));
    Some(Used {
        processor: Duration::from_nanos(stats.cpu_stats?.cpu_usage?.total_usage?),
        memory: memory.usage.unwrap_or_default().saturating_sub(files.copied().unwrap_or_default()),
    })
}
