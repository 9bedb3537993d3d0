//! A run from begin to end: threads are started, what they counted is collected.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::clock;
use crate::config::{Config, Load};
use crate::engine::{Engine, Finish, Message, Piece, Shared, asks_each_time};
use crate::report::{Error, Generator, Report};
use crate::resolve::{Addresses, Resolver, resolve};
use crate::schedule::Schedule;
use crate::tally::Tally;
use crate::timeline::Timeline;
use crate::tls::Tls;
use crate::usage::Usage;

/// Time for the threads to get ready before the first request is due.
const HEAD_START: u64 = 2_000_000;

/// Whoever follows a run is told that time passes at least this often.
const PATIENCE: Duration = Duration::from_millis(200);

/// What one thread counted in one interval.
#[derive(Debug)]
pub struct Interval<'a> {
    /// Number of the interval, from the begin of the measuring. What came after the measured time, while the last requests
    /// were waited for, has a number beyond those of all intervals.
    pub index: u64,
    /// What was counted.
    pub tally: &'a Tally,
    /// Everything that was counted until now, by all threads.
    pub total: &'a Tally,
    /// The same over time.
    pub timeline: &'a Timeline,
    /// In which intervals the requests of the tally were due, and how many in each: those of a thread that is late were
    /// due in earlier ones.
    pub due: &'a [(u64, u64)],
}

/// Told of a run while it lasts.
pub trait Observer {
    /// The measuring has begun, or will begin after the warm-up.
    fn started(&mut self, _at: SystemTime) {}

    /// A thread has handed over what it counted in an interval.
    fn interval(&mut self, _interval: &Interval<'_>) {}

    /// Time has passed, and nothing was handed over.
    fn waiting(&mut self) {}
}

/// Nobody is told.
impl Observer for () {}

/// Sends requests as configured, until the end or until `stop` is set, and reports what came of them.
pub fn run(config: &Config, stop: &AtomicBool, observer: &mut dyn Observer) -> Result<Report, Error> {
    config.check()?;
    let bytes = config.request.build(&config.target)?;
    let target = &config.target;
    let tls = match target.tls {
        true => Some(Tls::new(&target.host, &config.trust).map_err(|error| Error::Tls(error.to_string()))?),
        false => None,
    };
    // Looked up once here in both cases: a name that does not exist is a mistake in the command.
    let (host, port, given) = (target.host.clone(), target.port, Addresses::from(config.addresses.clone()));
    let lookup = move || if given.is_empty() { resolve(&host, port) } else { Ok(Arc::clone(&given)) };
    let addresses =
        lookup().map_err(|error| Error::Resolve { host: target.host.clone(), reason: tidy(&error.to_string()) })?;
    let resolver = match asks_each_time(config) {
        true => Some(Resolver::start(first_turn(config), lookup).map_err(|error| Error::System(error.to_string()))?),
        false => None,
    };
    raise_file_limit(config.connections);
    let shared = Shared { addresses: Some(addresses), resolver, tls, ..Shared::new(config, bytes, stop) };
    let mut total = Tally::default();
    let mut timeline = Timeline::new();
    let (messages, collected) = channel();
    let (start, started, finishes) = thread::scope(|scope| {
        let _ended = EndsThreads(&shared);
        let mut threads = Vec::with_capacity(config.threads);
        for index in 0..config.threads {
            let (messages, shared) = (messages.clone(), &shared);
            let body = move || {
                let outcome = Engine::new(shared, index, messages.clone()).and_then(Engine::run);
                if let Err(error) = outcome {
                    shared.give_up(Error::System(error.to_string()));
                    // The others wait at the gate, which opens when all have said something.
                    let _ = messages.send(Message::Ready);
                }
                outcome
            };
            let thread = thread::Builder::new().name(format!("engine-{index}"));
            match thread.spawn_scoped(scope, body) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    shared.give_up(Error::System(error.to_string()));
                    break;
                }
            }
        }
        drop(messages);
        let ready = collected.iter().take(threads.len()).count();
        // A thread that failed before it was ready has said why, and the others stop as they start.
        debug_assert!(ready == config.threads || shared.stopped());
        let start = begin(config, clock::now(), SystemTime::now());
        let wait = Duration::from_nanos(start.saturating_sub(clock::now()));
        let started = config.begin.unwrap_or_else(|| SystemTime::now() + wait) + config.warm_up;
        observer.started(started);
        shared.gate.open(start);
        loop {
            match collected.recv_timeout(PATIENCE) {
                Ok(Message::Piece(piece)) => {
                    let Piece { index, tally, due } = *piece;
                    total.add(&tally);
                    timeline.add(index, &tally, &due);
                    observer.interval(&Interval {
                        index,
                        tally: &tally,
                        total: &total,
                        timeline: &timeline,
                        due: &due,
                    });
                    shared.give_back(tally);
                }
                Ok(Message::Ready) => {}
                Err(RecvTimeoutError::Timeout) => observer.waiting(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let joined = threads.into_iter().filter_map(|thread| thread.join().ok());
        (start, started, joined.filter_map(Result::ok).collect::<Vec<Finish>>())
    });
    shared.outcome()?;
    let measure_from = start + clock::nanos(config.warm_up);
    let at = finishes.iter().map(|finish| finish.at).max().unwrap_or(start);
    let last_answer = finishes.iter().map(|finish| finish.last_answer).max().unwrap_or(start);
    let interrupted = stop.load(Ordering::Relaxed) && finishes.iter().any(|finish| !finish.complete);
    let planned = config.seconds().map(|seconds| measure_from + (seconds * 1e9).round() as u64);
    let counted_out = config.requests.is_some_and(|asked| total.counts.due >= config.segment.share(asked));
    let end = match planned {
        // Where nothing was answered, the time of the last answer says nothing.
        _ if counted_out && total.completions > 0 => {
            let schedule = beyond(config);
            let fixed = if schedule > 0 { always(&total) } else { 0 };
            last_answer.saturating_sub(fixed).max(measure_from + schedule)
        }
        Some(planned) if interrupted => at.min(planned),
        // What was asked for may be done before its time is over, as after the last request of a schedule.
        Some(planned) => planned,
        None => at,
    };
    let elapsed = Duration::from_nanos(end.saturating_sub(measure_from));
    let open_loop = !matches!(config.load, Load::Closed);
    let mut usage = Usage::default();
    for finish in &finishes {
        usage.add(&finish.usage);
    }
    if let Some(addresses) = shared.addresses.as_ref().filter(|_| !asks_each_time(config)) {
        usage.add_idle(addresses);
    }
    let mut generator = Generator::of(&finishes, measure_from);
    generator.judge(&total, open_loop, elapsed);
    Ok(Report {
        started,
        elapsed,
        interrupted,
        open_loop,
        total,
        timeline,
        interval: config.interval,
        usage,
        generator,
    })
}

/// Ends the threads of a run whose first thread panics: the scope waits for them, and they would wait at the gate for ever.
struct EndsThreads<'a>(&'a Shared<'a>);

impl Drop for EndsThreads<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.give_up(Error::System("the run panicked".to_owned()));
            self.0.gate.open(0);
        }
    }
}

/// Which of a name's addresses the first connection goes to: the one after those of the agents before this one.
fn first_turn(config: &Config) -> usize {
    let before = config.segment.first().wrapping_mul(config.connections as u64);
    // Any turn is as good as another where it does not fit.
    usize::try_from(before).unwrap_or(0)
}

/// When a run begins, by the monotonic clock. One that was to begin in the past is late from its first request, which
/// shows as slip.
fn begin(config: &Config, now: u64, today: SystemTime) -> u64 {
    match config.begin.map(|begin| begin.duration_since(today)) {
        None => now + HEAD_START,
        Some(Ok(ahead)) => now.saturating_add(clock::nanos(ahead)),
        Some(Err(past)) => now.saturating_sub(clock::nanos(past.duration())),
    }
}

/// When the request after the last that was asked for would be due, from the begin of the measuring: n requests at a
/// rate take n times the time between two, and not n − 1 times. 0 where there is no schedule or none is left in it.
fn beyond(config: &Config) -> u64 {
    let (Load::Open { stages, arrivals, seed }, Some(requests)) = (&config.load, config.requests) else { return 0 };
    let next = Schedule::new(stages, *arrivals, *seed).nth(usize::try_from(requests).unwrap_or(usize::MAX));
    let end = stages.iter().map(|stage| stage.seconds).sum::<f64>();
    next.unwrap_or(if end.is_finite() { (end * 1e9) as u64 } else { 0 })
}

/// The time that every answer took, where all requests have one. A service that is slow and keeps up gives its last answer
/// so long after the schedule, and was not asked for less because of that; one that falls behind gives it later still.
fn always(total: &Tally) -> u64 {
    if total.counts.unfinished > 0 || total.response.is_empty() { 0 } else { total.response.min() }
}

/// The C library's own words without the wrapping that the standard library puts around them.
fn tidy(reason: &str) -> String {
    reason.strip_prefix("failed to lookup address information: ").unwrap_or(reason).to_owned()
}

/// Each connection needs a file descriptor; the soft limit is often 1024 where the hard limit is far higher.
fn raise_file_limit(connections: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = connections as u64 * 2 + 64;
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        // Where it is refused, connections beyond the limit fail and are counted as such.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
