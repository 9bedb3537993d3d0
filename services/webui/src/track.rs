//! How fast one worker is, from what it announces.
//!
//! An announcement says how many hashes the worker has accepted and when the last of them came. Two such pairs give the
//! speed between two hashes, free of the chance of where a second begins: a worker of 3.33 hashes/s counts 3 or 4 in any
//! one second, but takes 0.3 s from hash to hash always.

use ledger::Announcement;

use crate::json::{Worker, milliseconds};
use crate::line::Line;

/// The speed is that of the hashes of so many seconds.
const SPAN: f64 = 3.0;

/// A hash older than this says nothing about now. A worker that waits in a long queue has one hash in many seconds.
const OLDEST: f64 = 60.0;

/// A worker that has told nothing new for so many of its usual pauses, and at least [`SILENCE`], does not count: it was
/// killed, or cannot reach the ledger.
const PAUSES: f64 = 2.0;

/// See [`PAUSES`].
const SILENCE: f64 = 3.5;

/// A worker without a hash for so many of its usual intervals, and at least [`IDLE`], stands still.
const INTERVALS: f64 = 5.0;

/// See [`INTERVALS`].
const IDLE: f64 = 5.0;

/// A worker that has just begun is measured from its start; one that began earlier was not seen from there.
const YOUNG: f64 = 10.0;

/// For so many seconds after its newest announcement a worker is taken to go on as before.
const TRUST: f64 = 2.0;

/// What is remembered of one worker.
#[derive(Debug, Default)]
pub struct Track {
    /// Hashes, and when the last of them came: by the worker's clock, in seconds since it began.
    line: Line,
    /// What our clock said at most when the worker's said 0. A hash cannot be heard of before it came: the one that was heard
    /// of soonest tells what the clocks differ by.
    began: f64,
    /// The speed, when it was computed last.
    speed: f64,
    /// Loops side by side.
    loops: f64,
    /// When it was missing first, by our clock.
    gone: Option<f64>,
    /// When the newest announcement was written, by the worker's clock.
    written: f64,
    /// When it was seen first, by ours.
    heard: f64,
    /// The seconds between the last two announcements; 0 while there was only one.
    pause: f64,
    /// When the first announcement with as many hashes was written, by the worker's clock.
    grew: f64,
}

impl Track {
    /// Takes an announcement that was read at `now`; true for one that is new.
    pub fn hear(&mut self, now: f64, said: &Announcement) -> bool {
        self.gone = None;
        if said.now == self.written {
            return false;
        }
        if self.written > 0.0 {
            self.pause = (said.now - self.written).max(0.0);
        }
        self.written = said.now;
        self.heard = now;
        self.loops = f64::from(said.loops.max(1));
        let last = self.line.last().map(|(_, hashes)| hashes);
        let hashes = said.hashes as f64;
        if last.is_none_or(|last| hashes < last) {
            // New to us, or the same id begins again.
            self.line.clear();
            self.began = f64::INFINITY;
            let age = said.now - said.started;
            if age < YOUNG {
                self.line.push(0.0, 0.0);
                self.began = now - age.max(0.0);
            }
        }
        if last != Some(hashes) {
            self.grew = said.now;
            // How long before the announcement it came is bounded, in case that somebody set the worker's time of day.
            let bound = if self.pause > 0.0 { self.pause } else { YOUNG };
            let before = (said.now - said.started - said.last_hash).clamp(0.0, bound);
            self.line.push(said.last_hash, hashes);
            self.began = self.began.min(now - before - said.last_hash);
        }
        self.line.forget_before(said.last_hash - OLDEST);
        self.speed = self.current(now, said);
        true
    }

    /// The ledger was away: silence until now says nothing about the worker.
    pub fn excuse(&mut self, now: f64) {
        self.heard = now;
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

    /// Hashes by our clock, with the fraction of the one in work: a straight line between those that are known, and a
    /// little beyond. The difference over some seconds is what the worker did in them, so the sum over workers is right
    /// also while some come, go, or become slower because others came.
    pub fn count(&self, time: f64) -> f64 {
        let age = time.min(self.gone.unwrap_or(f64::INFINITY)) - self.began;
        match self.line.around(age) {
            (Some((from, count)), Some((to, next))) => count + (next - count) * (age - from) / (to - from),
            (Some((last, count)), None) => {
                let heard = self.heard - self.began;
                // Until it spoke last no loop had finished; since then it may have.
                let begun = (self.speed * (age.min(heard) - last)).clamp(0.0, self.loops);
                count + begun + self.speed * (age - heard.max(last)).clamp(0.0, TRUST)
            }
            (None, Some((first, count))) => (count - self.speed * (first - age)).max(0.0),
            (None, None) => 0.0,
        }
    }

    /// Hashes a second, now.
    fn current(&self, now: f64, said: &Announcement) -> f64 {
        if self.silent(now).is_some() {
            return 0.0;
        }
        // One point is no line yet; its mean since it began has to do.
        let mean = || if said.last_hash > 0.0 { said.hashes as f64 / said.last_hash } else { 0.0 };
        let speed = self.line.slope(SPAN, 2).unwrap_or_else(mean);
        let still = said.now - self.grew;
        if still > IDLE.max(INTERVALS / speed) {
            return 0.0;
        }
        // Without a hash for a second, it is doing no more than one a second.
        if still > 0.0 { speed.min(1.0 / still) } else { speed }
    }

    /// The line that the page shows.
    pub fn show(&mut self, now: f64, said: &Announcement) -> Worker {
        self.speed = self.current(now, said);
        let speed = self.speed;
        let mean = |mean: &ledger::Mean| (mean.count > 0).then(|| milliseconds(mean.ms));
        Worker {
            id: said.id.clone(),
            host: said.host.clone(),
            state: said.state.clone(),
            loops: said.loops,
            started: milliseconds(said.started),
            hashes: said.hashes,
            hashes_per_second: milliseconds(speed),
            failures: said.failures,
            loop_ms: (speed > 0.0).then(|| milliseconds(f64::from(said.loops.max(1)) / speed * 1e3)),
            rng_ms: mean(&said.rng),
            hasher_ms: mean(&said.hasher),
            silent: self.silent(now).map(milliseconds),
        }
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
                track.current(f64::from(second), &said)
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
            last = track.current(second, &said);
            if second > 14.0 {
                assert!((last - 2.0).abs() < 1e-9, "{last} at {second} s");
            }
        }
        assert!(last > 0.0);
    }

    #[test]
    fn a_worker_that_stands_still_comes_to_zero() {
        let mut track = Track::default();
        for second in 1..=20 {
            let mut said = said(f64::from(second.min(10)), 0.3);
            said.now = 1e9 + f64::from(second);
            track.hear(f64::from(second), &said);
            let speed = track.current(f64::from(second), &said);
            match second {
                ..=10 => assert!((speed - 1.0 / 0.3).abs() < 1e-6, "{speed} at {second} s"),
                11..=15 => assert!(speed <= 1.0 / f64::from(second - 10), "{speed} at {second} s"),
                _ => assert_eq!(speed, 0.0, "at {second} s"),
            }
        }
    }

    #[test]
    fn a_worker_that_was_killed_does_not_count() {
        let mut track = Track::default();
        assert!(track.hear(1.0, &said(1.0, 0.3)));
        let said = said(2.0, 0.3);
        assert!(track.hear(2.0, &said));
        assert!(!track.hear(3.0, &said));
        assert!(track.current(3.0, &said) > 3.0);
        assert_eq!((track.current(6.0, &said), track.silent(6.0)), (0.0, Some(4.0)));
        track.excuse(6.0);
        assert!(track.current(6.0, &said) > 3.0);
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
                let speed = track.current(second, &said);
                assert!((speed - 1.0 / 0.3).abs() < 1e-6, "{speed} at {second} s");
            }
        }
    }

    #[test]
    fn a_worker_of_another_version_is_believed() {
        let mut track = Track::default();
        let said = Announcement { now: 5.0, hashes: 9, last_hash: 3.0, ..Announcement::default() };
        track.hear(1.0, &said);
        assert_eq!(track.current(1.0, &said), 3.0);
    }
}
