//! Trials by the engine, in this process or by agents.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agents::{Failed, Sender};
use instrument::config::{Config, Load, Opening};
use instrument::schedule::Stage;
use instrument::timeline::quantile;

use crate::{Collector, Driver, Objective, Trial};

/// Requests are sent for this share of a trial before the measuring.
const WARM_UP: f64 = 0.2;

/// After a trial, its requests have so long to be answered.
const DRAIN: Duration = Duration::from_secs(2);

/// How long the queue of a trial may take to go away before the next one begins all the same.
const SETTLE: Duration = Duration::from_secs(30);

/// Requests of a probe, one after the other.
const PROBE: u64 = 5;

/// The queue is gone when a probe takes no longer than this, in terms of the shortest one yet and of itself.
const AS_BEFORE: (u32, Duration) = (3, Duration::from_millis(2));

/// Runs trials against a URL.
pub struct Trials<'a> {
    config: Config,
    sender: &'a mut Sender,
    stop: &'a AtomicBool,
    /// How long a request takes that meets no queue.
    alone: Option<Duration>,
}

impl<'a> Trials<'a> {
    /// Sends what the configuration says, at rates of its own.
    pub fn new(config: Config, sender: &'a mut Sender, stop: &'a AtomicBool) -> Self {
        Trials { config, sender, stop, alone: None }
    }

    /// The median of a few requests, one after the other, from this process; nothing where none was answered.
    fn probe(&self) -> Result<Option<Duration>, Failed> {
        let mut config = self.config.clone();
        config.load = Load::Closed;
        (config.connections, config.threads, config.requests) = (1, 1, Some(PROBE));
        config.duration = Some(SETTLE);
        config.opening = Opening::AsNeeded;
        let mut here = Sender::Here;
        let (report, _) = match &self.sender {
            Sender::Here => here.run(&config, self.stop, &mut ())?,
            // Where agents send, this process may not reach the service at all.
            Sender::Agents { .. } => return Ok(None),
        };
        Ok(quantile(&report.total.response, 0.5).map(Duration::from_nanos))
    }
}

impl Driver for Trials<'_> {
    type Error = Failed;

    fn trial(&mut self, rate: f64, length: Duration, objectives: &[Objective]) -> Result<Trial, Failed> {
        if self.alone.is_none() {
            self.alone = self.probe()?;
        }
        let mut config = self.config.clone();
        if let Load::Open { stages, .. } = &mut config.load {
            *stages = vec![Stage::constant(rate, length.as_secs_f64())];
        }
        config.duration = Some(length);
        config.warm_up = length.mul_f64(WARM_UP).min(Duration::from_secs(5));
        config.drain = DRAIN;
        config.interval = Collector::interval(length);
        let mut collector = Collector::new(objectives, length);
        let (report, _) = self.sender.run(&config, self.stop, &mut collector)?;
        Ok(Trial::of(collector, &report))
    }

    fn settle(&mut self) -> Result<(), Failed> {
        let Some(alone) = self.alone else { return Ok(()) };
        let begun = Instant::now();
        let (times, more) = AS_BEFORE;
        while begun.elapsed() < SETTLE && !self.stop.load(Ordering::Relaxed) {
            if self.probe()?.is_some_and(|probe| probe <= alone * times + more) {
                break;
            }
        }
        Ok(())
    }
}
