//! One thread of the generator: its connections, and the loop that serves them.

mod awake;
mod connection;
mod opening;
mod outcome;
mod source;
mod transport;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use crate::clock;
use crate::config::{Config, Load, Resolve};
use crate::failure::Failure;
use crate::report::Error;
use crate::resolve::{Addresses, Mailbox, Resolver};
use crate::response::Heads;
use crate::schedule::{Schedule, Stage};
use crate::tally::Tally;
use crate::tls::Tls;

pub use awake::{Awake, Pause};
use connection::{Connection, Phase};
use source::{DueTimes, Source};

/// The loop looks at time-outs, intervals and the request to stop at least this often.
const TICK: u64 = 10_000_000;

/// Tokens of epoll beside the connections' own, which are their place and generation.
const TIMER: u64 = u64::MAX;
const BELL: u64 = u64::MAX - 1;
const LEAVING: u64 = u64::MAX - 2;

/// What the threads of a run have in common.
pub struct Shared<'a> {
    /// What was asked.
    pub config: &'a Config,
    /// A request as it goes over the wire.
    pub bytes: Vec<u8>,
    /// The addresses, when they are resolved before the run.
    pub addresses: Option<Addresses>,
    /// Asks for the addresses, when they are resolved for each connection.
    pub resolver: Option<Resolver>,
    /// Which of the addresses answered.
    pub preferred: AtomicUsize,
    /// TLS, for https.
    pub tls: Option<Tls>,
    /// Set from outside to end the run.
    pub stop: &'a AtomicBool,
    /// Set from inside when the run cannot go on.
    pub failed: AtomicBool,
    /// Whether any connection was ever made.
    pub reached: AtomicBool,
    /// Why the run cannot go on.
    pub fatal: Mutex<Option<Error>>,
    /// Measured requests left to a closed loop that was given their number.
    pub left: AtomicU64,
    /// When the run starts.
    pub start: u64,
    /// Empty tallies, for the threads that hand theirs over.
    pub spares: Mutex<Vec<Tally>>,
}

impl Shared<'_> {
    /// Ends the run for good; the first reason is the one that is told.
    pub fn give_up(&self, error: Error) {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Empties a tally and keeps it for the next interval of any thread. To make one is the work of a third of a
    /// millisecond, which would delay requests that are due.
    pub fn give_back(&self, mut tally: Tally) {
        tally.clear();
        self.spares.lock().unwrap_or_else(PoisonError::into_inner).push(tally);
    }

    fn spare(&self) -> Tally {
        let kept = self.spares.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_default()
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }
}

/// What one thread counted since the last piece.
pub struct Piece {
    /// Number of the interval.
    pub index: u64,
    /// What was counted.
    pub tally: Tally,
}

/// What a thread knows at its end, beside what it counted.
#[derive(Debug, Clone)]
pub struct Finish {
    /// When the thread stopped.
    pub at: u64,
    /// Whether it did all that was asked, rather than being stopped.
    pub complete: bool,
    /// When the last answer came.
    pub last_answer: u64,
    /// Processor time of the thread.
    pub cpu: u64,
    /// How its time was spent.
    pub awake: Awake,
}

/// One thread of the generator.
pub struct Engine<'a> {
    shared: &'a Shared<'a>,
    pieces: Sender<Piece>,
    epoll: OwnedFd,
    timer: OwnedFd,
    mailbox: Option<Arc<Mailbox>>,
    connections: Vec<Connection>,
    idle: Vec<u32>,
    vacant: Vec<u32>,
    /// Places that may connect again from the given time.
    resting: Vec<(u64, u32)>,
    /// Sockets whose answer said that it was the last: they wait a moment for the server to close first, so that it
    /// is not this side that runs out of ports.
    leaving: Vec<(u64, OwnedFd)>,
    source: Source<'a>,
    open_loop: bool,
    tally: Tally,
    in_flight: usize,
    measure_from: u64,
    end: u64,
    interval: u64,
    piece: u64,
    last_answer: u64,
    awake: Awake,
    /// When counts were handed over last, and how long the thread had slept by then.
    handed_over: (u64, u64),
    armed: u64,
    heads: Heads,
    buffer: Box<[u8]>,
}

impl<'a> Engine<'a> {
    /// Prepares one of the run's threads.
    pub fn new(shared: &'a Shared<'a>, thread: usize, pieces: Sender<Piece>) -> Result<Self, Errno> {
        let config = shared.config;
        let share = |total: usize| total / config.threads + usize::from(thread < total % config.threads);
        let measure_from = shared.start + clock::nanos(config.warm_up);
        let end = match config.seconds() {
            Some(seconds) => measure_from + (seconds * 1e9).round() as u64,
            None => u64::MAX / 2,
        };
        let source = match &config.load {
            Load::Closed => {
                Source::Closed { end, measure_from, left: config.requests.is_some().then_some(&shared.left) }
            }
            Load::Open { stages, arrivals, seed } => {
                let segment = config.segment.part(thread as u64, config.threads as u64).unwrap_or_default();
                let warm_up = Stage::constant(stages[0].from, config.warm_up.as_secs_f64());
                // Arrivals of its own, so that what is measured is the same plan after a warm-up of any length.
                let warm_up = Schedule::segment(&[warm_up], *arrivals, !seed, segment);
                let measured =
                    Schedule::segment(stages, *arrivals, *seed, segment).limited(config.requests.unwrap_or(u64::MAX));
                Source::Open { due: DueTimes::new((shared.start, warm_up), (measure_from, measured)), end }
            }
        };
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer =
            rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
        let mailbox = match shared.resolver {
            Some(_) => {
                let mailbox = Mailbox::new().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::NOMEM))?;
                epoll::add(&epoll, mailbox.bell(), EventData::new_u64(BELL), EventFlags::IN)?;
                Some(Arc::new(mailbox))
            }
            None => None,
        };
        let places = share(config.connections);
        Ok(Engine {
            shared,
            pieces,
            epoll,
            timer,
            mailbox,
            connections: (0..places).map(|_| Connection::new()).collect(),
            idle: Vec::with_capacity(places),
            vacant: (0..places as u32).rev().collect(),
            resting: Vec::new(),
            leaving: Vec::new(),
            source,
            open_loop: !matches!(config.load, Load::Closed),
            tally: shared.spare(),
            in_flight: 0,
            measure_from,
            end,
            interval: clock::nanos(config.interval),
            piece: 0,
            last_answer: shared.start,
            awake: Awake::new(shared.start),
            handed_over: (shared.start, 0),
            armed: 0,
            heads: Heads::new(config.request.is_head()),
            buffer: vec![0; 64 * 1024].into_boxed_slice(),
        })
    }

    /// Runs until the end, or until asked to stop.
    pub fn run(mut self) -> Result<Finish, Errno> {
        // The kernel may put off a sleeper's timer by this much to save wake-ups; the usual 50 µs would be slip.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        self.wait_for_start();
        let mut events: Vec<epoll::Event> = Vec::with_capacity(1024);
        let last_moment = self.end.saturating_add(clock::nanos(self.shared.config.drain));
        let tick = TICK.min(clock::nanos(self.shared.config.timeout) / 50).max(1_000_000);
        let mut next_tick = self.shared.start + tick;
        loop {
            self.dispatch();
            let entered = clock::now();
            let done = self.in_flight == 0 && self.source.exhausted(entered) || entered >= last_moment;
            if done || self.shared.stopped() {
                return Ok(self.finish(entered, done));
            }
            let waiting = !self.idle.is_empty() || !self.vacant.is_empty();
            let next_due = self.source.next_due();
            let backlog = !waiting && next_due.is_some_and(|due| due <= entered);
            // The last wait ends with the run, so that nothing ages beyond its end.
            let longest = tick.min(last_moment - entered);
            let mut expected = entered + longest;
            if let Some(due) = next_due.filter(|_| waiting) {
                self.arm(due)?;
                expected = expected.min(due.max(entered));
            }
            events.clear();
            let timeout = Timespec { tv_sec: 0, tv_nsec: longest as i64 };
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
            let woke = clock::now();
            self.awake.woke(entered, woke, expected, backlog);
            for event in &events {
                self.event(event.data.u64(), event.flags, woke);
            }
            if woke >= next_tick {
                next_tick = woke + tick;
                self.tick(woke);
            }
        }
    }

    fn wait_for_start(&self) {
        let until = Timespec {
            tv_sec: (self.shared.start / 1_000_000_000) as i64,
            tv_nsec: (self.shared.start % 1_000_000_000) as i64,
        };
        while rustix::thread::clock_nanosleep_absolute(rustix::thread::ClockId::Monotonic, &until).is_err() {}
    }

    /// Sets the timer to a due time, unless it is set to it already.
    fn arm(&mut self, due: u64) -> Result<(), Errno> {
        if self.armed != due {
            self.armed = due;
            let at = Timespec { tv_sec: (due / 1_000_000_000) as i64, tv_nsec: (due % 1_000_000_000) as i64 };
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let setting = Itimerspec { it_interval: never, it_value: at };
            rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &setting)?;
        }
        Ok(())
    }

    /// Gives due requests to free connections, and to new ones while there may be more.
    ///
    /// This comes after all answers of a wake-up are read, not after each: a write costs several times as much as a
    /// read, so the answers are seen earlier by as much, and the server gets its requests close together.
    fn dispatch(&mut self) {
        while !self.idle.is_empty() || !self.vacant.is_empty() {
            let now = clock::now();
            let Some(due) = self.source.take(now) else { return };
            let Some(place) = self.idle.pop().or_else(|| self.vacant.pop()) else {
                return;
            };
            self.begin(place as usize, due, now);
        }
    }

    /// Begins a request on a place that is idle or vacant.
    #[inline]
    fn begin(&mut self, place: usize, due: u64, now: u64) {
        self.in_flight += 1;
        let connection = &mut self.connections[place];
        if due < self.measure_from {
            self.tally.warm_up.due += 1;
        } else {
            self.tally.counts.due += 1;
            if self.open_loop {
                // What passed since the request was due and had a connection is the generator's own doing.
                let ready = connection.free_since.clamp(due, now);
                self.tally.slip.saturating_record(now - ready);
                self.tally.waited += u64::from(connection.free_since > due);
            }
        }
        connection.due = due;
        connection.begun = now;
        if connection.phase == Phase::Idle {
            self.write(place, now);
        } else {
            self.open(place);
        }
    }

    /// Writes the request of a place from its first byte.
    #[inline]
    fn write(&mut self, place: usize, now: u64) {
        let connection = &mut self.connections[place];
        connection.written = now;
        connection.phase = Phase::Writing(0);
        self.write_on(place, 0);
    }

    #[inline]
    fn write_on(&mut self, place: usize, from: usize) {
        let shared = self.shared;
        let connection = &mut self.connections[place];
        let Some(transport) = &mut connection.transport else {
            return;
        };
        match transport.send(&shared.bytes[from..]) {
            Ok(sent) if from + sent == shared.bytes.len() => connection.phase = Phase::Reading,
            // A part went out, or nothing: the socket says when it takes more.
            Ok(sent) => {
                connection.phase = Phase::Writing(from + sent);
                if sent > 0 {
                    self.write_on_later(place);
                }
            }
            Err(_) => {
                // The server may have answered before it closed; what it sent says more than the failed write.
                self.readable(place, true, clock::now());
                if self.connections[place].busy() {
                    let kind = self.cut_kind(place, Failure::Reset);
                    self.fail(place, kind);
                }
            }
        }
    }

    /// With edge-triggered events, only a write that found the socket full is followed by an event.
    #[cold]
    fn write_on_later(&mut self, place: usize) {
        while let Phase::Writing(from) = self.connections[place].phase {
            let bytes = &self.shared.bytes[from..];
            let connection = &mut self.connections[place];
            let Some(transport) = &mut connection.transport else {
                return;
            };
            match transport.send(bytes) {
                Ok(0) => return,
                Ok(sent) if sent == bytes.len() => connection.phase = Phase::Reading,
                Ok(sent) => connection.phase = Phase::Writing(from + sent),
                Err(kind) => return self.fail(place, kind),
            }
        }
    }

    /// Something happened to a socket, the timer or the mailbox.
    fn event(&mut self, data: u64, flags: EventFlags, woke: u64) {
        match data {
            // The timer only ends the wait; dispatching does the rest.
            TIMER => {}
            BELL => self.resolved(),
            LEAVING => self.leaving_ended(),
            _ => {
                let (place, generation) = ((data & 0xffff_ffff) as usize, (data >> 32) as u32);
                // The event may be for a socket that was closed earlier in this batch.
                if self.connections[place].generation == generation {
                    self.socket_event(place, flags, woke);
                }
            }
        }
    }

    #[inline]
    fn socket_event(&mut self, place: usize, flags: EventFlags, woke: u64) {
        let ends = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        match self.connections[place].phase {
            Phase::Reading if flags.contains(EventFlags::IN) || ends => {
                self.readable(place, ends, woke);
                if self.shared.tls.is_some() {
                    self.flush(place);
                }
            }
            Phase::Writing(from) => {
                if flags.contains(EventFlags::IN) || ends {
                    self.readable(place, ends, woke);
                }
                if self.connections[place].phase == Phase::Writing(from) && flags.contains(EventFlags::OUT) {
                    self.write_on(place, from);
                }
            }
            Phase::Connecting => self.connect_event(place, flags),
            Phase::Handshaking => self.handshake(place),
            // A free connection has nothing to say: it was closed, or speaks out of turn and is of no use.
            Phase::Idle if flags.contains(EventFlags::IN) || ends => self.idle_event(place),
            Phase::Reading | Phase::Idle | Phase::Vacant | Phase::Resolving => {
                if self.shared.tls.is_some() {
                    self.flush(place);
                }
            }
        }
    }

    fn flush(&mut self, place: usize) {
        let connection = &mut self.connections[place];
        if let Some(transport) = &mut connection.transport
            && let Err(kind) = transport.flush()
            && connection.busy()
        {
            self.fail(place, kind);
        }
    }
}

fn token(place: usize, generation: u32) -> u64 {
    u64::from(generation) << 32 | place as u64
}

/// Whether names are to be asked for each connection.
pub fn asks_each_time(config: &Config) -> bool {
    config.resolve == Resolve::Each
}
