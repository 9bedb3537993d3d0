//! A search for the capacity as a step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agents::Failed;
use capacity::{Answer, Evidence, Objective, Options, Trials, search};
use instrument::config::Config;
use sweep::driver::{Measured, Moment};
use sweep::platform::Error;
use sweep::result::{Estimate, Latency};
use tokio::sync::mpsc::unbounded_channel;

use super::{Generator, LOOK, ended_badly};
use crate::served::Served;
use crate::usage::{Look, Usage};

/// The search begins at this share of what the step before could do.
const BEGIN: f64 = 0.5;

/// Length of the run that confirms a step's capacity; shorter than that of `loadgen capacity`, as there are many.
const CONFIRM: Duration = Duration::from_secs(15);

/// The bracket of a step is narrow enough.
const TOLERANCE: f64 = 0.02;

impl Generator {
    /// Finds the highest rate that keeps the objectives.
    pub(super) async fn search<P: Served>(
        &mut self,
        platform: &mut P,
        moment: &mut Moment<'_>,
        config: Config,
        objectives: Vec<Objective>,
    ) -> Result<Option<Measured>, Error> {
        let from = Instant::now();
        let mut looks = vec![(0.0, Look::now(platform).await?)];
        let mut sender = self.sender()?;
        let end = Arc::new(AtomicBool::new(false));
        let options = Options { confirm: CONFIRM, tolerance: TOLERANCE, ..self.options() };
        let (tell, mut told) = unbounded_channel();
        let mut run = tokio::task::spawn_blocking({
            let (end, objectives, options) = (end.clone(), objectives.clone(), options.clone());
            move || {
                let mut trials = Trials::new(config, &mut sender, &end);
                // Whoever follows may have gone; the search then ends by its flag.
                let found = search(&mut trials, &objectives, &options, &mut |step| drop(tell.send(step.clone())));
                (sender, found)
            }
        });
        let mut trouble = None;
        let (sender, found) = loop {
            tokio::select! {
                ended = &mut run => {
                    break ended.map_err(ended_badly)?;
                }
                // A branch of its own: ^C may come while another one waits for the platform.
                () = moment.stop.cancelled(), if !end.load(Ordering::Relaxed) => end.store(true, Ordering::Relaxed),
                Some(step) = told.recv(), if trouble.is_none() => {
                    moment.sample(true, step.bracket.0, Default::default());
                    match Look::now(platform).await {
                        Ok(look) => looks.push((step.rate, look)),
                        Err(error) => trouble = Some(error),
                    }
                }
                () = tokio::time::sleep(LOOK), if trouble.is_none() => trouble = platform.check().await.err(),
            }
            if trouble.is_some() {
                end.store(true, Ordering::Relaxed);
            }
        };
        self.sender = Some(sender);
        if let Some(error) = trouble {
            return Err(error);
        }
        if moment.stop.is_cancelled() {
            return Ok(None);
        }
        let (answer, evidence) = found.map_err(|error: Failed| Error(error.to_string()))?;
        let outcome = Outcome::of(&answer, &evidence, &objectives)?;
        self.last = Some(outcome.capacity.value);
        let mut measured = Measured {
            throughput: Some(outcome.capacity),
            steady: outcome.sure,
            loop_time: outcome.times,
            generator_limit: outcome.limit,
            ..usage_near(&looks, outcome.capacity.value).measured(from, Instant::now())
        };
        measured.notes.extend(outcome.note);
        Ok(Some(measured))
    }

    fn options(&self) -> Options {
        let plain = Options::default();
        Options { from: self.last.map_or(plain.from, |last| (BEGIN * last).max(1.0)), ..plain }
    }
}

/// What a search says, as a step has it.
struct Outcome {
    capacity: Estimate,
    sure: bool,
    times: Latency,
    limit: Option<String>,
    note: Option<String>,
}

impl Outcome {
    fn of(answer: &Answer, evidence: &[Evidence], objectives: &[Objective]) -> Result<Self, Error> {
        let mut limit = None;
        // Where no rate fails, the interval has no upper end; a file cannot say that, so the note does.
        let (holds, end, sure, note) = match answer {
            Answer::Found { holds, fails } => (*holds, Some(*fails), true, None),
            Answer::AtLeast { holds } => {
                (*holds, None, true, Some("No higher rate was tried: the capacity is at least this, and may be more."))
            }
            Answer::GeneratorLimit { holds: Some(holds), at, reason } => {
                limit = Some(reason.clone());
                let note = "The generator was the limit: the capacity is at least this. The interval ends at the rate that could not \
                            be sent, and the capacity may be more than that.";
                (*holds, Some(*at), true, Some(note))
            }
            Answer::GeneratorLimit { at, reason, .. } => {
                return Err(Error(format!("the generator itself is the limit at {at:.1}/s: {reason}")));
            }
            Answer::Unsettled { gone: Some(reason), .. } => {
                return Err(Error(format!("the service cannot be reached any more: {reason}")));
            }
            Answer::Unsettled { holds: Some(holds), fails, gone: None } => {
                let note = match fails {
                    Some(_) => "The search is not sure: this is the highest rate that seems to hold.",
                    None => "The search is not sure: this rate seems to hold, and no higher one was tried.",
                };
                (*holds, *fails, false, Some(note))
            }
            Answer::Never { at, reason } => {
                return Err(Error(format!(
                    "the objective is missed even at {at:.2}/s ({reason}): no number of replicas can be said to keep it"
                )));
            }
            Answer::Unsettled { .. } | Answer::Interrupted { .. } => {
                return Err(Error("no rate was found that surely keeps the objective".to_owned()));
            }
        };
        let surely = |evidence: &&Evidence, kept: bool| {
            let judgement = evidence.judge(objectives);
            judgement.sure && judgement.holds == kept
        };
        let low = evidence.iter().rev().filter(|e| e.rate <= holds).find(|e| surely(e, true)).map(|e| e.rate);
        let high = evidence.iter().filter(|e| e.rate > holds).find(|e| surely(e, false)).map(|e| e.rate);
        let at = evidence.iter().find(|evidence| evidence.rate == holds);
        let ms = |share: f64| at.and_then(|at| at.quantile(share)).map(|seconds| seconds * 1e3);
        Ok(Self {
            capacity: Estimate {
                value: holds,
                low: low.unwrap_or(0.0),
                high: high.or(end).unwrap_or(holds).max(holds),
            },
            sure,
            times: Latency {
                count: at.map_or(0, |at| (at.answered_per_second() * at.seconds()) as u64),
                failed: 0,
                mean_ms: at.and_then(Evidence::mean).map_or(0.0, |seconds| seconds * 1e3),
                p50_ms: ms(0.5),
                p90_ms: ms(0.9),
                p99_ms: ms(0.99),
                max_ms: ms(1.0).unwrap_or_default(),
                untold: None,
            },
            limit,
            note: note.map(str::to_owned),
        })
    }
}

/// What was used in the longest trial at the rate that was found.
fn usage_near(looks: &[(f64, Look)], rate: f64) -> Usage {
    let trials = looks.windows(2).filter(|pair| pair[1].0 == rate);
    let longest = trials.max_by_key(|pair| pair[1].1.at - pair[0].1.at);
    longest.map(|pair| Usage::between(&pair[0].1, &pair[1].1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a trial that is sure of anything.
    fn outcome(answer: &Answer) -> Outcome {
        Outcome::of(answer, &[], &[]).expect("a rate that holds")
    }

    #[test]
    fn an_interval_does_not_end_at_the_rate_that_holds_where_another_end_is_known() {
        let found = outcome(&Answer::Found { holds: 100.0, fails: 102.0 });
        assert_eq!((found.capacity.value, found.capacity.high, found.sure), (100.0, 102.0, true));
        let unsure = outcome(&Answer::Unsettled { holds: Some(100.0), fails: Some(140.0), gone: None });
        assert_eq!((unsure.capacity.high, unsure.sure), (140.0, false));
        let limited = outcome(&Answer::GeneratorLimit { holds: Some(100.0), at: 200.0, reason: "busy".to_owned() });
        assert_eq!(limited.capacity.high, 200.0);
        assert!(limited.note.is_some_and(|note| note.contains("may be more than that")));
    }

    #[test]
    fn an_interval_without_an_upper_end_is_noted() {
        let notes = [Answer::AtLeast { holds: 1e6 }, Answer::Unsettled { holds: Some(1e6), fails: None, gone: None }];
        for note in notes.map(|answer| outcome(&answer).note) {
            assert!(note.is_some_and(|note| note.contains("o higher")), "it is said");
        }
    }
}
