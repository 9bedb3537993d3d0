//! A run from begin to end: threads are started, what they counted is collected.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::clock;
use crate::config::{Config, Load};
use crate::engine::{Engine, Finish, Piece, Shared, asks_each_time};
use crate::report::{Error, Generator, Report};
use crate::resolve::{Resolver, resolve};
use crate::tally::Tally;
use crate::timeline::Timeline;
use crate::tls::Tls;

/// Time for the threads to get ready before the first request is due.
const HEAD_START: u64 = 2_000_000;

/// Whoever follows a run is told that time passes at least this often.
const PATIENCE: Duration = Duration::from_millis(200);

/// What one thread counted in one interval.
#[derive(Debug)]
pub struct Interval<'a> {
    /// Number of the interval, from the begin of the measuring.
    pub index: u64,
    /// What was counted.
    pub tally: &'a Tally,
    /// Everything that was counted until now, by all threads.
    pub total: &'a Tally,
    /// The same over time.
    pub timeline: &'a Timeline,
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
    // Resolved once here in both cases: a name that does not exist is a mistake in the command.
    let addresses = resolve(&target.host, target.port)
        .map_err(|error| Error::Resolve { host: target.host.clone(), reason: tidy(&error.to_string()) })?;
    let resolver = match asks_each_time(config) {
        true => Some(Resolver::start(&target.host, target.port).map_err(|error| Error::System(error.to_string()))?),
        false => None,
    };
    raise_file_limit(config.connections);
    let internal = AtomicBool::new(false);
    let start = begin(config, clock::now(), SystemTime::now());
    let shared = Shared {
        config,
        bytes,
        addresses: Some(addresses),
        resolver,
        preferred: AtomicUsize::new(0),
        tls,
        stop,
        failed: internal,
        reached: AtomicBool::new(false),
        fatal: Mutex::new(None),
        left: AtomicU64::new(config.requests.map_or(u64::MAX, |requests| config.segment.share(requests))),
        start,
        spares: Mutex::default(),
    };
    // One that a thread counts in, and one to hand that over for.
    for _ in 0..2 * config.threads {
        shared.give_back(Tally::default());
    }
    let wait = Duration::from_nanos(start.saturating_sub(clock::now()));
    let started = config.begin.unwrap_or_else(|| SystemTime::now() + wait) + config.warm_up;
    observer.started(started);
    let mut total = Tally::default();
    let mut timeline = Timeline::new();
    let (pieces, collected) = channel();
    let finishes = thread::scope(|scope| {
        let mut threads = Vec::with_capacity(config.threads);
        for index in 0..config.threads {
            let (pieces, shared) = (pieces.clone(), &shared);
            let body = move || {
                let outcome = Engine::new(shared, index, pieces).and_then(Engine::run);
                if let Err(error) = outcome {
                    shared.give_up(Error::System(error.to_string()));
                }
                outcome
            };
            let thread = thread::Builder::new().name(format!("engine-{index}"));
            threads.push(thread.spawn_scoped(scope, body).map_err(|error| {
                shared.failed.store(true, Ordering::Relaxed);
                Error::System(error.to_string())
            })?);
        }
        drop(pieces);
        loop {
            match collected.recv_timeout(PATIENCE) {
                Ok(Piece { index, tally }) => {
                    total.add(&tally);
                    timeline.add(index, &tally);
                    observer.interval(&Interval { index, tally: &tally, total: &total, timeline: &timeline });
                    shared.give_back(tally);
                }
                Err(RecvTimeoutError::Timeout) => observer.waiting(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let joined = threads.into_iter().filter_map(|thread| thread.join().ok());
        Ok::<_, Error>(joined.filter_map(Result::ok).collect::<Vec<Finish>>())
    })?;
    if let Some(error) = shared.fatal.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    let measure_from = start + clock::nanos(config.warm_up);
    let at = finishes.iter().map(|finish| finish.at).max().unwrap_or(start);
    let last_answer = finishes.iter().map(|finish| finish.last_answer).max().unwrap_or(start);
    let interrupted = stop.load(Ordering::Relaxed) && finishes.iter().any(|finish| !finish.complete);
    let planned = config.seconds().map(|seconds| measure_from + (seconds * 1e9).round() as u64);
    let counted_out = config.requests.is_some_and(|asked| total.counts.due >= config.segment.share(asked));
    let end = match planned {
        // Where nothing was answered, the time of the last answer says nothing.
        _ if counted_out && total.completions > 0 => last_answer,
        Some(planned) => at.min(planned),
        None => at,
    };
    let elapsed = Duration::from_nanos(end.saturating_sub(measure_from));
    let open_loop = !matches!(config.load, Load::Closed);
    let mut generator = Generator::of(&finishes, measure_from);
    generator.judge(&total, open_loop, elapsed);
    Ok(Report { started, elapsed, interrupted, open_loop, total, timeline, interval: config.interval, generator })
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
