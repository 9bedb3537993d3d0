//! Waking at a moment, to the microsecond.
//!
//! The timers of tokio round up to a millisecond, which is more than a fast service takes to answer: a sampler that
//! counts from the due time would report its own timer. The kernel's timer descriptors do not round.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// One alarm that can be set again and again.
pub struct Alarm {
    timer: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// A new alarm on the runtime that is running.
    pub fn new() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // SAFETY: the descriptor is owned by the `AsyncFd`, which alone closes it, after it has deregistered it.
        let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }?;
        Ok(Self { timer })
    }

    /// Waits until `due`; returns at once where that has passed.
    pub async fn until(&self, due: Instant) -> io::Result<()> {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Whoever is always late must still let others run.
            tokio::task::yield_now().await;
            return Ok(());
        }
        let once = Itimerspec { it_interval: timespec(Duration::ZERO), it_value: timespec(left) };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        loop {
            let mut ready = self.timer.readable().await?;
            let read = ready.try_io(|timer| Ok(rustix::io::read(timer, &mut [0; 8])?));
            if let Ok(done) = read {
                return done.map(drop);
            }
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs().cast_signed(), tv_nsec: duration.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_alarm_never_goes_off_early() {
        let alarm = Alarm::new().unwrap();
        let mut due = Instant::now();
        for wait in [0, 1, 700, 40, 1500] {
            due += Duration::from_micros(wait);
            alarm.until(due).await.unwrap();
            assert!(Instant::now() >= due, "early after waiting {wait} µs");
        }
    }
}
