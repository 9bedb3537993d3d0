//! What two looks at the tasks say of the time between them.

use std::collections::BTreeMap;
use std::time::Instant;

use instrument::threads;
use sweep::driver::Measured;
use sweep::platform::Error;

use crate::served::{Served, Snapshot, Used};

/// One look.
#[derive(Debug, Clone)]
pub struct Look {
    /// When.
    pub at: Instant,
    /// What had been used by then.
    pub seen: Snapshot,
}

impl Look {
    /// Looks now.
    ///
    /// # Errors
    /// The platform cannot be asked.
    pub async fn now<P: Served>(platform: &mut P) -> Result<Self, Error> {
        // To ask takes a moment; what is told is of its middle.
        let begun = Instant::now();
        let seen = platform.usage().await?;
        Ok(Self { at: begun + begun.elapsed() / 2, seen })
    }
}

/// What was used between two looks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Processor time in cores, by service and task.
    pub cores: BTreeMap<String, BTreeMap<String, f64>>,
    /// Memory at the end in bytes, by service and task.
    pub memory: BTreeMap<String, BTreeMap<String, u64>>,
    /// Share of what it may use that a service used, by service: of its processors where they are limited, of one processor
    /// for its busiest thread where that is nearer to its end. Absent where neither is known.
    pub busy: BTreeMap<String, f64>,
    /// Share of the processors of each machine that was busy, whatever ran there, by its name.
    pub node_busy: BTreeMap<String, f64>,
    /// What is not known and why, one sentence each.
    pub notes: Vec<String>,
}

impl Usage {
    /// What happened between two looks, over the tasks seen at both.
    pub fn between(before: &Look, after: &Look) -> Self {
        let seconds = (after.at - before.at).as_secs_f64();
        let mut usage = Usage::default();
        if seconds <= 0.0 {
            return usage;
        }
        let mut shares: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for end in &after.seen.tasks {
            let same = |start: &&Used| (&start.service, &start.task) == (&end.service, &end.task);
            let Some(start) = before.seen.tasks.iter().find(same) else { continue };
            let cores = end.processor.saturating_sub(start.processor).as_secs_f64() / seconds;
            let thread = threads::busiest(&start.threads, &end.threads).map(|used| used.as_secs_f64() / seconds);
            let of_limit = end.limit.filter(|limit| *limit > 0.0).map(|limit| cores / limit);
            let share = [of_limit, thread].into_iter().flatten().reduce(f64::max);
            shares.entry(end.service.clone()).or_default().extend(share.map(|share| share.min(1.0)));
            usage.cores.entry(end.service.clone()).or_default().insert(end.task.clone(), cores);
            usage.memory.entry(end.service.clone()).or_default().insert(end.task.clone(), end.memory);
        }
        let told = shares.into_iter().filter(|(_, shares)| !shares.is_empty());
        usage.busy = told.map(|(name, of)| (name, of.iter().sum::<f64>() / of.len() as f64)).collect();
        for end in &after.seen.nodes {
            let Some(start) = before.seen.nodes.iter().find(|start| start.node == end.node) else { continue };
            let busy = end.busy.saturating_sub(start.busy).as_secs_f64() / seconds / f64::from(end.processors.max(1));
            usage.node_busy.insert(end.node.clone(), busy.min(1.0));
        }
        usage.notes.clone_from(&after.seen.notes);
        usage
    }

    /// What was used, as a step that was measured between these moments has it.
    pub fn measured(self, from: Instant, to: Instant) -> Measured {
        Measured {
            cores: self.cores,
            memory: self.memory,
            utilisation: self.busy,
            node_busy: self.node_busy,
            notes: self.notes,
            ..Measured::of(from, to)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::served::Busy;

    fn task(service: &str, task: &str, ms: u64, limit: Option<f64>, thread_ms: &[u64]) -> Used {
        Used {
            service: service.to_owned(),
            task: task.to_owned(),
            processor: Duration::from_millis(ms),
            threads: (1..).zip(thread_ms.iter().copied().map(Duration::from_millis)).collect(),
            limit,
            memory: 1 << 20,
        }
    }

    #[test]
    fn a_service_is_as_busy_as_its_limit_or_its_one_thread_says() {
        let begin = Instant::now();
        let node = |at| Busy { node: "n1".to_owned(), processors: 4, busy: Duration::from_secs(2 * at) };
        let look = |at: u64, tasks| Look {
            at: begin + Duration::from_secs(at),
            seen: Snapshot { tasks, nodes: vec![node(at)], notes: Vec::new() },
        };
        let before =
            look(0, vec![task("web", "web.1", 0, Some(0.5), &[]), task("db", "db.1", 100, Some(4.0), &[50, 20])]);
        let after = look(
            2,
            vec![
                task("web", "web.1", 500, Some(0.5), &[]),
                task("db", "db.1", 2300, Some(4.0), &[1950, 300]),
                task("web", "web.2", 900, Some(0.5), &[]),
            ],
        );
        let usage = Usage::between(&before, &after);
        assert!((usage.busy["web"] - 0.5).abs() < 1e-9, "half of its half: {usage:?}");
        assert!((usage.busy["db"] - 0.95).abs() < 1e-9, "{usage:?}");
        assert_eq!(usage.cores["web"].len(), 1, "what was not there at both looks is left out");
        assert_eq!(usage.node_busy["n1"], 0.5, "two of its four processors");
    }
}
