//! What becomes of requests: answered, failed, or unfinished at the end.

use crate::clock;
use crate::config::Opening;
use crate::engine::connection::Phase;
use crate::engine::transport::Received;
use crate::engine::{Engine, Finish, Message, Piece};
use crate::failure::Failure;
use crate::response::Answer;
use crate::tally::Counts;
use crate::timeline;

/// How long a place rests after its first failed attempt to connect in a closed loop; it doubles with each.
const FIRST_REST: u64 = 10_000_000;

/// The longest such rest.
const LONGEST_REST: u64 = 1_000_000_000;

impl Engine<'_> {
    /// Reads what came for the request of a place. `ends` says that the server has closed or reset the connection, so
    /// that reading must go on until that shows.
    ///
    /// An answer that is complete with the first read was there when the thread woke, which is when its event was
    /// taken from the kernel: `seen`. That is nearer to when it came than the moment at which its turn came to be read.
    #[inline]
    pub(super) fn readable(&mut self, place: usize, ends: bool, mut seen: u64) {
        loop {
            let connection = &mut self.connections[place];
            let Some(transport) = &mut connection.transport else {
                return;
            };
            let short = transport.short_read_empties();
            let outcome = match transport.receive(&mut self.buffer) {
                Ok(Received::Bytes(count)) => {
                    let more = ends || !short || count == self.buffer.len();
                    match connection.parser.feed(&self.buffer[..count], &mut self.heads) {
                        Ok(Some(answer)) => Ok(Some(answer)),
                        Ok(None) if more => {
                            seen = clock::now();
                            continue;
                        }
                        Ok(None) => return,
                        Err(_) => Err(Failure::Parse),
                    }
                }
                Ok(Received::Nothing) => return,
                Ok(Received::End) => match connection.parser.close(&mut self.heads) {
                    Ok(Some(answer)) => Ok(Some(answer)),
                    Ok(None) => Err(self.cut_kind(place, Failure::Closed)),
                    Err(_) => Err(Failure::Parse),
                },
                Err(kind) => Err(self.cut_kind(place, kind)),
            };
            return match outcome {
                Ok(Some(answer)) => self.complete(place, answer, ends, seen),
                Ok(None) => {}
                Err(kind) => self.fail(place, kind),
            };
        }
    }

    /// Some servers speak, or close, before they are asked. Where that comes with the event that made a connection ready, no
    /// other event tells of it.
    pub(super) fn heard_early(&mut self, place: usize, spoke: bool, ends: bool) {
        if !spoke && !ends {
            return;
        }
        match self.connections[place].phase {
            Phase::Writing(_) | Phase::Reading => self.readable(place, ends, clock::now()),
            Phase::Idle => self.idle_event(place),
            Phase::Vacant | Phase::Resolving | Phase::Connecting | Phase::Handshaking => {}
        }
    }

    /// A kept connection that ends before the first byte of an answer was closed while the request was on its way.
    pub(super) fn cut_kind(&self, place: usize, kind: Failure) -> Failure {
        let connection = &self.connections[place];
        let stale = connection.reused && !connection.parser.started();
        if stale && matches!(kind, Failure::Closed | Failure::Reset) { Failure::Stale } else { kind }
    }

    /// An answer is complete, and its connection is free.
    #[inline]
    fn complete(&mut self, place: usize, answer: Answer, ends: bool, now: u64) {
        self.in_flight -= 1;
        self.last_answer = now;
        let connection = &mut self.connections[place];
        let tally = &mut self.tally;
        self.nap.learn(now - connection.written);
        let status = usize::from(answer.status).min(999);
        let ok = self.ok[status];
        if connection.due >= self.measure_from {
            tally.counts.done += 1;
            tally.counts.ok += u64::from(ok);
            if ok {
                tally.response.saturating_record(now - connection.due);
                tally.service.saturating_record(now - connection.written);
            } else {
                tally.error_response.saturating_record(now - connection.due);
            }
            tally.body_bytes += answer.body;
            tally.statuses[status] += 1;
            connection.carried += 1;
            self.usage.busiest = self.usage.busiest.max(connection.carried);
            if let Some(address) = self.usage.addresses.get_mut(connection.address) {
                address.answers += 1;
            }
        } else {
            tally.warm_up.done += 1;
            tally.warm_up.ok += u64::from(ok);
        }
        if ok && now >= self.measure_from && now < self.end {
            tally.completions += 1;
        }
        connection.loaded = false;
        // An answer that comes before its request was written whole leaves the connection in the middle of one.
        let whole = connection.phase == Phase::Reading;
        let wanted = self.shared.config.request.keep_alive && !connection.aged(now, self.max_age);
        let reusable = answer.reusable && whole && !ends && wanted;
        if reusable {
            connection.phase = Phase::Idle;
            connection.reused = true;
        } else if let Some(transport) = connection.vacate() {
            self.leave(transport, now);
        }
        self.connections[place].free_since = self.awake.could_see();
        // The next request is written after all answers of this wake-up are read, see `dispatch`.
        if reusable {
            self.idle.push_back(place as u32);
        } else {
            self.vacant.push(place as u32);
        }
    }

    /// The request of a place has failed, and its connection is given up.
    pub(super) fn fail(&mut self, place: usize, kind: Failure) {
        let now = clock::now();
        if !self.connections[place].loaded {
            self.tally.unopened += 1;
            return self.rest(place, now);
        }
        self.in_flight -= 1;
        let connection = &mut self.connections[place];
        let measured = connection.due >= self.measure_from;
        let counts = if measured { &mut self.tally.counts } else { &mut self.tally.warm_up };
        counts.failed[kind as usize] += 1;
        if measured && kind == Failure::Timeout {
            self.tally.response.saturating_record(now - connection.due);
            if connection.written > 0 {
                self.tally.service.saturating_record(now - connection.written);
            }
        }
        let unconnected = matches!(connection.phase, Phase::Resolving | Phase::Connecting | Phase::Handshaking);
        if unconnected && !self.open_loop {
            // A closed loop would try again at once, as fast as the processor can.
            return self.rest(place, now);
        }
        connection.vacate();
        connection.free_since = self.awake.could_see();
        self.vacant.push(place as u32);
    }

    /// Leaves a place alone for a while after it could not be connected, longer each time.
    fn rest(&mut self, place: usize, now: u64) {
        let connection = &mut self.connections[place];
        connection.vacate();
        connection.free_since = self.awake.could_see();
        let rest = FIRST_REST.saturating_mul(1 << connection.misses.min(10)).min(LONGEST_REST);
        connection.misses += 1;
        self.resting.push((now + rest, place as u32));
    }

    /// A free connection was closed by the server, or sent something unasked.
    pub(super) fn idle_event(&mut self, place: usize) {
        let Some(transport) = &mut self.connections[place].transport else {
            return;
        };
        if transport.receive(&mut self.buffer) == Ok(Received::Nothing) {
            return;
        }
        self.connections[place].vacate();
        self.idle.retain(|&idle| idle as usize != place);
        self.vacant.push(place as u32);
    }

    /// Hands over what was counted, and goes on to the interval that a time is in. What comes after the measured time has
    /// a number of its own, beyond those of all intervals: it says nothing of how much was done in any of them.
    pub(super) fn next_piece(&mut self, now: u64) {
        self.hand_over(now);
        let interval = clock::nanos(self.shared.config.interval);
        self.piece = if now < self.end {
            let piece = (now - self.measure_from) / interval;
            (piece, self.end.min(self.measure_from + (piece + 1) * interval))
        } else {
            (timeline::beyond((self.end - self.measure_from).div_ceil(interval)), u64::MAX)
        };
    }

    /// Fails what takes too long.
    pub(super) fn time_out(&mut self, now: u64) {
        let timeout = clock::nanos(self.shared.config.timeout);
        for place in 0..self.connections.len() {
            let connection = &self.connections[place];
            if connection.busy() && now.saturating_sub(connection.begun) >= timeout {
                self.fail(place, Failure::Timeout);
            }
        }
    }

    /// What is looked at from time to time: time-outs, ages, rests, sockets that linger.
    pub(super) fn tick(&mut self, now: u64) {
        self.time_out(now);
        if self.max_age < u64::MAX {
            self.retire(now);
        }
        if self.shared.config.opening == Opening::UpFront {
            self.open_vacant(now);
        }
        if !self.resting.is_empty() {
            let vacant = &mut self.vacant;
            self.resting.retain(|&(until, place)| {
                let rests = until > now;
                if !rests {
                    vacant.push(place);
                }
                rests
            });
        }
        if !self.leaving.is_empty() {
            self.leaving.retain(|(until, _)| *until > now);
        }
    }

    /// Closes free connections that are too old.
    fn retire(&mut self, now: u64) {
        let (connections, vacant, max_age) = (&mut self.connections, &mut self.vacant, self.max_age);
        self.idle.retain(|&place| {
            let aged = connections[place as usize].aged(now, max_age);
            if aged {
                connections[place as usize].vacate();
                vacant.push(place);
            }
            !aged
        });
    }

    /// Gives what was counted so far to whoever collects it.
    fn hand_over(&mut self, now: u64) {
        let (before, slept) = std::mem::replace(&mut self.handed_over, (now, self.awake.asleep));
        self.tally.watched = now.saturating_sub(before);
        self.tally.asleep = self.awake.asleep - slept;
        let tally = std::mem::replace(&mut self.tally, self.shared.spare());
        // Nobody listens any more only when the run has failed; then nothing is lost.
        let piece = Piece { index: self.piece.0, tally, due: self.due.take() };
        let _ = self.messages.send(Message::Piece(Box::new(piece)));
    }

    /// Accounts for what has no outcome at the end.
    pub(super) fn finish(mut self, now: u64, done: bool) -> Finish {
        let cut = if now < self.end && !done { now } else { self.end };
        if now >= self.piece.1 {
            self.next_piece(now);
        }
        for connection in self.connections.iter().filter(|connection| connection.loaded) {
            let measured = connection.due >= self.measure_from;
            let counts: &mut Counts = if measured { &mut self.tally.counts } else { &mut self.tally.warm_up };
            counts.unfinished += 1;
            if measured {
                self.tally.response.saturating_record(now - connection.due);
                if connection.written > 0 {
                    self.tally.service.saturating_record(now - connection.written);
                }
            }
        }
        self.source.stop(cut);
        if self.open_loop {
            while let Some(due) = self.source.take(now) {
                let measured = due >= self.measure_from;
                let counts = if measured { &mut self.tally.counts } else { &mut self.tally.warm_up };
                counts.due += 1;
                counts.unfinished += 1;
                if measured {
                    self.due.count(due);
                    self.tally.unsent += 1;
                    self.tally.waited += 1;
                    self.tally.response.saturating_record(now - due);
                }
            }
        }
        self.hand_over(now);
        Finish {
            at: now,
            complete: done,
            last_answer: self.last_answer,
            cpu: clock::thread_cpu(),
            starved: self.starved.map_or(0, |before| clock::thread_starved().saturating_sub(before)),
            awake: self.awake,
            usage: self.usage,
        }
    }
}
