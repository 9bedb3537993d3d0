//! How fast one worker is, from what it announces.
//!
//! An announcement says how many hashes the worker has accepted and when the last of them came. Two such pairs give the
//! speed between two hashes, free of the chance of where a second begins: a worker of 3.33 hashes/s counts 3 or 4 in any
//! one second, but takes 0.3 s from hash to hash always.

use ledger::{Announcement, Mean};
use serde_json::{Value, json};

use crate::line::Line;
use crate::milliseconds;

/// The speed is that of so many seconds before the newest announcement.
const SPAN: f64 = 3.0;

/// A hash older than this says nothing about now. A worker that waits in a long queue has one hash in many seconds.
const OLDEST: f64 = 60.0;

/// A worker that has told nothing new for so many of its usual pauses, and at least [`SILENCE`], does not count: it was
/// killed, or cannot reach the ledger.
const PAUSES: f64 = 2.0;

/// See [`PAUSES`].
const SILENCE: f64 = 3.5;

/// A worker's last hash is at most so old when the worker is heard first, and later no older than the announcement before: in case
/// that somebody set its time of day.
const FIRST: f64 = 10.0;

/// What is remembered of one worker.
#[derive(Debug, Default)]
pub struct Track {
    /// The newest announcement, and when it was seen first, by our clock; or until when silence is excused.
    said: Announcement,
    pub heard: f64,
    /// The seconds between the last two announcements; 0 while there was only one.
    pause: f64,
    /// Hashes, and when the last of them came: by the worker's clock, in seconds since it began.
    line: Line,
    /// How old it was at the newest announcement, by the same clock.
    age: f64,
    /// What our clock said at most when the worker's said 0. A hash cannot be heard of before it came: the one that was heard
    /// of soonest tells what the clocks differ by.
    began: f64,
    /// When it was missed first, by our clock.
    gone: Option<f64>,
}

impl Track {
    /// Takes an announcement that was read at `now`; true for one that is new.
    pub fn hear(&mut self, now: f64, said: &Announcement) -> bool {
        self.gone = None;
        let first = self.line.last().is_none();
        if !first && said.now == self.said.now {
            return false;
        }
        if first {
            // What it did before anybody looked, it did evenly.
            self.line.push(0.0, 0.0);
            self.began = f64::INFINITY;
        } else {
            self.pause = (said.now - self.said.now).max(0.0);
        }
        if first || said.hashes != self.said.hashes {
            let bound = if first { FIRST } else { self.pause };
            self.age = said.last_hash + (said.now - said.started - said.last_hash).clamp(0.0, bound);
            self.line.push(said.last_hash, said.hashes as f64);
            self.began = self.began.min(now - self.age);
        } else {
            self.age += self.pause;
        }
        self.line.forget_before(said.last_hash - OLDEST);
        (self.said, self.heard) = (said.clone(), now);
        true
    }

    /// For how long the worker has told nothing new, if that is longer than usual. What is usual is known from the second
    /// announcement on; until then the announcement's own expiry has to do.
    pub fn silent(&self, now: f64) -> Option<f64> {
        Some(now - self.heard).filter(|silence| self.pause > 0.0 && *silence > SILENCE.max(PAUSES * self.pause))
    }

    /// The worker has no announcement any more; says for how long.
    pub fn miss(&mut self, now: f64) -> f64 {
        now - *self.gone.get_or_insert(now)
    }

    /// Hashes by our clock. The difference over some seconds is what the worker did in them, so the sum over workers is right
    /// also while some come, go, or become slower because others came.
    pub fn count(&self, time: f64) -> f64 {
        self.line.at(time.min(self.gone.unwrap_or(f64::INFINITY)) - self.began)
    }

    /// Hashes a second, now.
    fn speed(&self, now: f64) -> f64 {
        let from = (self.age - SPAN).max(0.0);
        if self.silent(now).is_some() || self.age <= from {
            return 0.0;
        }
        (self.line.at(self.age) - self.line.at(from)) / (self.age - from)
    }

    /// The line that the page shows.
    pub fn show(&self, now: f64) -> Value {
        let (said, speed) = (&self.said, self.speed(now));
        let mean = |mean: &Mean| (mean.count > 0).then(|| milliseconds(mean.ms));
        json!({
            "id": said.id,
            "host": said.host,
            "state": said.state,
            "loops": said.loops,
            "started": milliseconds(said.started),
            "hashes": said.hashes,
            "hashes_per_second": milliseconds(speed),
            "failures": said.failures,
            // What one loop takes, as the speed implies.
            "loop_ms": (speed > 0.0).then(|| milliseconds(f64::from(said.loops.max(1)) / speed * 1e3)),
            "rng_ms": mean(&said.rng),
            "hasher_ms": mean(&said.hasher),
            // For how many seconds it has told nothing new; null while it does.
            "silent": self.silent(now).map(milliseconds),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a worker with one hash every `interval` seconds says `age` seconds after its start.
    fn said(age: f64, interval: f64) -> Announcement {
        let hashes = (age / interval).floor();
        Announcement {
            started: 1e9,
            now: 1e9 + age,
            hashes: hashes as u64,
            last_hash: hashes * interval,
            ..Announcement::default()
        }
    }

    fn speeds(interval: f64, seconds: u32) -> Vec<f64> {
        let mut track = Track::default();
        (1..=seconds)
            .map(|second| {
                let said = said(f64::from(second) + 0.05, interval);
                track.hear(f64::from(second), &said);
                track.speed(f64::from(second))
            })
            .collect()
    }

    #[test]
    fn a_steady_worker_has_a_steady_speed_from_the_first_second_on() {
        for interval in [0.3, 0.001, 0.75, 0.9] {
            for speed in speeds(interval, 30) {
                assert!((speed * interval - 1.0).abs() < 1e-6, "{speed} at one hash in {interval} s");
            }
        }
        // One hash in ten seconds, as in a long queue: known from the second hash on.
        for speed in &speeds(10.0, 60)[20..] {
            assert!((speed - 0.1).abs() < 1e-9, "{speed}");
        }
    }

    #[test]
    fn a_change_of_speed_is_seen_within_seconds() {
        let mut track = Track::default();
        let mut last = 0.0;
        for second in 1..=20 {
            let second = f64::from(second);
            // 10 hashes a second for ten seconds, then 2.
            let hashes = if second <= 10.0 { second * 10.0 } else { 100.0 + (second - 10.0) * 2.0 };
            let said =
                Announcement { now: second, hashes: hashes as u64, last_hash: second, ..Announcement::default() };
            track.hear(second, &said);
            last = track.speed(second);
            if second > 14.0 {
                assert!((last - 2.0).abs() < 1e-9, "{last} at {second} s");
            }
        }
        assert!(last > 0.0);
    }

    #[test]
    fn a_worker_that_stands_still_comes_to_zero() {
        let mut track = Track::default();
        let mut before = f64::INFINITY;
        for second in 1..=20 {
            let mut said = said(f64::from(second.min(10)), 0.3);
            said.now = 1e9 + f64::from(second);
            track.hear(f64::from(second), &said);
            let speed = track.speed(f64::from(second));
            match second {
                ..=10 => assert!((speed - 1.0 / 0.3).abs() < 1e-6, "{speed} at {second} s"),
                11..=14 => assert!(speed <= before + 1e-9, "{speed} at {second} s"),
                _ => assert_eq!(speed, 0.0, "at {second} s"),
            }
            before = speed;
        }
    }

    #[test]
    fn a_worker_that_was_killed_does_not_count() {
        let mut track = Track::default();
        assert!(track.hear(1.0, &said(1.0, 0.3)));
        let said = said(2.0, 0.3);
        assert!(track.hear(2.0, &said));
        assert!(!track.hear(3.0, &said));
        assert!(track.speed(3.0) > 3.0);
        assert_eq!((track.speed(6.0), track.silent(6.0)), (0.0, Some(4.0)));
        track.heard = 6.0;
        assert!(track.speed(6.0) > 3.0);
    }

    #[test]
    fn a_worker_that_speaks_seldom_is_not_silent() {
        let mut track = Track::default();
        for second in 1..=60 {
            let second = f64::from(second);
            let said = said((second / 10.0).floor() * 10.0 + 0.05, 0.3);
            track.hear(second, &said);
            assert_eq!(track.silent(second), None, "at {second} s");
            if second >= 20.0 {
                let speed = track.speed(second);
                assert!((speed - 1.0 / 0.3).abs() < 1e-6, "{speed} at {second} s");
            }
        }
    }

    #[test]
    fn a_worker_of_another_version_is_believed() {
        let mut track = Track::default();
        let said = Announcement { now: 5.0, hashes: 9, last_hash: 3.0, ..Announcement::default() };
        track.hear(1.0, &said);
        assert_eq!(track.speed(1.0), 3.0);
    }
}
