//! Sleeping for as long as was asked, to the microsecond.
//!
//! Tokio's timer counts whole milliseconds and rounds up, so a delay of 100 ms lasts 101 ms on average. Where a
//! queueing law is compared with a measurement, that 1 % is the whole error budget; a timer descriptor has none of it.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Sleeps for `delay`; returns at once, without a yield, for a delay of zero.
pub async fn sleep(delay: Duration) {
    if delay.is_zero() {
        return;
    }
    if let Err(error) = by_descriptor(delay).await {
        // Out of file descriptors is the likely cause; a rounded delay is better than none.
        tracing::debug!(%error, "no timer descriptor, sleeping by the coarse clock");
        tokio::time::sleep(delay).await;
    }
}

async fn by_descriptor(delay: Duration) -> io::Result<()> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    let once = Itimerspec { it_interval: Default::default(), it_value: delay.try_into().map_err(io::Error::other)? };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
    // SAFETY: the descriptor is open, and an `OwnedFd` stays the same open file until it is dropped, which only the `AsyncFd` that
    // owns it does.
    let timer: AsyncFd<OwnedFd> = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }?;
    timer.readable().await?.retain_ready();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_sleep_is_never_short() {
        for micros in [0, 1, 900, 2_500, 20_000] {
            let delay = Duration::from_micros(micros);
            let start = Instant::now();
            sleep(delay).await;
            assert!(start.elapsed() >= delay, "slept {:?} of {delay:?}", start.elapsed());
        }
    }
}
