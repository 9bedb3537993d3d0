//! One thread of the generator: its connections, and the loop that serves them.

mod awake;
mod connection;
mod due;
mod gate;
mod nap;
mod opening;
mod outcome;
mod shared;
mod source;
mod transport;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use crate::clock;
use crate::config::{Config, Load, Opening, Resolve};
use crate::failure::Failure;
use crate::resolve::Mailbox;
use crate::response::Heads;
use crate::schedule::{Schedule, Stage};
use crate::tally::Tally;
use crate::usage::Usage;

pub use awake::{Awake, Pause};
use connection::{Connection, Phase};
use due::DueCounts;
use nap::Nap;
pub use shared::{Finish, Message, Piece, Shared};
use source::{DueTimes, Source};

/// The loop looks at time-outs, intervals and the request to stop at least this often.
const TICK: u64 = 10_000_000;

/// Tokens of epoll beside the connections' own, which are their place and generation.
const TIMER: u64 = u64::MAX;
const BELL: u64 = u64::MAX - 1;
const LEAVING: u64 = u64::MAX - 2;

/// One thread of the generator.
pub struct Engine<'a> {
    shared: &'a Shared<'a>,
    /// Which of the threads it is.
    thread: usize,
    messages: Sender<Message>,
    epoll: OwnedFd,
    timer: OwnedFd,
    mailbox: Option<Arc<Mailbox>>,
    connections: Vec<Connection>,
    /// Connections that are free, the one that has been free for longest first: they are used in turn, as behind a
    /// balancer of connections only that brings each upstream its share.
    idle: VecDeque<u32>,
    vacant: Vec<u32>,
    /// Places that may connect again from the given time.
    resting: Vec<(u64, u32)>,
    /// Sockets whose answer said that it was the last: they wait a moment for the server to close first, so that it
    /// is not this side that runs out of ports.
    leaving: Vec<(u64, OwnedFd)>,
    source: Source<'a>,
    open_loop: bool,
    /// Which statuses count as success.
    ok: Box<[bool; 1000]>,
    /// Age from which a connection takes no further request, in nanoseconds.
    max_age: u64,
    tally: Tally,
    due: DueCounts,
    usage: Usage,
    in_flight: usize,
    start: u64,
    measure_from: u64,
    end: u64,
    /// Number of the interval that is counted in, and when it ends: with the measured time at the latest.
    piece: (u64, u64),
    last_answer: u64,
    awake: Awake,
    nap: Nap,
    /// How long the thread had waited for a processor when the run started.
    starved: Option<u64>,
    /// When counts were handed over last, and how long the thread had slept by then.
    handed_over: (u64, u64),
    armed: u64,
    heads: Heads,
    buffer: Box<[u8]>,
}

impl<'a> Engine<'a> {
    /// Prepares one of the run's threads. Nothing is due until the run starts.
    pub fn new(shared: &'a Shared<'a>, thread: usize, messages: Sender<Message>) -> Result<Self, Errno> {
        let config = shared.config;
        let share = |total: usize| total / config.threads + usize::from(thread < total % config.threads);
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
            thread,
            messages,
            epoll,
            timer,
            mailbox,
            connections: (0..places).map(|_| Connection::new()).collect(),
            idle: VecDeque::with_capacity(places),
            vacant: (0..places as u32).rev().collect(),
            resting: Vec::new(),
            leaving: Vec::new(),
            source: Source::Closed { end: 0, measure_from: 0, left: None },
            open_loop: !matches!(config.load, Load::Closed),
            ok: config.ok.table(),
            max_age: config.max_age.map_or(u64::MAX, clock::nanos),
            tally: shared.spare(),
            due: DueCounts::new(0, 1),
            usage: Usage::default(),
            in_flight: 0,
            start: 0,
            measure_from: 0,
            end: 0,
            piece: (0, u64::MAX),
            last_answer: 0,
            awake: Awake::new(0, 0),
            nap: Nap::default(),
            starved: None,
            handed_over: (0, 0),
            armed: 0,
            heads: Heads::new(config.request.is_head()),
            buffer: vec![0; 64 * 1024].into_boxed_slice(),
        })
    }

    /// Sets all that depends on when the run starts.
    fn start_at(&mut self, start: u64) {
        let (shared, config) = (self.shared, self.shared.config);
        let measure_from = start + clock::nanos(config.warm_up);
        let end = match config.seconds() {
            Some(seconds) => measure_from + (seconds * 1e9).round() as u64,
            None => u64::MAX / 2,
        };
        self.source = match &config.load {
            Load::Closed => {
                Source::Closed { end, measure_from, left: config.requests.is_some().then_some(&shared.left) }
            }
            Load::Open { stages, arrivals, seed } => {
                let segment = config.segment.part(self.thread as u64, config.threads as u64).unwrap_or_default();
                let warm_up = Stage::constant(stages[0].from, config.warm_up.as_secs_f64());
                // Arrivals of its own, so that what is measured is the same plan after a warm-up of any length.
                let warm_up = Schedule::segment(&[warm_up], *arrivals, !seed, segment);
                let measured =
                    Schedule::segment(stages, *arrivals, *seed, segment).limited(config.requests.unwrap_or(u64::MAX));
                let due = DueTimes::new((start, warm_up), (measure_from, measured));
                Source::Open { due: Box::new(due), end }
            }
        };
        let interval = clock::nanos(config.interval);
        (self.start, self.measure_from, self.end) = (start, measure_from, end);
        self.due = DueCounts::new(measure_from, interval);
        self.piece = (0, end.min(measure_from + interval));
        self.last_answer = start;
        self.awake = Awake::new(start, measure_from);
        self.starved = (measure_from == start).then(clock::thread_starved);
        self.handed_over = (start, 0);
    }

    /// Runs until the end, or until asked to stop.
    pub fn run(mut self) -> Result<Finish, Errno> {
        // The kernel may put off a sleeper's timer by this much to save wake-ups; the usual 50 µs would be slip.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        if self.shared.config.opening == Opening::UpFront {
            self.open_up_front()?;
        }
        // Whoever collects is there for as long as the threads are.
        let _ = self.messages.send(Message::Ready);
        let start = self.shared.gate.pass();
        self.start_at(start);
        self.wait_for_start();
        let mut events: Vec<epoll::Event> = Vec::with_capacity(1024);
        let last_moment = self.end.saturating_add(clock::nanos(self.shared.config.drain));
        let tick = self.tick_length();
        let mut next_tick = self.start + tick;
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
            // The last wait ends with the run, so that nothing ages beyond its end, and each interval with itself.
            let longest = tick.min(last_moment - entered).min(self.piece.1.saturating_sub(entered));
            let mut expected = entered + longest;
            if let Some(due) = next_due.filter(|_| waiting) {
                self.arm(due)?;
                expected = expected.min(due.max(entered));
            }
            let napped = self.nap(&mut events)?;
            if events.is_empty() {
                self.wait(&mut events, longest)?;
            }
            let woke = clock::now();
            self.awake.woke((entered, woke), expected, napped, backlog);
            if woke >= self.piece.1 {
                self.next_piece(woke);
            }
            if self.starved.is_none() && woke >= self.measure_from {
                self.starved = Some(clock::thread_starved());
            }
            for event in &events {
                self.event(event.data.u64(), event.flags, woke);
            }
            if woke >= next_tick {
                next_tick = woke + tick;
                self.tick(woke);
            }
        }
    }

    /// How often time-outs are looked at.
    fn tick_length(&self) -> u64 {
        TICK.min(clock::nanos(self.shared.config.timeout) / 50).max(1_000_000)
    }

    /// In a closed loop, sleeps a moment where nothing is there yet. Whether it did.
    fn nap(&self, events: &mut Vec<epoll::Event>) -> Result<bool, Errno> {
        events.clear();
        let Some(length) = self.nap.length(self.in_flight).filter(|_| !self.open_loop) else { return Ok(false) };
        self.wait(events, 0)?;
        if !events.is_empty() {
            return Ok(false);
        }
        let length = Timespec { tv_sec: 0, tv_nsec: length as i64 };
        // Cut short by a signal it is a shorter one.
        let _ = rustix::thread::clock_nanosleep_relative(rustix::thread::ClockId::Monotonic, &length);
        Ok(true)
    }

    /// Waits until something happens, for so many nanoseconds at most.
    fn wait(&self, events: &mut Vec<epoll::Event>, longest: u64) -> Result<(), Errno> {
        events.clear();
        let timeout = Timespec { tv_sec: 0, tv_nsec: longest as i64 };
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Opens all connections, before the run starts.
    fn open_up_front(&mut self) -> Result<(), Errno> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(1024);
        let tick = self.tick_length();
        self.open_vacant(clock::now());
        while self.connections.iter().any(Connection::busy) && !self.shared.stopped() {
            self.wait(&mut events, tick)?;
            let woke = clock::now();
            for event in &events {
                self.event(event.data.u64(), event.flags, woke);
            }
            self.time_out(woke);
        }
        Ok(())
    }

    /// Sleeps until the run starts, and looks from time to time whether it is still to start.
    fn wait_for_start(&self) {
        while clock::now() < self.start && !self.shared.stopped() {
            let until = self.start.min(clock::now() + 10 * TICK);
            let at = Timespec { tv_sec: (until / 1_000_000_000) as i64, tv_nsec: (until % 1_000_000_000) as i64 };
            // A signal ends the sleep early, and the loop goes on with it.
            let _ = rustix::thread::clock_nanosleep_absolute(rustix::thread::ClockId::Monotonic, &at);
        }
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
            let Some(place) = self.free_place(now) else { return };
            self.begin(place as usize, due, now);
        }
    }

    /// The connection that has been free for longest, or else a place for a new one.
    #[inline]
    fn free_place(&mut self, now: u64) -> Option<u32> {
        while let Some(place) = self.idle.pop_front() {
            if !self.connections[place as usize].aged(now, self.max_age) {
                return Some(place);
            }
            self.connections[place as usize].vacate();
            self.vacant.push(place);
        }
        self.vacant.pop()
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
            self.due.count(due);
            if self.open_loop {
                // What passed since the request was due and had a connection is the generator's own doing.
                let ready = connection.free_since.clamp(due, now);
                self.tally.slip.saturating_record(now - ready);
                self.tally.waited += u64::from(connection.free_since > due);
            }
        }
        connection.loaded = true;
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
            Phase::Connecting => {
                self.connect_event(place, flags);
                self.heard_early(place, flags.contains(EventFlags::IN), ends);
            }
            Phase::Handshaking => {
                self.handshake(place);
                self.heard_early(place, flags.contains(EventFlags::IN), ends);
            }
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
