//! The steps of a run, one after the other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::platform::{Error, Placed, Platform};
use crate::result::{Estimate, Placement, Sample, Step};
use crate::theory;
use crate::track::Track;

use super::pace::Pace;
use super::probes::Probes;
use super::watch::Stopped;
use super::{Outlook, Plan, Watcher};

/// A run under way.
pub struct Run<'a, P, W> {
    pub platform: &'a mut P,
    pub watcher: &'a mut W,
    pub pace: &'a mut Pace,
    pub stop: CancellationToken,
    pub plan: &'a Plan,
    pub began: Instant,
    pub track: Track,
    pub timeline: Vec<Sample>,
    pub probes: Probes,
}

/// The step under way: its number of replicas, and which of how many it is.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub replicas: u32,
    step: usize,
    steps: usize,
}

impl Place {
    pub fn outlook(self, left: Duration) -> Outlook {
        Outlook { step: self.step, steps: self.steps, left }
    }
}

impl<P: Platform, W: Watcher> Run<'_, P, W> {
    /// The steps that were finished, and what ended the run early.
    pub async fn all_steps(&mut self) -> (Vec<Step>, Option<Error>) {
        let settings = &self.plan.settings;
        let mut steps = Vec::new();
        for repeat in 1..=settings.repeats {
            for count in &settings.replicas {
                let place = Place { replicas: *count, step: steps.len() + 1, steps: settings.steps() };
                match self.step(repeat, place).await {
                    Ok(Some(step)) => {
                        self.watcher.step(&step, settings);
                        steps.push(step);
                    }
                    Ok(None) => return (steps, None),
                    Err(error) => {
                        tracing::error!("{error}");
                        return (steps, Some(error));
                    }
                }
                self.pace.step_done();
            }
        }
        (steps, None)
    }

    /// One step; `None` where it was stopped.
    async fn step(&mut self, repeat: u32, place: Place) -> Result<Option<Step>, Error> {
        let settings = &self.plan.settings;
        let replicas = settings.replicas_at(place.replicas);
        let asked = Instant::now();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(None),
            scaled = self.platform.scale(&replicas) => scaled?,
        }
        let converged_s = asked.elapsed().as_secs_f64();
        self.track.forget(asked);
        self.probes.reset();
        let Ok(steady) = self.settle(place).await else { return Ok(None) };
        self.probes.reset();
        let seen = match self.measure(place, steady).await {
            Ok(seen) => seen,
            Err(Stopped) => return Ok(None),
        };
        let (from, to) = (seen.from, seen.to);
        let cores = self.track.cores(from, to);
        let placement = self.platform.placement().await?;
        let seconds = |moment: Instant| (moment - self.began).as_secs_f64();
        let mut notes = seen.notes;
        let hashes_per_second = seen.hashes_per_second.unwrap_or_else(|| {
            notes.push("The ledger could not be read, so there is no rate.".to_owned());
            Estimate { value: 0.0, low: 0.0, high: 0.0 }
        });
        let expected = theory::expect(settings, &replicas);
        let (mut utilisation, mut queue) = (BTreeMap::new(), BTreeMap::new());
        for service in self.track.services() {
            if let Some((busy, waiting)) = self.track.load(&service, from, to) {
                utilisation.extend(busy.map(|busy| (service.clone(), busy)));
                let probes = seen.probed.waiting(&service);
                queue.insert(service, (waiting - probes).max(0.0));
            }
        }
        Ok(Some(Step {
            workers: replicas.get("worker").copied().unwrap_or_default(),
            replicas,
            repeat,
            from_s: seconds(from),
            to_s: seconds(to),
            converged_s,
            steady: seen.steady,
            hashes_per_second,
            theory_hashes_per_second: expected.as_ref().map(|expected| expected.constant.throughput),
            mva_hashes_per_second: expected.as_ref().map(|expected| expected.random.throughput),
            loop_time: self.track.loop_times(from, to),
            probe_histograms: seen.probed.histograms(),
            probes: seen.probed.latencies(),
            utilisation,
            queue,
            cpu_cores: cores.iter().map(|(name, replicas)| (name.clone(), replicas.values().sum())).collect(),
            placement: placement.into_iter().map(|placed| with_cores(placed, &cores)).collect(),
            recovered_s: seen.recovered_s,
            notes,
        }))
    }
}

/// A task with the processor time that it used.
fn with_cores(placed: Placed, cores: &BTreeMap<String, BTreeMap<String, f64>>) -> Placement {
    Placement {
        cpu_cores: placed.replica.and_then(|replica| cores.get(&placed.service)?.get(&replica).copied()),
        service: placed.service,
        task: placed.task,
        node: placed.node,
    }
}
