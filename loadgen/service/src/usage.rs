//! What two looks at the tasks say of the time between them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sweep::driver::Measured;
use sweep::platform::Error;

use crate::served::{Served, Used};

/// One look.
#[derive(Debug, Clone)]
pub struct Look {
    /// When.
    pub at: Instant,
    /// What each task had used.
    pub tasks: Vec<Used>,
    /// How long this machine's processors were busy, all together, where it tells.
    pub machine: Option<Duration>,
}

impl Look {
    /// Looks now.
    ///
    /// # Errors
    /// The platform cannot be asked.
    pub async fn now<P: Served>(platform: &mut P) -> Result<Self, Error> {
        Ok(Self { at: Instant::now(), tasks: platform.usage().await?, machine: machine_busy() })
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
    /// Processors of this machine that were busy, whatever ran on them.
    pub machine_cores: Option<f64>,
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
        for end in &after.tasks {
            let same = |start: &&Used| (&start.service, &start.task) == (&end.service, &end.task);
            let Some(start) = before.tasks.iter().find(same) else { continue };
            let cores = end.processor.saturating_sub(start.processor).as_secs_f64() / seconds;
            let thread = match (start.busiest_thread, end.busiest_thread) {
                (Some(start), Some(end)) => Some(end.saturating_sub(start).as_secs_f64() / seconds),
                _ => None,
            };
            let of_limit = end.limit.filter(|limit| *limit > 0.0).map(|limit| cores / limit);
            let share = [of_limit, thread].into_iter().flatten().reduce(f64::max);
            shares.entry(end.service.clone()).or_default().extend(share.map(|share| share.min(1.0)));
            usage.cores.entry(end.service.clone()).or_default().insert(end.task.clone(), cores);
            usage.memory.entry(end.service.clone()).or_default().insert(end.task.clone(), end.memory);
        }
        let told = shares.into_iter().filter(|(_, shares)| !shares.is_empty());
        usage.busy = told.map(|(name, of)| (name, of.iter().sum::<f64>() / of.len() as f64)).collect();
        usage.machine_cores = match (before.machine, after.machine) {
            (Some(start), Some(end)) => Some(end.saturating_sub(start).as_secs_f64() / seconds),
            _ => None,
        };
        usage
    }

    /// What was used, as a step that was measured between these moments has it.
    pub fn measured(self, from: Instant, to: Instant) -> Measured {
        let processors = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let here = self.machine_cores.map(|cores| (kit::host::name(), (cores / processors).min(1.0)));
        Measured {
            cores: self.cores,
            memory: self.memory,
            utilisation: self.busy,
            node_busy: here.into_iter().collect(),
            ..Measured::of(from, to)
        }
    }
}

/// How long this machine's processors were busy since it started, all together; absent where `/proc/stat` does not tell.
pub fn machine_busy() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> =
        stat.lines().next()?.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already (proc_stat(5)).
    let busy: u64 = ticks.iter().take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).map(|(_, t)| t).sum();
    Some(Duration::from_secs_f64(busy as f64 / TICKS_PER_SECOND))
}

/// The unit of processor time in `/proc`: USER_HZ, which is 100 on all architectures that this is built for (time(7)).
pub const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn task(service: &str, task: &str, ms: u64, limit: Option<f64>, thread_ms: Option<u64>) -> Used {
        Used {
            service: service.to_owned(),
            task: task.to_owned(),
            processor: Duration::from_millis(ms),
            busiest_thread: thread_ms.map(Duration::from_millis),
            limit,
            memory: 1 << 20,
        }
    }

    #[test]
    fn a_service_is_as_busy_as_its_limit_or_its_one_thread_says() {
        let begin = Instant::now();
        let look = |at: u64, tasks| Look {
            at: begin + Duration::from_secs(at),
            tasks,
            machine: Some(Duration::from_secs(2 * at)),
        };
        let before = look(0, vec![task("web", "web.1", 0, Some(0.5), None), task("db", "db.1", 100, None, Some(50))]);
        let after = look(
            2,
            vec![
                task("web", "web.1", 500, Some(0.5), None),
                task("db", "db.1", 2300, None, Some(1950)),
                task("web", "web.2", 900, Some(0.5), None),
            ],
        );
        let usage = Usage::between(&before, &after);
        assert!((usage.busy["web"] - 0.5).abs() < 1e-9, "half of its half: {usage:?}");
        assert!((usage.busy["db"] - 0.95).abs() < 1e-9, "{usage:?}");
        assert_eq!(usage.cores["web"].len(), 1, "what was not there at both looks is left out");
        assert_eq!(usage.machine_cores, Some(2.0));
    }

    #[test]
    fn this_machine_tells() {
        assert!(machine_busy().is_some_and(|busy| busy > Duration::ZERO));
    }
}
