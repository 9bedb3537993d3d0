use ledger::Announcement;

use super::*;

/// `workers` regular workers with a loop of `loop_s`, looked at every 250 ms for `seconds`.
fn regular(workers: u32, loop_s: f64, seconds: f64) -> (Track, Instant) {
    let origin = Instant::now();
    let mut track = Track::default();
    let mut at = 0.0;
    while at <= seconds {
        let announce = |number: u32| {
            // Workers are out of step, as real ones are.
            let phase = loop_s * f64::from(number) / f64::from(workers);
            let hashes = ((at - phase) / loop_s).floor().max(0.0);
            Announcement {
                id: number.to_string(),
                hashes: hashes as u64,
                now: at,
                last_hash: if hashes > 0.0 { phase + hashes * loop_s } else { 0.0 },
                loop_times: vec![((loop_s * 1e6) as u64, hashes as u64)],
                ..Announcement::default()
            }
        };
        track.push(Observation {
            at: origin + Duration::from_secs_f64(at),
            workers: (0..workers).map(announce).collect(),
            hashes: 0,
            loads: BTreeMap::new(),
            cpu: BTreeMap::new(),
            starved: None,
        });
        at += 0.25;
    }
    (track, origin)
}

fn after(origin: Instant, seconds: f64) -> Instant {
    origin + Duration::from_secs_f64(seconds)
}

#[test]
fn the_rate_of_a_regular_process_is_exact() {
    for (workers, loop_s) in [(1, 0.3), (3, 0.3), (10, 1.0)] {
        let (track, origin) = regular(workers, loop_s, 10.0);
        let estimate = track.estimate(after(origin, 3.1), after(origin, 8.2)).unwrap();
        let truth = f64::from(workers) / loop_s;
        assert!((estimate.value / truth - 1.0).abs() < 1e-9, "{workers} workers: {estimate:?} for {truth}");
        assert!(estimate.low <= truth && truth <= estimate.high);
    }
}

#[test]
fn a_worker_that_begins_in_the_window_counts_from_its_first_hash() {
    let (track, origin) = regular(1, 0.5, 10.0);
    assert!((track.rate(after(origin, 0.1), after(origin, 10.0)).unwrap() - 2.0).abs() < 1e-9);
}

#[test]
fn a_worker_that_stops_counts_for_nothing() {
    let (mut track, origin) = regular(1, 0.5, 2.0);
    let last = track.seen.last().unwrap().clone();
    for quarter in 1..20 {
        track.push(Observation { at: last.at + Duration::from_millis(250 * quarter), ..last.clone() });
    }
    assert_eq!(track.rate(after(origin, 3.0), after(origin, 6.0)), Some(0.0));
}

/// Two of three workers are stopped just before a short step: what they did last will never be heard of.
#[test]
fn workers_that_have_gone_keep_nobody_waiting() {
    let (mut track, origin) = regular(3, 0.3, 5.0);
    let mut last = track.seen.last().unwrap().clone();
    last.workers.truncate(1);
    for quarter in 1..=6_u32 {
        let (mut seen, since) = (last.clone(), 0.25 * f64::from(quarter));
        let loops = (since / 0.3).floor();
        (seen.at, seen.workers[0].now) = (last.at + Duration::from_secs_f64(since), last.workers[0].now + since);
        seen.workers[0].last_hash += 0.3 * loops;
        seen.workers[0].hashes += loops as u64;
        track.push(seen);
    }
    let from = after(origin, 5.4);
    assert!(track.known_since_s(from) > 0.7, "{}", track.known_since_s(from));
    let rate = track.estimate(from, after(origin, 6.4)).expect("one worker goes on");
    assert!((rate.value * 0.3 - 1.0).abs() < 1e-6, "{rate:?}");
}

#[test]
fn without_announcements_the_ledger_is_counted() {
    let origin = Instant::now();
    let mut track = Track::default();
    for quarter in 0..40_u32 {
        // Ten hashes arrive together once a second.
        let hashes = i64::from(quarter / 4) * 10;
        let at = origin + Duration::from_millis(u64::from(quarter) * 250);
        let (loads, cpu) = (BTreeMap::new(), BTreeMap::new());
        track.push(Observation { at, workers: Vec::new(), hashes, loads, cpu, starved: None });
    }
    assert!((track.rate(after(origin, 2.0), after(origin, 9.9)).unwrap() - 10.0).abs() < 1e-9);
}

#[test]
fn loop_times_are_those_of_the_window() {
    let (track, origin) = regular(2, 0.5, 10.0);
    let times = track.loop_times(after(origin, 2.0), after(origin, 6.0));
    assert_eq!((times.count, times.p50_ms, times.max_ms), (16, Some(500.0), 500.0));
}

#[test]
fn utilisation_is_the_share_of_the_slots() {
    let origin = Instant::now();
    let mut track = Track::default();
    for second in 0..=4_u64 {
        let busy = |share: f64| Duration::from_secs_f64(second as f64 * share);
        let load = |share, slots| Load { slots, busy: busy(share), waiting: busy(3.0) };
        let rng = BTreeMap::from([("rng.1".to_owned(), load(1.0, 1)), ("rng.2".to_owned(), load(0.5, 1))]);
        let hasher = BTreeMap::from([("hasher.1".to_owned(), load(4.0, 0))]);
        let loads = BTreeMap::from([("rng".to_owned(), rng), ("hasher".to_owned(), hasher)]);
        let at = origin + Duration::from_secs(second);
        let mut used = BTreeMap::from([("here".to_owned(), busy(0.25))]);
        // A replica that begins in between is left out.
        used.extend((second > 2).then(|| ("late".to_owned(), busy(9.0))));
        let cpu = BTreeMap::from([("all".to_owned(), used)]);
        track.push(Observation { at, workers: Vec::new(), hashes: 0, loads, cpu, starved: Some(busy(1.5)) });
    }
    let (from, to) = (after(origin, 1.0), after(origin, 4.0));
    assert_eq!(track.load("rng", from, to), Some((Some(0.75), 6.0)));
    assert_eq!(track.load("hasher", from, to), Some((None, 3.0)));
    assert_eq!(track.load("redis", from, to), None);
    assert_eq!(track.cores(from, to)["all"], BTreeMap::from([("here".to_owned(), 0.25)]));
    assert_eq!(track.starved(from, to), Some(1.5));
}

/// With 200 workers a loop takes 20 s. A worker without a hash in the window once counted as nothing, and the rate was 0.
#[test]
fn loops_that_are_longer_than_the_window_count() {
    for workers in [60, 100, 200] {
        let loop_s = f64::from(workers) / 10.0;
        let (track, origin) = regular(workers, loop_s, 2.5 * loop_s);
        let estimate = track.estimate(after(origin, 1.5 * loop_s), after(origin, 1.5 * loop_s + 5.0)).unwrap();
        assert!((estimate.value / 10.0 - 1.0).abs() < 0.02, "{workers} workers: {estimate:?}");
    }
}
