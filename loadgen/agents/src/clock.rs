//! How far another machine's clock is from this one's.
//!
//! The question goes there and back. The other clock was read at some moment in between: taken to be the middle, the error
//! is at most half of the way, and of several questions the one that was back first has the smallest (Cristian,
//! *Probabilistic Clock Synchronization*, 1989).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A difference of clocks, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// The other clock minus this one.
    pub nanos: i64,
    /// At most so far off.
    pub error: u64,
}

impl Offset {
    /// From one question: when it went out and when the answer came by this clock, and what the other clock said.
    pub fn of(sent: u64, received: u64, theirs: u64) -> Self {
        let middle = sent + received.saturating_sub(sent) / 2;
        Offset { nanos: theirs as i64 - middle as i64, error: received.saturating_sub(sent).div_ceil(2) }
    }

    /// The better of both.
    pub fn better(self, other: Option<Offset>) -> Self {
        other.filter(|other| other.error < self.error).unwrap_or(self)
    }

    /// What the other clock shows when this one shows `nanos`.
    pub fn there(self, nanos: u64) -> u64 {
        nanos.saturating_add_signed(self.nanos)
    }
}

/// Nanoseconds since 1970, by this machine's clock.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// That moment as the system has it.
pub fn moment(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_true_offset_is_never_farther_off_than_the_error_says() {
        // The other clock is 5,000 ahead; the way there takes 10, 300 or 40, and the way back 90, 20 or 40.
        let mut best: Option<Offset> = None;
        for (there, back) in [(10, 90), (300, 20), (40, 40)] {
            let sent = 1_000_000;
            let offset = Offset::of(sent, sent + there + back, sent + there + 5_000);
            assert!(offset.nanos.abs_diff(5_000) <= offset.error, "{offset:?}");
            best = Some(offset.better(best));
        }
        let best = best.expect("there were three");
        assert_eq!(best, Offset { nanos: 5_000, error: 40 });
        assert_eq!(best.there(100), 5_100);
        assert_eq!(Offset::of(1000, 1010, 5).there(2000), 1000, "a clock that is behind");
    }
}
