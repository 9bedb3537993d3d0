//! Processor time that this process could have used and did not get.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// What the threads of this process have waited for a processor, and what the host has taken from this machine, as far as
/// the kernel counts it.
#[derive(Debug, Default)]
pub struct Starved {
    /// Nanoseconds on the run queue when last looked at, by thread.
    threads: HashMap<PathBuf, u64>,
    /// All that they have waited. A thread that has ended takes its own count with it, and this does not.
    waited_ns: u64,
}

impl Starved {
    /// All of it until now.
    pub fn total(&mut self) -> Duration {
        // The kernel tells of each thread apart; `/proc/self/schedstat` is that of the first alone.
        let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten().map(|thread| thread.path());
        let now: HashMap<PathBuf, u64> =
            threads.filter_map(|path| Some((path.clone(), queued(&path.join("schedstat"))?))).collect();
        let since = |(thread, queued): (&PathBuf, &u64)| {
            queued.saturating_sub(self.threads.get(thread).copied().unwrap_or_default())
        };
        self.waited_ns += now.iter().map(since).sum::<u64>();
        self.threads = now;
        Duration::from_nanos(self.waited_ns) + stolen()
    }
}

/// The second number is the time on the run queue, in nanoseconds.
fn queued(file: &std::path::Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.split_whitespace().nth(1)?.parse().ok()
}

/// Time that the host took from this machine's processors, in hundredths of a second there.
fn stolen() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = text.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse::<u64>().ok());
    Duration::from_millis(10 * ticks.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threads that wait for each other's processor are seen, and those that have ended stay counted.
    #[test]
    fn more_busy_threads_than_processors_wait() {
        let mut starved = Starved::default();
        let before = starved.total();
        let threads = 4 * std::thread::available_parallelism().expect("there are processors").get();
        let until = std::time::Instant::now() + Duration::from_millis(300);
        let spin = move || while std::time::Instant::now() < until {};
        let spinning: Vec<_> = (0..threads).map(|_| std::thread::spawn(spin)).collect();
        std::thread::park_timeout(Duration::from_millis(200));
        let during = starved.total() - before;
        assert!(during > Duration::from_millis(200), "{threads} threads waited {during:?} in 200 ms");
        spinning.into_iter().for_each(|thread| thread.join().expect("it spins and ends"));
        assert!(starved.total() - before >= during);
    }
}
