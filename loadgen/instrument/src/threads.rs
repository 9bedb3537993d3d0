//! Processor time of each thread of a container, which no engine tells: a program that works in one thread can use one
//! processor, whatever it is allowed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::machine::TICKS_PER_SECOND;

/// Where a container that looks after its node has the node's `/proc`.
pub const NODE_PROC: &str = "/node/proc";

/// Processor time since it began of each thread, by its number, which is unique on its machine.
pub type Threads = BTreeMap<u32, Duration>;

/// The threads of containers, by the containers' identifiers, as far as this machine's `/proc` shows them: those of an engine
/// elsewhere are missing.
pub fn of_containers(ids: &[&str]) -> BTreeMap<String, Threads> {
    let node = Path::new(NODE_PROC);
    in_folder(if node.exists() { node } else { Path::new("/proc") }, ids)
}

fn in_folder(proc: &Path, ids: &[&str]) -> BTreeMap<String, Threads> {
    let mut found: BTreeMap<String, Threads> = BTreeMap::new();
    for process in processes(proc) {
        // The engine names the group of a container by its identifier.
        let group = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
        if let Some(id) = ids.iter().find(|id| !id.is_empty() && group.contains(**id)) {
            found.entry((*id).to_owned()).or_default().extend(of_process(&process));
        }
    }
    found
}

/// The folders of the processes in a `/proc`.
pub fn processes(proc: &Path) -> impl Iterator<Item = PathBuf> {
    let all = fs::read_dir(proc).into_iter().flatten().flatten();
    all.filter(|entry| number(&entry.path()).is_some()).map(|entry| entry.path())
}

/// The threads of a process, by its folder in `/proc`.
pub fn of_process(process: &Path) -> Threads {
    let threads = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let told = threads.filter_map(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).ok()?;
        Some((number(&thread.path())?, time(&stat, 13..15)))
    });
    told.collect()
}

/// The most that one thread used between two looks. Nothing where one of them saw none.
pub fn busiest(before: &Threads, after: &Threads) -> Option<Duration> {
    if before.is_empty() {
        return None;
    }
    // One that was not there before has begun since.
    let used = |(thread, end): (&u32, &Duration)| end.saturating_sub(before.get(thread).copied().unwrap_or_default());
    after.iter().map(used).max()
}

fn number(folder: &Path) -> Option<u32> {
    folder.file_name()?.to_str()?.parse().ok()
}

/// A field of `/proc/…/stat`, by its place in proc_pid_stat(5), less one. The second one is in brackets and may hold spaces.
pub fn field(stat: &str, place: usize) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(place.checked_sub(2)?)?.parse().ok()
}

/// The sum of some fields of `/proc/…/stat` that are times.
pub fn time(stat: &str, fields: std::ops::Range<usize>) -> Duration {
    let ticks: u64 = fields.filter_map(|place| field(stat, place)).sum();
    Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_a_name_with_spaces() {
        let stat = "42 (my (odd) name) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 3 20 0 4 0 100 1000 10 1 1";
        assert_eq!(field(stat, 4), Some(42));
        assert_eq!(time(stat, 13..15), Duration::from_secs(3));
        assert_eq!(time(stat, 13..17), Duration::from_millis(3100));
    }

    #[test]
    fn a_container_s_threads_are_those_of_all_its_processes() {
        let proc = tempfile::tempdir().unwrap();
        let thread = |process: u32, thread: u32, group: &str, ticks: u64| {
            let folder = proc.path().join(process.to_string());
            let task = folder.join("task").join(thread.to_string());
            fs::create_dir_all(&task).unwrap();
            fs::write(folder.join("cgroup"), format!("0::/../../docker/{group}\n")).unwrap();
            fs::write(task.join("stat"), format!("{thread} (x y) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 1 0 0 20 0\n"))
                .unwrap();
        };
        thread(7, 7, "aa11", 9);
        thread(7, 8, "aa11", 99);
        thread(9, 9, "aa11", 4);
        thread(10, 10, "bb22", 5000);
        fs::create_dir(proc.path().join("sys")).unwrap();
        let found = in_folder(proc.path(), &["aa11", "cc33", ""]);
        assert_eq!(found.len(), 1, "{found:?}");
        let ms = |ms| Duration::from_millis(ms);
        assert_eq!(found["aa11"], Threads::from([(7, ms(100)), (8, ms(1000)), (9, ms(50))]));
    }

    #[test]
    fn the_busiest_thread_is_that_of_the_time_between() {
        let look = |of: &[(u32, u64)]| of.iter().map(|(id, ms)| (*id, Duration::from_millis(*ms))).collect::<Threads>();
        let before = look(&[(1, 9000), (2, 100)]);
        let after = look(&[(1, 9010), (2, 800), (3, 750)]);
        assert_eq!(busiest(&before, &after), Some(Duration::from_millis(750)), "the third began meanwhile");
        assert_eq!(busiest(&Threads::new(), &after), None);
        assert_eq!(busiest(&before, &Threads::new()), None);
    }

    #[test]
    fn a_process_of_this_machine_has_its_own_threads() {
        let own = of_process(Path::new("/proc/self"));
        assert!(own.contains_key(&std::process::id()) && own.len() > 1, "the tests have threads: {own:?}");
    }
}
