//! The experiment: for each number of replicas scale, wait until the rate is steady, measure, move on.

mod pace;
mod steps;

use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use self::pace::Pace;
pub use self::pace::{SETTLED_LOOPS, SHORTEST_MEASURE, SHORTEST_SETTLE, STEADY_PIECE};
use self::steps::Run;
use crate::driver::Driver;
use crate::grid::{self, Grid};
use crate::platform::{Error, Platform};
use crate::result::{SCHEMA, Sample, Settings, Step, Sweep, Verdict};
use crate::{format, laws, machine, verdict};

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The settings, as they go into the result. `scaled`, `replicas`, `set`, `measure_s`, `precision`, `settle_s` and
    /// `repeats` say what is done.
    pub settings: Settings,
    /// The program that measures, as `loadgen 0.1.0`.
    pub generator: String,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// The step under way, from 1.
    pub step: usize,
    /// How many steps there are; of a grid, in this row.
    pub steps: usize,
    /// How long the run will go on, all rows of a grid among it.
    pub left: Duration,
}

/// Told how a run goes on.
pub trait Watcher {
    /// A row of a grid begins: which of how many, and what it has, as `3 replicas of rng`.
    fn row(&mut self, row: usize, rows: usize, what: &str);
    /// A moment of the run: where it stands, and what was seen.
    fn sample(&mut self, outlook: Outlook, sample: &Sample);
    /// A step is done.
    fn step(&mut self, step: &Step, settings: &Settings);
    /// What ended the run early, after some steps were finished.
    fn trouble(&mut self, error: &Error);
}

/// One who does not look.
impl Watcher for () {
    fn row(&mut self, _: usize, _: usize, _: &str) {}

    fn sample(&mut self, _: Outlook, _: &Sample) {}

    fn step(&mut self, _: &Step, _: &Settings) {}

    fn trouble(&mut self, _: &Error) {}
}

/// Runs the experiment. A cancelled `stop` ends it early: the steps that were finished are in the result, and the platform is
/// left as it was found in any case.
///
/// A platform that could not be put back is told to `watcher`, and is in the result as what was measured is.
///
/// # Errors
/// The platform could not do what was asked before the first step was finished, or there is no step and it could not be put back.
pub async fn run<P: Platform, D: Driver<P>>(
    platform: &mut P,
    driver: &mut D,
    plan: &Plan,
    watcher: &mut dyn Watcher,
    stop: CancellationToken,
) -> Result<Sweep, Error> {
    let mut pace = Pace::new(all_steps(&plan.settings));
    let outcome = measure(platform, driver, plan, &mut pace, watcher, stop).await;
    let left = platform.restore().await.err();
    match (outcome, left) {
        (outcome, None) => outcome,
        (Err(error), Some(left)) => Err(both(&error, &left)),
        (Ok(sweep), Some(left)) if sweep.steps.is_empty() => Err(left),
        (Ok(sweep), Some(left)) => {
            watcher.trouble(&left);
            let trouble = sweep.trouble.map_or_else(|| left.to_string(), |error| both(&Error(error), &left).0);
            Ok(Sweep { trouble: Some(trouble), ..sweep })
        }
    }
}

/// What ended a run, and what could not be put back after it.
fn both(error: &Error, left: &Error) -> Error {
    Error(format!("{error}\n{left}"))
}

/// Runs the experiment once for each number of replicas of a second service. A cancelled `stop` ends it early: what was
/// finished is in the result, and the platform is left as it was found in any case.
///
/// # Errors
/// As for [`run`].
pub async fn run_grid<P: Platform, D: Driver<P>>(
    platform: &mut P,
    driver: &mut D,
    plan: &Plan,
    second: (&str, &[u32]),
    watcher: &mut dyn Watcher,
    stop: CancellationToken,
) -> Result<Grid, Error> {
    let (service, replicas) = second;
    let began = Instant::now();
    let mut rows: Vec<Sweep> = Vec::new();
    let mut trouble = None;
    let row = |count: &u32| {
        let mut plan = plan.clone();
        plan.settings.set.insert(service.to_owned(), *count);
        plan
    };
    let plans: Vec<Plan> = replicas.iter().map(row).collect();
    let mut pace = Pace::new(plans.iter().flat_map(|plan| all_steps(&plan.settings)));
    for (place, plan) in plans.iter().enumerate() {
        watcher.row(place + 1, replicas.len(), &format::replicas(replicas[place], service));
        match measure(platform, driver, plan, &mut pace, watcher, stop.clone()).await {
            Ok(sweep) => rows.push(sweep),
            Err(error) => trouble = Some(error),
        }
        if trouble.is_some() || rows.last().is_some_and(|row| row.interrupted) {
            break;
        }
    }
    // A row that was begun and has no step says nothing.
    rows.retain(|row| !row.steps.is_empty());
    let trouble = match (trouble, platform.restore().await.err()) {
        (Some(error), Some(left)) => Some(both(&error, &left)),
        (error, left) => error.or(left),
    };
    let trouble = match trouble {
        Some(error) if rows.is_empty() => return Err(error),
        trouble => trouble.inspect(|error| watcher.trouble(error)),
    };
    let in_a_row = || rows.iter().find_map(|row| row.trouble.clone());
    Ok(Grid {
        schema: grid::SCHEMA,
        service: service.to_owned(),
        replicas: replicas.to_vec(),
        took_s: began.elapsed().as_secs_f64(),
        interrupted: rows.len() < replicas.len() || rows.iter().any(|row| row.interrupted),
        trouble: trouble.map(|error| error.to_string()).or_else(in_a_row),
        rows,
    })
}

/// Every step with its replicas, in the order of the run.
fn all_steps(settings: &Settings) -> impl Iterator<Item = (&Settings, crate::platform::Replicas)> {
    (0..settings.repeats)
        .flat_map(move |_| settings.replicas.iter().map(move |count| (settings, settings.replicas_at(*count))))
}

async fn measure<P: Platform, D: Driver<P>>(
    platform: &mut P,
    driver: &mut D,
    plan: &Plan,
    pace: &mut Pace,
    watcher: &mut dyn Watcher,
    stop: CancellationToken,
) -> Result<Sweep, Error> {
    let mut settings = plan.settings.clone();
    let mut machine = machine::here();
    platform.describe(&mut settings, &mut machine).await?;
    let name = platform.name().to_owned();
    let started = humantime(SystemTime::now());
    let plan = Plan { settings, ..plan.clone() };
    driver.begin(platform)?;
    let began = Instant::now();
    let timeline = Vec::new();
    let mut run = Run { platform, driver, watcher, pace, stop: stop.clone(), plan: &plan, began, timeline };
    let (steps, trouble) = run.all_steps().await;
    let took_s = began.elapsed().as_secs_f64();
    let timeline = std::mem::take(&mut run.timeline);
    let trouble = match trouble {
        Some(error) if steps.is_empty() => return Err(error),
        trouble => trouble.inspect(|error| watcher.trouble(error)),
    };
    let (fits, left_out) = laws::fit(&plan.settings, &steps);
    let verdict = if steps.is_empty() {
        Verdict { sentence: "No step was finished, so nothing was found.".to_owned(), ..Verdict::default() }
    } else {
        verdict::judge(&plan.settings, &machine, &steps, &fits)
    };
    Ok(Sweep {
        schema: SCHEMA,
        generator: plan.generator.clone(),
        started,
        took_s,
        interrupted: stop.is_cancelled() || steps.len() < plan.settings.steps(),
        trouble: trouble.map(|error| error.to_string()),
        platform: name,
        settings: plan.settings.clone(),
        machine,
        steps,
        timeline,
        verdict,
        fits,
        left_out,
    })
}

/// A time of day as RFC 3339 in UTC, to the second.
fn humantime(time: SystemTime) -> String {
    ::humantime::format_rfc3339_seconds(time).to_string()
}
