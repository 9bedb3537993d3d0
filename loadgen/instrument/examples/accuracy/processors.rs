//! Who runs where. The server spins, and a generator that the scheduler puts beside it waits for whole time slices.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps this thread, and every program that it starts, off one processor, and gives that one away: for the server.
/// Absent where there is only one.
pub fn divide() -> Option<CpuSet> {
    let mut others = sched_getaffinity(None).ok()?;
    let first = (0..CpuSet::MAX_CPU).find(|cpu| others.is_set(*cpu)).filter(|_| others.count() > 1)?;
    others.unset(first);
    sched_setaffinity(None, &others).ok()?;
    let mut server = CpuSet::new();
    server.set(first);
    Some(server)
}
