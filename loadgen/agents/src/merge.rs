//! What all agents counted, added up.

use std::time::{Duration, SystemTime};

use instrument::report::{Generator, Report};
use instrument::tally::Tally;
use instrument::timeline::Timeline;
use instrument::usage::{AddressUse, Usage};
use instrument::{Interval, Observer};

use crate::counted::Counted;
use crate::message::Finished;
use crate::result::Part;

/// What a run of several agents found.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// All of it as one run. Where a part is missing, the reasons why the generator was the limit say so.
    pub report: Report,
    /// Agent by agent.
    pub parts: Vec<Part>,
}

/// The requests of one agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// Became due.
    pub due: u64,
    /// Were answered.
    pub done: u64,
    /// Failed.
    pub failed: u64,
    /// Had no outcome when the run ended.
    pub unfinished: u64,
    /// Begun in the warm-up, and not over yet.
    warm: u64,
}

impl Requests {
    /// Without an outcome yet.
    fn open(&self) -> u64 {
        self.due.saturating_sub(self.done + self.failed + self.unfinished)
    }
}

/// Adds up what agents hand over. Its memory does not grow with the number of intervals.
pub struct Merge {
    total: Tally,
    /// One interval of one agent, as the observer sees it.
    scratch: Tally,
    timeline: Timeline,
    agents: Vec<Requests>,
}

impl Merge {
    /// For so many agents.
    pub fn new(agents: usize) -> Self {
        Merge {
            total: Tally::default(),
            scratch: Tally::default(),
            timeline: Timeline::new(),
            agents: vec![Requests::default(); agents],
        }
    }

    /// Adds what a thread of an agent counted in an interval.
    pub fn add(&mut self, agent: usize, index: u64, counted: &Counted, observer: &mut dyn Observer) {
        counted.write(&mut self.scratch);
        let (scratch, requests) = (&self.scratch, &mut self.agents[agent]);
        requests.due += scratch.counts.due;
        requests.done += scratch.counts.done;
        requests.failed += scratch.counts.failures();
        requests.unfinished += scratch.counts.unfinished;
        let warm = &scratch.warm_up;
        requests.warm = (requests.warm + warm.due).saturating_sub(warm.done + warm.failures() + warm.unfinished);
        self.total.add(scratch);
        self.timeline.add(index, scratch, &counted.due);
        observer.interval(&Interval {
            index,
            tally: scratch,
            total: &self.total,
            timeline: &self.timeline,
            due: &counted.due,
        });
    }

    /// The requests of an agent until now.
    pub fn requests(&self, agent: usize) -> Requests {
        self.agents[agent]
    }

    /// An agent is gone: what became of the requests that it had under way will never be known. They count as unfinished,
    /// so that every request has exactly one outcome. Gives their number.
    pub fn lose(&mut self, agent: usize) -> u64 {
        let requests = &mut self.agents[agent];
        let open = requests.open();
        requests.unfinished += open;
        self.total.counts.unfinished += open;
        self.total.warm_up.unfinished += std::mem::take(&mut requests.warm);
        open
    }

    /// The whole, as one report.
    pub fn report(
        self,
        started: SystemTime,
        open_loop: bool,
        interval: Duration,
        agents: &[Option<Finished>],
    ) -> Report {
        let finished = || agents.iter().flatten();
        let sum = |of: fn(&Finished) -> u64| Duration::from_nanos(finished().map(of).sum());
        let threads: u64 = finished().map(|f| u64::from(f.threads)).sum();
        let busy: f64 = finished().map(|f| f.busy * f64::from(f.threads)).sum();
        let longest = finished().filter_map(|f| f.longest_pause).max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
        let mut usage = Usage::default();
        for agent in finished() {
            let entry = |&(address, connections, answers)| AddressUse { address, connections, answers };
            usage.add(&Usage { busiest: agent.busiest, addresses: agent.addresses.iter().map(entry).collect() });
        }
        Report {
            started,
            elapsed: Duration::from_nanos(finished().map(|f| f.elapsed).max().unwrap_or(0)),
            interrupted: finished().any(|f| f.interrupted),
            open_loop,
            total: self.total,
            timeline: self.timeline,
            interval,
            usage,
            generator: Generator {
                threads: threads as usize,
                cpu: sum(|f| f.cpu),
                busy: busy / threads.max(1) as f64,
                starved: sum(|f| f.times[3]),
                backlog: sum(|f| f.times[0]),
                backlog_asleep: sum(|f| f.times[1]),
                paused: sum(|f| f.times[2]),
                pauses: finished().map(|f| f.pauses).sum(),
                longest_pause: longest,
                limits: Vec::new(),
            },
        }
    }
}
