//! How fast everybody is, without the jitter of workers that hand in once a second.
//!
//! There are two sources. Workers that announce themselves say exactly how fast they are, and the speed is their sum.
//! Workers that do not (those of the public application) are seen only in the count of hashes: a staircase, and the
//! speed is the slope of the straight line through its last ten seconds.

use std::collections::HashMap;

use ledger::{Announcement, Mean};
use serde::Serialize;
use serde_json::Value;

use crate::line::Line;
use crate::milliseconds;
use crate::track::Track;

/// The slope is that of the count over so many seconds.
const SLOPE: f64 = 10.0;

/// It takes so many counts, for with fewer the first step of the staircase would look like a high speed.
const FEWEST: usize = 4;

/// Whether all workers announce themselves is judged over so many seconds, at least and at most: long enough that a
/// worker that hands in twice a minute does not look like two.
const JUDGED: (f64, f64) = (20.0, 60.0);

/// The count may grow by so much faster than announced: a factor, and hashes a second.
const TOLERANCE: (f64, f64) = (1.25, 0.5);

/// When the ledger was away, so many seconds pass until every worker has reached it again and has told so.
const SETTLING: f64 = 3.0;

/// A worker that could not hand in backs off up to ten seconds, and then hands in all at once. For so many seconds
/// after the ledger was away, and for as long as it is remembered, the count says nothing about unannounced workers.
const BACKLOG: f64 = 16.0;

/// What all workers did is taken over so many seconds, which ended so many seconds ago: by then every worker has told
/// what it did in them.
const WINDOW: f64 = 3.0;

/// See [`WINDOW`].
const LAG: f64 = 2.0;

/// Latencies are means over the announcements of so many seconds.
const LATENCY: f64 = 4.0;

/// What is remembered of all workers.
#[derive(Debug, Default)]
pub struct Meter {
    tracks: HashMap<String, Track>,
    /// The ledger's count of hashes, and the one that the announced speeds would have led to.
    counted: Line,
    announced: Line,
    /// When any worker announced itself last.
    heard: Option<f64>,
    /// When a worker announced what its requests to rng and hasher took.
    times: Vec<(f64, Mean, Mean)>,
    /// When the ledger was away last.
    away: Option<f64>,
}

/// What the meter shows.
#[derive(Debug, Default)]
pub struct Reading {
    pub speed: Speed,
    pub latency: Latency,
    pub workers: Vec<Value>,
}

/// The speed, and where the figure comes from.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Speed {
    /// Absent while it is not known.
    pub hashes_per_second: Option<f64>,
    /// `workers`, `ledger`, or absent while the speed is not known.
    pub source: Option<&'static str>,
    /// Workers that do not announce themselves are mining too.
    pub unannounced: bool,
}

/// What requests to the services take, in milliseconds: means over the workers and the last seconds, weighted by the requests that
/// each of them made.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    pub rng_ms: Option<f64>,
    pub hasher_ms: Option<f64>,
}

impl Meter {
    /// The ledger is away.
    pub fn interrupt(&mut self, now: f64) {
        self.away = Some(now);
        self.begin_anew();
        // Silence until now says nothing about the workers.
        self.tracks.values_mut().for_each(|track| track.heard = now);
    }

    /// Takes what the ledger answered.
    pub fn read(&mut self, now: f64, hashes: i64, announcements: &[Announcement]) -> Reading {
        let workers = self.hear(now, announcements);
        // The count was set back, by a person who starts afresh.
        if self.counted.last().is_some_and(|(_, last)| last > hashes as f64) {
            self.begin_anew();
        }
        if !workers.is_empty() {
            self.heard = Some(now);
        }
        let (begin, end) = (now - LAG - WINDOW, now - LAG);
        let done = |track: &Track| (track.count(end) - track.count(begin)).max(0.0);
        let speed = self.tracks.values().map(done).sum::<f64>() / WINDOW;
        let (before, sum) = self.announced.last().unwrap_or((now, 0.0));
        self.counted.push(now, hashes as f64);
        self.announced.push(now, sum + speed * (now - before));
        self.counted.forget_before(now - JUDGED.1);
        self.announced.forget_before(now - JUDGED.1);
        Reading { speed: self.speed(now, speed), latency: self.latency(now), workers }
    }

    fn begin_anew(&mut self) {
        (self.counted, self.announced, self.heard) = Default::default();
    }

    fn hear(&mut self, now: f64, announcements: &[Announcement]) -> Vec<Value> {
        // Who has gone still counts for what was done before.
        self.tracks.retain(|id, track| announcements.iter().any(|it| it.id == *id) || track.miss(now) < WINDOW + LAG);
        let mut workers = Vec::with_capacity(announcements.len());
        for said in announcements {
            let track = self.tracks.entry(said.id.clone()).or_default();
            if track.hear(now, said) {
                self.times.push((now, said.rng, said.hasher));
            }
            workers.push(track.show(now));
        }
        workers
    }

    fn speed(&self, now: f64, announced: f64) -> Speed {
        if self.away.is_some_and(|away| now - away < SETTLING) {
            return Speed::default();
        }
        let unannounced = self.unannounced(now);
        // The count goes on to grow in the slope for as long as the slope looks back, when the last worker has gone.
        let anybody = self.heard.is_some_and(|heard| heard >= now - SLOPE);
        let (value, source) = if anybody && !unannounced {
            (Some(announced), "workers")
        } else {
            (self.counted.slope(SLOPE, FEWEST).map(|slope| slope.max(0.0)), "ledger")
        };
        Speed { hashes_per_second: value.map(milliseconds), source: value.map(|_| source), unannounced }
    }

    /// Whether more is counted than the announced workers do: for long enough to be sure, and still.
    fn unannounced(&self, now: f64) -> bool {
        let from = self.counted.first().map_or(now, |(time, _)| time).max(self.away.map_or(0.0, |away| away + BACKLOG));
        let more = |span| {
            let known = self.announced.slope(span, FEWEST)? * TOLERANCE.0 + TOLERANCE.1;
            Some(self.counted.slope(span, FEWEST)? > known)
        };
        now - from >= JUDGED.0 && [now - from, SLOPE].into_iter().all(|span| more(span) == Some(true))
    }

    fn latency(&mut self, now: f64) -> Latency {
        self.times.retain(|(time, ..)| *time >= now - LATENCY);
        let mean = |pick: fn(&(f64, Mean, Mean)) -> Mean| {
            let all = self.times.iter().map(pick).fold(Mean::default(), Mean::and);
            (all.count > 0).then(|| milliseconds(all.ms))
        };
        Latency { rng_ms: mean(|(_, rng, _)| *rng), hasher_ms: mean(|(_, _, hasher)| *hasher) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten workers behind one rng: a hash a second each, and a count that grows in steps.
    fn ten(second: u32) -> Vec<Announcement> {
        (0..10)
            .map(|number| {
                let age = f64::from(second) + f64::from(number) * 0.07;
                Announcement {
                    id: format!("worker-{number}"),
                    started: 1e9,
                    now: 1e9 + age,
                    hashes: age as u64,
                    last_hash: age.floor(),
                    rng: Mean { count: 1, ms: 700.0 },
                    hasher: Mean { count: 3, ms: 100.0 + f64::from(number) },
                    ..Announcement::default()
                }
            })
            .collect()
    }

    fn speed(meter: &mut Meter, second: u32, hashes: i64, workers: &[Announcement]) -> Speed {
        meter.read(f64::from(second), hashes, workers).speed
    }

    #[test]
    fn announced_speeds_add_up() {
        let mut meter = Meter::default();
        for second in 2..90 {
            // Workers hand in at their own times: the count is up to ten behind.
            let reading = meter.read(f64::from(second), i64::from(second * 10 - second % 10), &ten(second));
            let value = reading.speed.hashes_per_second.unwrap();
            // They began together, three seconds ago or less at first.
            assert!(second < 8 || (value - 10.0).abs() < 0.01, "{value} at {second} s");
            assert_eq!((reading.speed.source, reading.speed.unannounced), (Some("workers"), false));
            assert_eq!(reading.latency.rng_ms, Some(700.0));
            assert!((reading.latency.hasher_ms.unwrap() - 104.5).abs() < 1e-3);
        }
    }

    #[test]
    fn without_announcements_the_count_tells() {
        let mut meter = Meter::default();
        for second in 0..40u32 {
            // One worker of 3.33 hashes/s that hands in 4 every 1.2 s.
            let value = speed(&mut meter, second, (f64::from(second) / 1.2) as i64 * 4, &[]);
            match value.hashes_per_second {
                None => assert!(second < 3, "nothing at {second} s"),
                Some(value) if second >= 10 => assert!((value - 3.33).abs() < 0.3, "{value} at {second} s"),
                Some(_) => {}
            }
        }
    }

    #[test]
    fn workers_that_do_not_announce_themselves_are_noticed_and_counted() {
        let mut meter = Meter::default();
        let mut last = Speed::default();
        for second in 2..40 {
            last = speed(&mut meter, second, i64::from(second * 20), &ten(second));
        }
        assert!((last.hashes_per_second.unwrap() - 20.0).abs() < 0.01, "{last:?}");
        assert_eq!((last.source, last.unannounced), (Some("ledger"), true));
    }

    #[test]
    fn workers_that_did_not_announce_themselves_are_forgotten_when_they_have_gone() {
        let mut meter = Meter::default();
        for second in 2..80 {
            let others = i64::from(second.min(40)) * 10;
            let now = speed(&mut meter, second, others + i64::from(second) * 10, &ten(second));
            if (30..40).contains(&second) {
                assert!(now.unannounced, "{now:?} at {second} s");
            }
            if second > 52 {
                assert_eq!((now.unannounced, now.source), (false, Some("workers")), "at {second} s");
            }
        }
    }

    #[test]
    fn what_is_handed_in_after_an_outage_is_no_speed() {
        let mut meter = Meter::default();
        for second in 2..30 {
            speed(&mut meter, second, i64::from(second * 10), &ten(second));
        }
        for second in 30..60 {
            meter.interrupt(f64::from(second));
        }
        for second in 60..150 {
            // What was mined in 30 s arrives 8 s after the return.
            let hashes = if second < 68 { 290 } else { i64::from(second * 10) };
            let now = speed(&mut meter, second, hashes, &ten(second));
            match now.hashes_per_second {
                None => assert!(second < 62, "no speed at {second} s"),
                Some(value) => assert!((value - 10.0).abs() < 0.01, "{value} at {second} s"),
            }
        }
    }

    #[test]
    fn nothing_jumps_when_workers_come_and_go() {
        // Three workers of 3.33 hashes/s; seven more come, and ten do 1 hash/s each; then seven go.
        let said = |number: u32, time: f64| {
            let began = if number < 3 { 0.0 } else { 30.0 };
            let late = (time - 30.0).max(0.0);
            let hashes = match time {
                _ if number >= 3 => late,
                ..=60.0 => (time - late) / 0.3 + late,
                _ => 100.0 + 30.0 + (time - 60.0) / 0.3,
            };
            let speed = if number < 3 && !(30.0..60.0).contains(&time) { 1.0 / 0.3 } else { 1.0 };
            Announcement {
                id: number.to_string(),
                started: 1e9 + began,
                now: 1e9 + time,
                hashes: hashes as u64,
                last_hash: time - began - hashes.fract() / speed,
                ..Announcement::default()
            }
        };
        let mut meter = Meter::default();
        for second in 1..90u32 {
            let workers: Vec<_> = (0..if (30..60).contains(&second) { 10 } else { 3 })
                .map(|number| said(number, f64::from(second) - f64::from(number) * 0.05))
                .filter(|said| said.now >= said.started)
                .collect();
            let value = speed(&mut meter, second, i64::from(second) * 10, &workers).hashes_per_second.unwrap();
            if second > 5 {
                assert!((value - 10.0).abs() < 1.2, "{value} at {second} s");
            }
        }
    }

    #[test]
    fn when_all_have_gone_the_speed_falls_to_zero_and_stays() {
        let mut meter = Meter::default();
        for second in 2..60 {
            let workers = if second < 30 { ten(second) } else { Vec::new() };
            let value = speed(&mut meter, second, i64::from(second.min(30) * 10), &workers).hashes_per_second.unwrap();
            if second >= 36 {
                assert_eq!(value, 0.0, "at {second} s");
            }
        }
    }

    #[test]
    fn a_count_that_is_set_back_is_no_negative_speed() {
        let mut meter = Meter::default();
        for second in 0..20 {
            let hashes = i64::from(if second < 10 { second * 10 } else { (second - 10) * 10 });
            let now = speed(&mut meter, second, hashes, &[]);
            assert!(now.hashes_per_second.is_none_or(|value| (value - 10.0).abs() < 0.01), "{now:?}");
        }
    }
}
