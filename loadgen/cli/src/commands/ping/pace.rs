//! When the next ping begins.

use std::time::{Duration, Instant};

/// The rhythm of the pings to one URL.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// At once.
    Flood,
    /// This long after the last one ended, as httping does it.
    Pause(Duration),
    /// At multiples of this from the start.
    Grid(Duration),
}

impl Pace {
    /// When the ping after one that ended at `now` begins.
    pub fn next(self, start: Instant, now: Instant) -> Instant {
        match self {
            Pace::Flood => now,
            Pace::Pause(interval) => now + interval,
            Pace::Grid(interval) => {
                let into = (now - start).as_nanos() % interval.as_nanos();
                now + (interval - Duration::from_nanos(u64::try_from(into).unwrap_or(0)))
            }
        }
    }

    /// How much later than the first URL the one at `index` begins, so that their pings do not meet.
    pub fn stagger(self, index: usize, of: usize) -> Duration {
        match self {
            Pace::Flood => Duration::ZERO,
            Pace::Pause(interval) | Pace::Grid(interval) => interval.mul_f64(index as f64 / of as f64),
        }
    }
}

/// Reads a time as httping does, in seconds, or with a unit as everywhere here: `0.5`, `500ms`.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    // A quarter is `.25` for httping.
    let zero = if text.starts_with('.') { "0" } else { "" };
    kit::settings::duration(&if bare { format!("{zero}{text}s") } else { text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_unless_they_say_otherwise() {
        for (text, ms) in [("1", 1000), ("0.5", 500), (".25", 250), ("500ms", 500), ("2s", 2000), ("1m", 60_000)] {
            assert_eq!(seconds(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "ms", "-1", "1x", "1e3", "nan", "inf", "1.2.3", "."] {
            seconds(text).expect_err(text);
        }
    }

    #[test]
    fn a_grid_holds_whatever_a_ping_takes() {
        let start = Instant::now();
        let pace = Pace::Grid(Duration::from_millis(100));
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(pace.next(start, at(30)), at(100));
        assert_eq!(pace.next(start, at(100)), at(200));
        assert_eq!(pace.next(start, at(250)), at(300));
        assert_eq!(Pace::Pause(Duration::from_millis(100)).next(start, at(30)), at(130));
        assert_eq!(Pace::Flood.next(start, at(30)), at(30));
    }

    #[test]
    fn urls_take_turns_within_an_interval() {
        let pace = Pace::Pause(Duration::from_secs(1));
        assert_eq!(pace.stagger(0, 4), Duration::ZERO);
        assert_eq!(pace.stagger(3, 4), Duration::from_millis(750));
    }
}
