//! The coordinator: several agents that run one plan.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use instrument::config::{Config, Load, Opening};
use instrument::machine::Machine;
use instrument::schedule::Schedule;
use instrument::segment::Segment;
use instrument::{Observer, report};

use crate::link::{Link, Receiving, Sending};
use crate::member::{Event, Member, Refused};
use crate::merge::{Merge, Outcome};
use crate::message::{Answer, Finished, Order};
use crate::newcomers::Newcomers;
use crate::plan::{BadPlan, Plan};
use crate::reach::connect;
use crate::result::Part;
use crate::{BEAT, Offset, Token, clock};

/// How long an agent may take for a connection, and to get ready.
const READY: Duration = Duration::from_secs(10);

/// Questions about the time to each agent; the best answer counts.
const QUESTIONS: usize = 8;

/// Between the order to begin and the begin.
const LEAD: Duration = Duration::from_millis(300);

/// Time for each connection that is to be opened before the begin.
const LEAD_PER_CONNECTION: Duration = Duration::from_millis(1);

/// An agent that was told to end, or whose plan is over, has to finish in this time.
const FINISH: Duration = Duration::from_secs(5);

/// A plan with more requests than this is not counted out to say how many are missing.
const COUNTABLE: usize = 50_000_000;

/// Why agents cannot run a plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An agent cannot be used.
    #[error("agent {address}: {reason}")]
    Agent {
        /// Where it is.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// Not all of them came.
    #[error("only {came} of {wanted} agents came within {} s", .within.as_secs())]
    Few {
        /// How many came.
        came: usize,
        /// How many were to come.
        wanted: usize,
        /// How long was waited.
        within: Duration,
    },
    /// The plan cannot be shared out.
    #[error(transparent)]
    Plan(#[from] BadPlan),
    /// The configuration is contradictory.
    #[error(transparent)]
    Config(#[from] instrument::config::BadConfig),
    /// All agents failed.
    #[error("no agent could do its part: {0}")]
    Nothing(String),
    /// Somebody ended it before it began.
    #[error("ended before it began")]
    Interrupted,
    /// The system refused something.
    #[error("the system refused what the coordinator needs: {0}")]
    System(#[from] std::io::Error),
}

/// Several agents that obey one coordinator: this process. They are told to quit when the value goes away.
pub struct Fleet {
    members: Vec<Member>,
    events: Receiver<(usize, Event)>,
    hand_in: SyncSender<(usize, Event)>,
    /// Where each agent is asked whether it is there, for as long as this lives.
    beats: Arc<Mutex<Vec<Sending>>>,
}

impl Fleet {
    fn new(wanted: usize) -> std::io::Result<Self> {
        // Bounded, so that agents wait rather than fill this machine's memory.
        let (hand_in, events) = sync_channel(4 * wanted.max(1));
        let beats = Arc::default();
        thread::Builder::new().name("beats".to_owned()).spawn({
            let beats = Arc::downgrade(&beats);
            move || beat(&beats)
        })?;
        Ok(Fleet { members: Vec::new(), events, hand_in, beats })
    }

    /// Goes to agents that wait on a port.
    ///
    /// # Errors
    /// When one of them cannot be reached, is busy or does not have the token.
    pub fn dial(addresses: &[String], token: &Token) -> Result<Fleet, Error> {
        let mut fleet = Fleet::new(addresses.len())?;
        for address in addresses {
            let refuse = |reason: String| Error::Agent { address: address.clone(), reason };
            let stream = connect(address, READY).map_err(|error| refuse(error.to_string()))?;
            let link = Link::of_coordinator(stream, token).map_err(|error| refuse(error.to_string()))?;
            let (mut member, receiving) = Member::greet(link).map_err(|error| refuse(error.to_string()))?;
            member.address.clone_from(address);
            fleet.admit(member, receiving)?;
        }
        Ok(fleet)
    }

    /// Waits for agents that come by themselves, as [`crate::join`] makes them. Whoever does not have the token is sent
    /// away.
    ///
    /// # Errors
    /// When fewer than wanted come in time.
    pub fn gather(
        listener: &TcpListener,
        wanted: usize,
        token: &Token,
        within: Duration,
        stop: &AtomicBool,
        tell: &mut dyn FnMut(usize),
    ) -> Result<Fleet, Error> {
        let (mut fleet, token) = (Fleet::new(wanted)?, token.clone());
        let newcomers = Newcomers::new(listener, wanted, move |stream| {
            Link::of_coordinator(stream, &token).map_err(Refused::Link).and_then(Member::greet).ok()
        })?;
        let begun = Instant::now();
        while fleet.members.len() < wanted {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            if begun.elapsed() > within {
                return Err(Error::Few { came: fleet.members.len(), wanted, within });
            }
            if let Some((member, receiving)) = newcomers.take()? {
                fleet.admit(member, receiving)?;
                tell(fleet.members.len());
            }
        }
        Ok(fleet)
    }

    fn admit(&mut self, member: Member, receiving: Receiving) -> std::io::Result<()> {
        Member::listen(self.members.len(), receiving, self.hand_in.clone())?;
        self.beats.lock().unwrap_or_else(PoisonError::into_inner).push(member.sending.clone());
        self.members.push(member);
        Ok(())
    }

    /// How many agents there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Where each agent is, its machine, and its clock as it was measured last.
    pub fn agents(&self) -> impl Iterator<Item = (&str, &Machine, Option<Offset>)> {
        self.members.iter().map(|member| (member.address.as_str(), &member.machine, member.offset))
    }

    /// Threads of all agents together that will hand over each interval of a plan.
    pub fn threads(&self, config: &Config) -> usize {
        let (agents, all) = (self.members.len(), config.connections);
        (0..agents).map(|index| config.threads.min(all / agents + usize::from(index < all % agents))).sum()
    }

    /// Runs a plan as [`instrument::run`] does, with all agents.
    ///
    /// # Errors
    /// When the plan cannot be shared out, an agent refuses it or is lost before it begins, or all of them fail.
    pub fn run(&mut self, config: &Config, stop: &AtomicBool, observer: &mut dyn Observer) -> Result<Outcome, Error> {
        config.check()?;
        let agents = self.members.len() as u64;
        let plans = (0..agents).map(|index| Plan::part(config, index, agents)).collect::<Result<Vec<_>, _>>()?;
        for member in self.members.iter_mut().filter(|member| member.stays) {
            (member.lost, member.stays) = (None, false);
        }
        self.whole()?;
        self.measure_clocks()?;
        for (member, plan) in self.members.iter_mut().zip(plans) {
            member.order(&Order::Prepare(Box::new(plan)));
        }
        self.collect(|answer| match answer {
            Answer::Ready => Ok(true),
            Answer::Failed(reason) => Err(reason.clone()),
            _ => Ok(false),
        })?;
        let connections = match config.opening {
            Opening::UpFront => config.connections as u32 / agents as u32,
            Opening::AsNeeded => 0,
        };
        let farthest = self.members.iter().filter_map(|member| member.offset).map(|offset| offset.error).max();
        let way = Duration::from_nanos(4 * farthest.unwrap_or(0));
        let lead = LEAD + way + (LEAD_PER_CONNECTION * connections).min(READY);
        let begin = clock::now() + lead.as_nanos() as u64;
        for member in &mut self.members {
            let at = member.offset.map_or(begin, |offset| offset.there(begin));
            member.order(&Order::Begin { at });
        }
        observer.started(clock::moment(begin) + config.warm_up);
        Run::new(self, config, begin).finish(stop, observer)
    }

    /// Fails where an agent is lost already.
    fn whole(&mut self) -> Result<(), Error> {
        while let Ok((index, event)) = self.events.try_recv() {
            if let Event::Gone(reason) = event {
                self.members[index].lose(reason);
            }
        }
        self.whole_members()
    }

    fn measure_clocks(&mut self) -> Result<(), Error> {
        for member in &mut self.members {
            member.offset = None;
        }
        for _ in 0..QUESTIONS {
            for member in &mut self.members {
                member.order(&Order::Time { sent: clock::now() });
            }
            self.collect(|answer| Ok(matches!(answer, Answer::Time { .. })))?;
        }
        Ok(())
    }

    /// Waits until every agent has given the answer that is wanted.
    fn collect(&mut self, mut wanted: impl FnMut(&Answer) -> Result<bool, String>) -> Result<(), Error> {
        let until = Instant::now() + READY;
        let mut given = vec![false; self.members.len()];
        while !given.iter().all(|given| *given) {
            self.whole_members()?;
            let event = self.events.recv_timeout(until.saturating_duration_since(Instant::now()));
            let (index, event) = match event {
                Ok(event) => event,
                Err(_) => {
                    let silent = given.iter().position(|given| !given).unwrap_or(0);
                    let reason = format!("it did not answer within {} s", READY.as_secs());
                    return Err(Error::Agent { address: self.members[silent].address.clone(), reason });
                }
            };
            let member = &mut self.members[index];
            match event {
                Event::Answer(answer, received) => {
                    member.take_time(&answer, received);
                    let refuse = |reason| Error::Agent { address: member.address.clone(), reason };
                    given[index] |= wanted(&answer).map_err(refuse)?;
                }
                Event::Gone(reason) => member.lose(reason),
            }
        }
        self.whole_members()
    }

    fn whole_members(&self) -> Result<(), Error> {
        match self.members.iter().find_map(|member| Some((&member.address, member.lost.as_ref()?))) {
            Some((address, reason)) => Err(Error::Agent { address: address.clone(), reason: reason.clone() }),
            None => Ok(()),
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for member in &mut self.members {
            member.order(&Order::Quit);
            member.sending.close();
        }
    }
}

impl Member {
    /// Learns from an answer about the time.
    fn take_time(&mut self, answer: &Answer, received: u64) {
        if let Answer::Time { sent, now } = *answer {
            self.offset = Some(Offset::of(sent, received, now).better(self.offset));
        }
    }
}

/// Says to each agent that its coordinator is there, and hears from it so that it is: between two runs, and while others are
/// still to come, there is nothing else to say.
fn beat(beats: &Weak<Mutex<Vec<Sending>>>) {
    while let Some(agents) = beats.upgrade() {
        let agents = agents.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // One that does not take it is lost, and whoever listens to it says so.
        agents.iter().for_each(|agent| drop(agent.send(&Order::Beat)));
        thread::park_timeout(BEAT);
    }
}

/// A run that is under way.
struct Run<'a> {
    fleet: &'a mut Fleet,
    config: &'a Config,
    /// When it began, by this machine's clock.
    begin: u64,
    merge: Merge,
    finished: Vec<Option<Finished>>,
    /// When an agent was lost, in seconds from the begin of the measuring, and its requests without a known outcome.
    lost: Vec<Option<(f64, u64)>>,
}

impl<'a> Run<'a> {
    fn new(fleet: &'a mut Fleet, config: &'a Config, begin: u64) -> Self {
        let agents = fleet.members.len();
        Run { fleet, config, begin, merge: Merge::new(agents), finished: vec![None; agents], lost: vec![None; agents] }
    }

    fn finish(mut self, stop: &AtomicBool, observer: &mut dyn Observer) -> Result<Outcome, Error> {
        let lead = Duration::from_nanos(self.begin.saturating_sub(clock::now()));
        let planned = self.config.seconds().map(|seconds| {
            let length = Duration::from_secs_f64(seconds) + self.config.warm_up + self.config.drain;
            Instant::now() + lead + length + FINISH
        });
        let (mut until, mut asked) = (planned, Instant::now());
        let mut stopped = false;
        while !self.over() {
            if stop.load(Ordering::Relaxed) && !stopped {
                stopped = true;
                until = Some(Instant::now() + FINISH);
                self.order_all(|| Order::Stop);
            }
            if asked.elapsed() >= BEAT {
                asked = Instant::now();
                self.order_all(|| Order::Time { sent: clock::now() });
            }
            match self.fleet.events.recv_timeout(Duration::from_millis(100)) {
                Ok((index, event)) => self.take(index, event, observer),
                Err(RecvTimeoutError::Timeout) => observer.waiting(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let late = until.is_some_and(|until| Instant::now() > until);
            for index in 0..self.finished.len() {
                if late && self.finished[index].is_none() {
                    self.fleet.members[index].lose("it did not finish in time".to_owned());
                }
                self.note_loss(index);
            }
        }
        self.outcome()
    }

    fn order_all(&mut self, order: impl Fn() -> Order) {
        for member in &mut self.fleet.members {
            member.order(&order());
        }
    }

    /// Whether nothing more is to come from anybody.
    fn over(&self) -> bool {
        self.finished
            .iter()
            .zip(&self.fleet.members)
            .all(|(finished, member)| finished.is_some() || member.lost.is_some())
    }

    fn take(&mut self, index: usize, event: Event, observer: &mut dyn Observer) {
        let member = &mut self.fleet.members[index];
        match event {
            Event::Gone(_) if member.lost.is_some() => member.stays = false,
            // What comes from an agent that was given up is not counted: its part was closed.
            _ if member.lost.is_some() => {}
            Event::Gone(reason) if self.finished[index].is_none() => member.lose(reason),
            // It did all that it had to do; the next run will miss it.
            Event::Gone(reason) => member.lost = Some(reason),
            Event::Answer(answer, received) => {
                member.take_time(&answer, received);
                match answer {
                    Answer::Interval { index: interval, counted } => {
                        self.merge.add(index, interval, &counted, observer)
                    }
                    Answer::Finished(finished) => {
                        let counted = self.merge.requests(index).due;
                        if finished.due == counted {
                            self.finished[index] = Some(*finished);
                        } else {
                            member.lose(format!("{} of its requests came here of {}", counted, finished.due));
                        }
                    }
                    Answer::Failed(reason) => {
                        (member.lost, member.stays) = (Some(reason), true);
                    }
                    Answer::Hello(_) | Answer::Busy | Answer::Time { .. } | Answer::Ready | Answer::Beat => {}
                }
            }
        }
    }

    /// Closes the part of an agent that was lost in the run.
    fn note_loss(&mut self, index: usize) {
        if self.fleet.members[index].lost.is_some() && self.finished[index].is_none() && self.lost[index].is_none() {
            let measured = clock::now() as f64 - self.begin as f64 - self.config.warm_up.as_nanos() as f64;
            self.lost[index] = Some((measured / 1e9, self.merge.lose(index)));
        }
    }

    fn outcome(mut self) -> Result<Outcome, Error> {
        for index in 0..self.lost.len() {
            self.note_loss(index);
        }
        if self.finished.iter().all(Option::is_none) {
            let reason = self
                .fleet
                .members
                .iter()
                .find_map(|member| Some(format!("{}: {}", member.address, member.lost.as_ref()?)));
            return Err(Error::Nothing(reason.unwrap_or_default()));
        }
        let started = clock::moment(self.begin) + self.config.warm_up;
        let open_loop = !matches!(self.config.load, Load::Closed);
        let parts: Vec<Part> = (0..self.lost.len()).map(|index| self.part(index)).collect();
        let mut limits = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            if let (Some(reason), Some((at, open))) = (&part.lost, self.lost[index]) {
                let missing = part
                    .missing
                    .map_or(String::new(), |missing| format!("{missing} of its requests were never sent, and "));
                limits.push(format!(
                    "the part of agent {} ({}) is missing from {at:.1} s on ({reason}): {missing}what became of {open} is not known",
                    part.agent, part.node
                ));
            }
            let own = self.finished[index].iter().flat_map(|finished| &finished.limits);
            limits.extend(own.map(|limit| format!("agent {} ({}): {limit}", part.agent, part.node)));
        }
        let mut report: report::Report = self.merge.report(started, open_loop, self.config.interval, &self.finished);
        report.generator.limits = limits;
        Ok(Outcome { report, parts })
    }

    fn part(&self, index: usize) -> Part {
        let (member, requests) = (&self.fleet.members[index], self.merge.requests(index));
        let finished = self.finished[index].as_ref();
        let offset = member.offset.unwrap_or(Offset { nanos: 0, error: u64::MAX });
        let lost = self.lost[index].and(member.lost.clone());
        let seconds = match (finished, self.lost[index]) {
            (Some(finished), _) => finished.elapsed as f64 / 1e9,
            (None, Some((at, _))) => at,
            (None, None) => 0.0,
        };
        let slip = finished.and_then(|finished| finished.slip);
        let millis = |nanos: u64| nanos as f64 / 1e6;
        Part {
            agent: member.address.clone(),
            node: member.machine.hostname.clone(),
            cpus: member.machine.cpus,
            clock_offset_ms: offset.nanos as f64 / 1e6,
            clock_error_ms: millis(offset.error),
            due: requests.due,
            done: requests.done,
            failed: requests.failed,
            unfinished: requests.unfinished,
            answered_per_second: requests.done as f64 / seconds.max(1e-9),
            slip_p99_ms: slip.and_then(|(p99, _)| p99).map(millis),
            slip_max_ms: slip.map(|(_, max)| millis(max)),
            cpu_s: finished.map(|finished| finished.cpu as f64 / 1e9),
            busy: finished.map(|finished| finished.busy),
            missing: lost
                .as_ref()
                .and_then(|_| self.planned(index))
                .map(|planned| planned.saturating_sub(requests.due)),
            lost,
        }
    }

    /// How many requests the plan has for an agent; nothing where that is not known or too many to be counted.
    fn planned(&self, index: usize) -> Option<u64> {
        let Load::Open { stages, arrivals, seed } = &self.config.load else { return None };
        // Without an end the plan is so many requests.
        let seconds = self.config.seconds().or(self.config.requests.map(|_| f64::INFINITY));
        let end = seconds? * 1e9;
        let segment = Segment::new(index as u64, self.lost.len() as u64)?;
        let schedule =
            Schedule::segment(stages, *arrivals, *seed, segment).limited(self.config.requests.unwrap_or(u64::MAX));
        let counted = schedule.take(COUNTABLE).take_while(|due| (*due as f64) < end).count();
        (counted < COUNTABLE).then_some(counted as u64)
    }
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
