//! The experiment: for each number of replicas scale, wait until the rate is steady, measure, move on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use ping::{Options, Probe, Sampler, Sampling, Snapshot};
use tokio_util::sync::CancellationToken;

use crate::grid::{self, Grid};
use crate::platform::{Error, Placed, Platform, Replicas};
use crate::result::{Latency, Placement, SCHEMA, Sample, Settings, Step, Sweep, Verdict};
use crate::track::Track;
use crate::{format, laws, machine, theory, verdict};

/// How often the application is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The rate is steady when it differs by no more than this between two windows that follow each other.
const STEADY: f64 = 0.03;

/// The shortest of these windows.
const SHORTEST_WINDOW: Duration = Duration::from_millis(900);

/// The rate that is shown while the run goes on is that of this time.
const SHOWN_WINDOW: Duration = Duration::from_millis(1500);

/// How long after the end of a step its probes may take to finish.
const LAST_PROBES: Duration = Duration::from_secs(5);

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The settings, as they go into the result. `scaled`, `replicas`, `set`, `measure_s`, `settle_s` and `repeats` say
    /// what is done.
    pub settings: Settings,
    /// Probes a second of each service.
    pub probe_rate: f64,
    /// The program that measures, as `loadgen 0.1.0`.
    pub generator: String,
}

/// Told how a run goes on.
pub trait Watcher {
    /// A row of a grid begins: which of how many, and what it has, as `3 replicas of rng`.
    fn row(&mut self, row: usize, rows: usize, what: &str);
    /// A moment of the run: which step of how many, and what was seen.
    fn sample(&mut self, step: usize, steps: usize, sample: &Sample);
    /// A step is done.
    fn step(&mut self, step: &Step, settings: &Settings);
}

/// A run under way.
struct Run<'a, P, W> {
    platform: &'a mut P,
    watcher: &'a mut W,
    stop: CancellationToken,
    plan: &'a Plan,
    began: Instant,
    track: Track,
    timeline: Vec<Sample>,
    probes: BTreeMap<String, Sampler>,
}

/// Runs the experiment. A cancelled `stop` ends it early: the steps that were finished are in the result, and the platform is
/// left as it was found in any case.
///
/// # Errors
/// The platform could not do what was asked before the first step was finished, or could not be put back.
pub async fn run<P: Platform, W: Watcher>(
    platform: &mut P,
    plan: &Plan,
    watcher: &mut W,
    stop: CancellationToken,
) -> Result<Sweep, Error> {
    let outcome = measure(platform, plan, watcher, stop).await;
    let restored = platform.restore().await;
    let sweep = outcome?;
    restored?;
    Ok(sweep)
}

/// Runs the experiment once for each number of replicas of a second service. A cancelled `stop` ends it early: what was
/// finished is in the result, and the platform is left as it was found in any case.
///
/// # Errors
/// As for [`run`].
pub async fn run_grid<P: Platform, W: Watcher>(
    platform: &mut P,
    plan: &Plan,
    second: (&str, &[u32]),
    watcher: &mut W,
    stop: CancellationToken,
) -> Result<Grid, Error> {
    let (service, replicas) = second;
    let began = Instant::now();
    let mut rows: Vec<Sweep> = Vec::new();
    let mut trouble = None;
    for (place, count) in replicas.iter().enumerate() {
        watcher.row(place + 1, replicas.len(), &format::replicas(*count, service));
        let mut plan = plan.clone();
        plan.settings.set.insert(service.to_owned(), *count);
        match measure(platform, &plan, watcher, stop.clone()).await {
            Ok(sweep) => rows.push(sweep),
            Err(error) => trouble = Some(error),
        }
        if trouble.is_some() || rows.last().is_some_and(|row| row.interrupted) {
            break;
        }
    }
    // A row that was begun and has no step says nothing.
    rows.retain(|row| !row.steps.is_empty());
    let restored = platform.restore().await;
    if let Some(error) = trouble {
        if rows.is_empty() {
            return Err(error);
        }
        tracing::error!("{error}");
    }
    restored?;
    Ok(Grid {
        schema: grid::SCHEMA,
        service: service.to_owned(),
        replicas: replicas.to_vec(),
        took_s: began.elapsed().as_secs_f64(),
        interrupted: rows.len() < replicas.len() || rows.iter().any(|row| row.interrupted),
        rows,
    })
}

async fn measure<P: Platform, W: Watcher>(
    platform: &mut P,
    plan: &Plan,
    watcher: &mut W,
    stop: CancellationToken,
) -> Result<Sweep, Error> {
    let mut settings = plan.settings.clone();
    let mut machine = machine::here();
    platform.describe(&mut settings, &mut machine).await?;
    let name = platform.name().to_owned();
    let started = humantime(SystemTime::now());
    let plan = Plan { settings, ..plan.clone() };
    let probes = start_probes(platform, plan.probe_rate)?;
    let (track, timeline) = (Track::default(), Vec::new());
    let began = Instant::now();
    let mut run = Run { platform, watcher, stop: stop.clone(), plan: &plan, began, track, timeline, probes };
    let (steps, trouble) = run.all_steps().await;
    let took_s = began.elapsed().as_secs_f64();
    let timeline = std::mem::take(&mut run.timeline);
    if let Some(error) = trouble.filter(|_| steps.is_empty()) {
        return Err(error);
    }
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
        interrupted: stop.is_cancelled() || steps.len() < plan.settings.replicas.len() * plan.settings.repeats as usize,
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

fn start_probes<P: Platform>(platform: &P, rate: f64) -> Result<BTreeMap<String, Sampler>, Error> {
    let start = |(service, url): (String, String)| {
        let probe =
            Probe::new(&url, Options::default()).map_err(|error| Error(format!("probe of {service}: {error}")))?;
        let sampling = Sampling { rate, ..Sampling::default() };
        let sampler = Sampler::start(probe, sampling).map_err(|error| Error(format!("probe of {service}: {error}")))?;
        Ok((service, sampler))
    };
    platform.probes().into_iter().map(start).collect()
}

impl<P: Platform, W: Watcher> Run<'_, P, W> {
    /// The steps that were finished, and what ended the run early.
    async fn all_steps(&mut self) -> (Vec<Step>, Option<Error>) {
        let settings = &self.plan.settings;
        let mut steps = Vec::new();
        let total = settings.replicas.len() * settings.repeats as usize;
        for repeat in 1..=settings.repeats {
            for count in &settings.replicas {
                match self.step(*count, repeat, (steps.len() + 1, total)).await {
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
            }
        }
        (steps, None)
    }

    /// One step; `None` where it was stopped.
    async fn step(&mut self, count: u32, repeat: u32, place: (usize, usize)) -> Result<Option<Step>, Error> {
        let settings = &self.plan.settings;
        let mut replicas: Replicas = settings.set.clone();
        replicas.insert(settings.scaled.clone(), count);
        let asked = Instant::now();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(None),
            scaled = self.platform.scale(&replicas) => scaled?,
        }
        let converged_s = asked.elapsed().as_secs_f64();
        self.probes.values().for_each(Sampler::reset);
        let Some(steady) = self.settle(count, place).await else { return Ok(None) };
        self.probes.values().for_each(Sampler::reset);
        let Some(seen) = self.watch(count, place).await? else { return Ok(None) };
        let (from, to) = (seen.from, seen.to);
        let cores = self.track.cores(from, to);
        let place = |placed: Placed| Placement {
            cpu_cores: placed.replica.and_then(|replica| cores.get(&placed.service)?.get(&replica).copied()),
            service: placed.service,
            task: placed.task,
            node: placed.node,
        };
        let placement = self.platform.placement().await?.into_iter().map(place).collect();
        let seconds = |moment: Instant| (moment - self.began).as_secs_f64();
        let mut notes = seen.notes;
        let hashes_per_second = self.track.estimate(from, to).unwrap_or_else(|| {
            notes.push("The ledger could not be read, so there is no rate.".to_owned());
            crate::result::Estimate { value: 0.0, low: 0.0, high: 0.0 }
        });
        let expected = theory::expect(settings, &replicas);
        let (mut utilisation, mut queue) = (BTreeMap::new(), BTreeMap::new());
        for service in self.track.services() {
            if let Some((busy, waiting)) = self.track.load(&service, from, to) {
                utilisation.extend(busy.map(|busy| (service.clone(), busy)));
                let probes = seen.probes.get(&service).map_or(0.0, waiting_probes);
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
            steady,
            hashes_per_second,
            theory_hashes_per_second: expected.as_ref().map(|expected| expected.constant.throughput),
            mva_hashes_per_second: expected.as_ref().map(|expected| expected.random.throughput),
            loop_time: self.track.loop_times(from, to),
            probe_histograms: seen
                .probes
                .iter()
                .filter_map(|(name, seen)| Some((name.clone(), encode(&seen.response)?)))
                .collect(),
            probes: seen.probes.iter().map(|(name, seen)| (name.clone(), latency(seen))).collect(),
            utilisation,
            queue,
            cpu_cores: cores.iter().map(|(name, replicas)| (name.clone(), replicas.values().sum())).collect(),
            placement,
            recovered_s: seen.recovered_s,
            notes,
        }))
    }

    /// Waits until the rate is the same in two windows that follow each other; false where the time for it ran out, `None`
    /// where the run was stopped.
    async fn settle(&mut self, count: u32, place: (usize, usize)) -> Option<bool> {
        let since = Instant::now();
        let limit = Duration::from_secs_f64(self.plan.settings.settle_s);
        loop {
            self.look(count, place, false).await?;
            let now = Instant::now();
            // A window holds more than one loop of each worker.
            let loop_time = Duration::from_secs_f64(self.track.loop_times(since, now).mean_ms / 1e3);
            let window = SHORTEST_WINDOW.max(loop_time.mul_f64(1.3));
            if now - since >= 2 * window {
                let (before, after) =
                    (self.track.rate(now - 2 * window, now - window), self.track.rate(now - window, now));
                if let (Some(before), Some(after)) = (before, after)
                    && after > 0.0
                    && (after / before - 1.0).abs() <= STEADY
                {
                    return Some(true);
                }
            }
            if now - since >= limit {
                return Some(false);
            }
        }
    }

    /// Looks on for the measuring time. A lost task or node lengthens it: the time until all is whole again is told, and
    /// the measuring begins anew.
    async fn watch(&mut self, count: u32, place: (usize, usize)) -> Result<Option<Seen>, Error> {
        let measure = Duration::from_secs_f64(self.plan.settings.measure_s);
        let mut from = Instant::now();
        let mut lost: Option<Instant> = None;
        let mut recovered_s = None;
        let mut notes = Vec::new();
        loop {
            if self.look(count, place, lost.is_none()).await.is_none() {
                return Ok(None);
            }
            let whole = self.platform.whole().await.unwrap_or(false);
            let now = Instant::now();
            match (whole, lost) {
                (false, None) => lost = Some(now),
                (true, Some(since)) => {
                    let seconds = (now - since).as_secs_f64();
                    recovered_s = Some(recovered_s.unwrap_or(0.0) + seconds);
                    notes.push(format!("A task was lost while this was measured; all ran again after {seconds:.1} s, and the measuring began anew."));
                    lost = None;
                    if self.settle(count, place).await.is_none() {
                        return Ok(None);
                    }
                    from = Instant::now();
                    self.probes.values().for_each(Sampler::reset);
                }
                (false, Some(since)) if now - since > RECOVERY => {
                    notes.push(format!(
                        "A task was lost while this was measured, and had not come back after {} s.",
                        RECOVERY.as_secs()
                    ));
                    break;
                }
                _ => {}
            }
            if lost.is_none() && now - from >= measure {
                break;
            }
        }
        let to = Instant::now();
        let mut probes = BTreeMap::new();
        for (service, sampler) in &self.probes {
            let closing = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                seen = sampler.close_window(LAST_PROBES) => seen,
            };
            probes.insert(service.clone(), closing);
        }
        Ok(Some(Seen { from, to, probes, recovered_s, notes }))
    }

    /// Looks at the application once, after a pause; `None` where the run was stopped.
    async fn look(&mut self, count: u32, place: (usize, usize), measuring: bool) -> Option<()> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            () = tokio::time::sleep(LOOK) => {}
        }
        let mut hashes_per_second = None;
        match self.platform.observe().await {
            Ok(observation) => {
                let now = observation.at;
                self.track.push(observation);
                hashes_per_second = self.track.rate(now - SHOWN_WINDOW, now);
            }
            // One look that fails is a gap; a platform that stays away ends the step by its settling time.
            Err(error) => tracing::debug!(%error, "a gap in the time series"),
        }
        let last = |(service, sampler): (&String, &Sampler)| {
            let last = sampler.snapshot().last?;
            Some((service.clone(), last.as_secs_f64() * 1e3))
        };
        let at_s = self.began.elapsed().as_secs_f64();
        let probe_ms = self.probes.iter().filter_map(last).collect();
        let sample = Sample { at_s, replicas: count, measuring, hashes_per_second, probe_ms };
        self.watcher.sample(place.0, place.1, &sample);
        self.timeline.push(sample);
        Some(())
    }
}

/// How long a sweep waits for a lost task to be replaced.
const RECOVERY: Duration = Duration::from_secs(120);

/// What was seen while a step was measured.
struct Seen {
    from: Instant,
    to: Instant,
    probes: BTreeMap<String, Snapshot>,
    recovered_s: Option<f64>,
    notes: Vec<String>,
}

/// The mean number of probes that waited themselves, by Little's law: their rate times their mean wait.
fn waiting_probes(seen: &Snapshot) -> f64 {
    seen.response.len() as f64 / seen.elapsed.as_secs_f64() * seen.response.mean() / 1e6
}

fn latency(seen: &Snapshot) -> Latency {
    let ms = |us: u64| us as f64 / 1e3;
    let at = |quantile| ms(seen.response.value_at_quantile(quantile));
    Latency {
        count: seen.response.len(),
        failed: seen.failed(),
        mean_ms: seen.response.mean() / 1e3,
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        max_ms: ms(seen.response.max()),
    }
}

/// A histogram as it stands in `sweep.json`: V2 deflate, base64.
fn encode(histogram: &Histogram<u64>) -> Option<String> {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).ok()?;
    Some(STANDARD.encode(bytes))
}

/// A time of day as RFC 3339 in UTC, to the second.
fn humantime(time: SystemTime) -> String {
    ::humantime::format_rfc3339_seconds(time).to_string()
}
