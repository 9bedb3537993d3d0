//! The steps of a run, one after the other.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::driver::{Driver, Moment};
use crate::platform::{Error, Placed, Platform};
use crate::result::{Placement, Sample, Step};
use crate::theory;

use super::pace::Pace;
use super::{Outlook, Plan, Watcher};

/// So often is a step measured at most, where the load generator was the limit because it stood still. What disturbed it may
/// be gone the next time; what was measured does not decide.
const TRIES: usize = 3;

/// A run under way.
pub struct Run<'a, P, D> {
    pub platform: &'a mut P,
    pub driver: &'a mut D,
    pub watcher: &'a mut dyn Watcher,
    pub pace: &'a mut Pace,
    pub stop: CancellationToken,
    pub plan: &'a Plan,
    pub began: Instant,
    pub timeline: Vec<Sample>,
}

impl<P: Platform, D: Driver<P>> Run<'_, P, D> {
    /// The steps that were finished, and what ended the run early.
    pub async fn all_steps(&mut self) -> (Vec<Step>, Option<Error>) {
        let settings = &self.plan.settings;
        let mut steps = Vec::new();
        for repeat in 1..=settings.repeats {
            for count in &settings.replicas {
                match self.step(repeat, *count, steps.len() + 1).await {
                    Ok(Some(step)) => {
                        self.watcher.step(&step, settings);
                        steps.push(step);
                    }
                    Ok(None) => return (steps, None),
                    Err(error) => return (steps, Some(error)),
                }
                self.pace.step_done();
            }
        }
        (steps, None)
    }

    /// One step; `None` where it was stopped.
    async fn step(&mut self, repeat: u32, swept: u32, number: usize) -> Result<Option<Step>, Error> {
        let settings = &self.plan.settings;
        let replicas = settings.replicas_at(swept);
        let asked = Instant::now();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(None),
            scaled = self.platform.scale(&replicas) => scaled?,
        }
        let converged_s = asked.elapsed().as_secs_f64();
        let outlook = Outlook { step: number, steps: settings.steps(), left: self.pace.left() };
        let mut moment = Moment {
            settings,
            replicas: &replicas,
            asked,
            stop: &self.stop,
            outlook,
            swept,
            began: self.began,
            left: &|| self.pace.left(),
            watcher: &mut *self.watcher,
            timeline: &mut self.timeline,
        };
        let mut disturbed = Vec::new();
        let measured = loop {
            let Some(mut measured) = self.driver.step(self.platform, &mut moment).await? else { return Ok(None) };
            let again = measured.generator_stood_still && disturbed.len() + 1 < TRIES;
            let Some(why) = measured.generator_limit.take_if(|_| again) else { break measured };
            disturbed.push(why);
        };
        let placement = self.platform.placement().await?;
        let seconds = |moment: Instant| (moment - self.began).as_secs_f64();
        // A step without a rate is none: nothing is not 0.
        let throughput = measured.throughput.ok_or_else(|| {
            let notes: String = measured.notes.iter().map(|note| format!("\n  {note}")).collect();
            let of = crate::format::replicas(swept, &settings.scaled);
            Error(format!("what was done with {of} could not be read, so there is no throughput{notes}"))
        })?;
        let expected = theory::expect(settings, &replicas);
        let cores = &measured.cores;
        Ok(Some(Step {
            repeat,
            from_s: seconds(measured.from),
            to_s: seconds(measured.to),
            converged_s,
            steady: measured.steady,
            throughput,
            theory: expected.as_ref().map(|expected| expected.constant.throughput),
            mva: expected.as_ref().map(|expected| expected.random.throughput),
            loop_time: measured.loop_time,
            probe_histograms: measured.probe_histograms,
            probes: measured.probes,
            utilisation: measured.utilisation,
            queue: measured.queue,
            cpu_cores: cores.iter().map(|(name, replicas)| (name.clone(), replicas.values().sum())).collect(),
            cpu_starved: measured.starved,
            placement: placement.into_iter().map(|placed| with_usage(placed, cores, &measured.memory)).collect(),
            node_busy: measured.node_busy,
            shares: measured.shares,
            generator_limit: measured.generator_limit,
            recovered_s: measured.recovered_s,
            replicas,
            notes: measured.notes.into_iter().chain(note_of_tries(&disturbed)).collect(),
        }))
    }
}

/// That a step was measured again, and why.
fn note_of_tries(disturbed: &[String]) -> Option<String> {
    let why = disturbed.last()?;
    let times = if disturbed.len() == 1 { "once more" } else { "twice more" };
    Some(format!("It was measured {times}, as the load generator was disturbed ({why})."))
}

/// Something of each replica, by service.
type ByReplica<T> = BTreeMap<String, BTreeMap<String, T>>;

/// A task with what it used.
fn with_usage(placed: Placed, cores: &ByReplica<f64>, memory: &ByReplica<u64>) -> Placement {
    let replica = placed.replica.as_ref();
    Placement {
        cpu_cores: replica.and_then(|replica| cores.get(&placed.service)?.get(replica).copied()),
        memory_bytes: replica.and_then(|replica| memory.get(&placed.service)?.get(replica).copied()),
        service: placed.service,
        task: placed.task,
        node: placed.node,
    }
}
