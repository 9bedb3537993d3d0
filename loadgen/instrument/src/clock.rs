//! The monotonic clock, in nanoseconds.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the monotonic clock. It goes on while the process is stopped, so a stop shows as time that passed.
#[inline]
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Processor time used by the calling thread, in nanoseconds.
pub fn thread_cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Time for which the calling thread could have run and had no processor, in nanoseconds, as far as the kernel counts it
/// (`/proc/thread-self/schedstat`, the second number: time on the run queue).
pub fn thread_starved() -> u64 {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    counted.split(' ').nth(1).and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// A duration in nanoseconds, capped at the largest that fits.
pub fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4)
}
