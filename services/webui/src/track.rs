//! How fast one worker is, from what it announces.
//!
//! An announcement says how many hashes the worker has accepted and when the last of them came. Two such pairs give the
//! speed between two hashes, free of the chance of where a second begins: a worker of 3.33 hashes/s counts 3 or 4 in any
//! one second, but takes 0.3 s from hash to hash always.

use std::collections::VecDeque;

use ledger::Announcement;

use crate::json::{Worker, milliseconds};

/// The speed is taken over at least so many seconds between two hashes, where there are as many.
const SPAN: f64 = 3.0;

/// A pair older than this says nothing about now. A worker that waits in a long queue has one hash in many seconds.
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

/// Hashes, and when the last of them came.
#[derive(Debug, Clone, Copy)]
struct Pair {
    hashes: u64,
    /// By the worker's clock: seconds since it began.
    at: f64,
    /// When it came at the latest, by our clock.
    latest: f64,
}

/// What is remembered of one worker.
#[derive(Debug, Default)]
pub struct Track {
    /// Oldest first.
    pairs: VecDeque<Pair>,
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
        let last = self.pairs.back().map(|pair| pair.hashes);
        if last.is_none_or(|hashes| said.hashes < hashes) {
            // New to us, or the same id begins again.
            self.pairs.clear();
            let age = said.now - said.started;
            if age < YOUNG {
                self.pairs.push_back(Pair { hashes: 0, at: 0.0, latest: now - age.max(0.0) });
            }
        }
        if last != Some(said.hashes) {
            self.grew = said.now;
            // How long before the announcement it came is bounded, in case that somebody set the worker's time of day.
            let bound = if self.pause > 0.0 { self.pause } else { YOUNG };
            let before = (said.now - said.started - said.last_hash).clamp(0.0, bound);
            self.pairs.push_back(Pair { hashes: said.hashes, at: said.last_hash, latest: now - before });
        }
        while self.pairs.len() > 2 && self.pairs[1].at < said.last_hash - OLDEST {
            self.pairs.pop_front();
        }
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
        // A hash cannot be heard of before it came; the one that was heard of soonest tells what the clocks differ by.
        let differ = self.pairs.iter().map(|pair| pair.latest - pair.at).fold(f64::INFINITY, f64::min);
        let age = time.min(self.gone.unwrap_or(f64::INFINITY)) - differ;
        let after = self.pairs.partition_point(|pair| pair.at <= age);
        let before = after.checked_sub(1).map(|index| self.pairs[index]);
        match (before, self.pairs.get(after)) {
            (Some(from), Some(to)) => {
                from.hashes as f64 + (to.hashes - from.hashes) as f64 * (age - from.at) / (to.at - from.at)
            }
            (Some(last), None) => {
                let heard = self.heard - differ;
                // Until it spoke last no loop had finished; since then it may have.
                let begun = (self.speed * (age.min(heard) - last.at)).clamp(0.0, self.loops);
                last.hashes as f64 + begun + self.speed * (age - heard.max(last.at)).clamp(0.0, TRUST)
            }
            (None, Some(first)) => (first.hashes as f64 - self.speed * (first.at - age)).max(0.0),
            (None, None) => 0.0,
        }
    }

    /// Hashes a second, now.
    fn current(&self, now: f64, said: &Announcement) -> f64 {
        if self.silent(now).is_some() {
            return 0.0;
        }
        let Some((hashes, time)) = self.between() else {
            // One pair is no speed yet; what the worker says of itself has to do.
            return said.rate.max(0.0);
        };
        let speed = hashes / time;
        let still = said.now - self.grew;
        if still > IDLE.max(INTERVALS / speed) {
            return 0.0;
        }
        // Without a hash for a second, it is doing no more than one a second.
        if still > 0.0 { speed.min(1.0 / still) } else { speed }
    }

    /// Hashes and seconds between the last hash and one that came at least [`SPAN`] earlier, or else the earliest.
    fn between(&self) -> Option<(f64, f64)> {
        let last = self.pairs.back()?;
        let earlier = self.pairs.iter().rev().find(|pair| last.at - pair.at >= SPAN);
        let first = earlier.or(self.pairs.front())?;
        (last.hashes > first.hashes && last.at > first.at)
            .then(|| ((last.hashes - first.hashes) as f64, last.at - first.at))
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
        let said = Announcement { now: 5.0, hashes: 9, rate: 3.0, ..Announcement::default() };
        track.hear(1.0, &said);
        assert_eq!(track.current(1.0, &said), 3.0);
    }
}
