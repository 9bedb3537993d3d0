use super::*;

fn state(rate: f64, limit: usize, start: Instant) -> State {
    State {
        schedule: Schedule::new(rate, Gaps::Jittered, Some(3), start).unwrap(),
        limit,
        running: 0,
        next_id: 0,
        waiting: VecDeque::new(),
        sent: HashMap::new(),
        since: start,
        closed: false,
        seen: nothing(),
    }
}

fn answer(status: u16) -> Result<Timing, Failure> {
    Ok(Timing { status, total: Duration::from_millis(1), ..Timing::default() })
}

fn accounts(seen: &Snapshot) -> (u64, u64, u64, u64) {
    assert_eq!(seen.due, seen.ok + seen.failed() + seen.unfinished, "{seen:?}");
    assert_eq!(seen.response.len(), seen.ok + seen.unfinished);
    (seen.due, seen.ok, seen.failed(), seen.unfinished)
}

#[test]
fn each_probe_due_is_ok_or_failed_or_unfinished() {
    let start = Instant::now();
    let mut state = state(10.0, 8, start);
    let at = |s: f64| start + Duration::from_secs_f64(s);
    state.fall_due(at(10.0));
    let due = state.seen.due;
    assert!((90..=110).contains(&due), "{due}");
    for (status, failed) in [(200, 0), (503, 1), (302, 1)] {
        let (id, when) = state.take(at(10.0)).unwrap();
        state.answered(id, when, at(10.1), answer(status));
        assert_eq!(accounts(&state.snapshot(at(10.0))).2, failed);
    }
    let (id, when) = state.take(at(10.0)).unwrap();
    state.answered(id, when, at(10.1), Err(Failure::new(Kind::Reset, "gone")));
    state.take(at(10.0)).unwrap();
    assert_eq!(accounts(&state.snapshot(at(10.0))), (due, 2, 2, due - 4));
    assert_eq!(state.seen.failures, BTreeMap::from([(Kind::Status, 1), (Kind::Reset, 1)]));
}

#[test]
fn the_unfinished_are_recorded_with_their_age() {
    let start = Instant::now();
    let mut state = state(10.0, 8, start);
    let first = state.schedule.next();
    state.fall_due(first);
    state.take(first).unwrap();
    let seen = state.snapshot(first + Duration::from_secs(2));
    // The first was due 2 s ago; those since then wait, with less.
    let longest = seen.response.max() as f64 / 1e6;
    assert!((longest - 2.0).abs() < 0.01, "{longest} s");
    assert_eq!(seen.unfinished, seen.due);
    assert!((15..=25).contains(&seen.due), "{}", seen.due);
    assert_eq!(state.seen.response.len(), 0, "a snapshot must not change what it shows");
}

#[test]
fn a_reset_forgets_what_was_due_before_it() {
    let start = Instant::now();
    let mut state = state(10.0, 8, start);
    let at = |s: f64| start + Duration::from_secs_f64(s);
    state.fall_due(at(1.0));
    let (id, when) = state.take(at(1.0)).unwrap();
    state.reset(at(5.0));
    state.answered(id, when, at(5.1), answer(200));
    assert_eq!(accounts(&state.snapshot(at(5.0))), (0, 0, 0, 0));
    let seen = state.snapshot(at(6.0));
    assert!((5..=15).contains(&seen.due), "{} due in the second after the reset", seen.due);
    assert_eq!(seen.elapsed, Duration::from_secs(1));
}

#[test]
fn no_more_than_the_limit_are_started() {
    let start = Instant::now();
    let mut state = state(10.0, 3, start);
    state.fall_due(start + Duration::from_secs(2));
    assert_eq!(state.free(), 3);
    state.running = 3;
    assert_eq!(state.free(), 0);
    state.waiting.clear();
    assert_eq!(state.take(start + Duration::from_secs(2)), None);
    assert_eq!(state.running, 2);
}

#[test]
fn a_closed_window_takes_no_more_probes_and_the_next_one_does() {
    let start = Instant::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let mut state = state(100.0, 64, start);
    assert_eq!(state.close(at(1000)), Duration::from_secs(1));
    let due = state.seen.due;
    assert!(due > 0);
    assert_eq!(state.snapshot(at(2000)).due, due);
    state.reset(at(3000));
    assert!(state.snapshot(at(4000)).due > 0);
}
