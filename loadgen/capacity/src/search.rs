//! The search itself: which rate to try next, and when to stop.
//!
//! Its state is the evidence and nothing else. The bracket is read from it afresh before each step, so that a verdict
//! that later trials overturn is overturned everywhere.

use std::time::Duration;

use crate::{Driver, Evidence, Judgement, Objective, Settled, Trial};

/// How to search.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The first rate, in requests a second.
    pub from: f64,
    /// No rate above this is tried.
    pub most: f64,
    /// Length of a trial. One at a low rate is longer, so that it has requests enough to judge by.
    pub step: Duration,
    /// Length of the run that confirms the answer.
    pub confirm: Duration,
    /// The bracket is narrow enough when its ends differ by less than this share.
    pub tolerance: f64,
    /// Trials after which the search gives up.
    pub trials: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            from: 50.0,
            most: 1e6,
            step: Duration::from_secs(5),
            confirm: Duration::from_secs(30),
            tolerance: 0.01,
            trials: 100,
        }
    }
}

/// A trial has at least so many requests, as far as that takes no longer than the confirming run.
const ENOUGH: f64 = 400.0;

/// Below this share of the first rate, the search gives up looking for a rate that holds.
const FAR_DOWN: f64 = 1.0 / 1024.0;

/// The highest rate that may be tried is tried for so many times the length of the confirming run until it surely holds.
const PATIENCE: f64 = 4.0;

/// A trial that is over, for whoever follows the search.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Requests a second that were offered.
    pub rate: f64,
    /// How long.
    pub length: Duration,
    /// What all trials of this rate say; nothing where the generator was the limit.
    pub judgement: Option<Judgement>,
    /// The p99 of all trials of this rate, in seconds.
    pub p99: Option<f64>,
    /// The bracket as it is now: the highest rate that holds and the lowest that does not.
    pub bracket: (Option<f64>, Option<f64>),
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The objectives hold at the first rate and not at the second; both are confirmed.
    Found {
        /// The highest rate that holds.
        holds: f64,
        /// The lowest rate that does not.
        fails: f64,
    },
    /// They surely hold at the highest rate that may be tried.
    AtLeast {
        /// The rate that holds.
        holds: f64,
    },
    /// The generator was the limit before an objective was missed.
    GeneratorLimit {
        /// The highest rate that holds, where there is one.
        holds: Option<f64>,
        /// The rate that it could not send.
        at: f64,
        /// Why, in its own words.
        reason: String,
    },
    /// They do not hold at any rate that was tried.
    Never {
        /// The lowest of them.
        at: f64,
        /// Which objective was missed, and by what.
        reason: String,
    },
    /// The verdicts went to and fro until the trials were used up; or, where no rate fails, the highest that may be tried
    /// seems to hold, and had too few requests to be sure; or the service went away.
    Unsettled {
        /// The highest rate that seems to hold.
        holds: Option<f64>,
        /// The lowest rate that seems not to.
        fails: Option<f64>,
        /// Why the service cannot be reached any more, where it went away.
        gone: Option<String>,
    },
    /// Somebody ended it.
    Interrupted {
        /// The highest rate that holds so far.
        holds: Option<f64>,
        /// The lowest rate that does not.
        fails: Option<f64>,
    },
}

/// What is to be done next.
enum Next {
    Try(f64, Duration),
    Done(Answer),
}

/// Searches for the capacity. `follow` is told of each trial. Gives the answer and the evidence, by rate.
///
/// # Errors
/// When a trial cannot be run.
pub fn search<D: Driver>(
    driver: &mut D,
    objectives: &[Objective],
    options: &Options,
    follow: &mut dyn FnMut(&Step),
) -> Result<(Answer, Vec<Evidence>), D::Error> {
    let mut search = Search { objectives, options, evidence: Vec::new(), judgements: Vec::new() };
    let (mut trials, mut limited) = (0, 0);
    loop {
        let (rate, length) = match search.next() {
            Next::Done(answer) => return Ok((answer, search.evidence)),
            Next::Try(..) if trials == options.trials => return Ok(search.unsettled(None)),
            Next::Try(rate, length) => (rate, length),
        };
        let settled = if trials > 0 { driver.settle()? } else { Settled::Ready };
        let trial = match settled {
            Settled::Ready => driver.trial(rate, length, objectives)?,
            Settled::Gone(reason) => return Ok(search.unsettled(Some(reason))),
            Settled::Interrupted => return Ok(search.interrupted()),
        };
        trials += 1;
        if trial.interrupted {
            return Ok(search.interrupted());
        }
        let Some(reason) = &trial.limited else {
            limited = 0;
            let place = search.add(rate, &trial);
            let (judgement, p99) = (search.judgements[place].clone(), search.evidence[place].quantile(0.99));
            follow(&Step { rate, length, judgement: Some(judgement), p99, bracket: search.bracket() });
            continue;
        };
        follow(&Step { rate, length, judgement: None, p99: None, bracket: search.bracket() });
        limited += 1;
        // Once may be chance: the machine had something else to do.
        if limited == 2 {
            let holds = search.bracket().0;
            return Ok((Answer::GeneratorLimit { holds, at: rate, reason: reason.clone() }, search.evidence));
        }
    }
}

struct Search<'a> {
    objectives: &'a [Objective],
    options: &'a Options,
    /// In the order of the rates.
    evidence: Vec<Evidence>,
    /// What each of them says.
    judgements: Vec<Judgement>,
}

impl Search<'_> {
    /// Adds a trial to the evidence of its rate, and gives the place of it.
    fn add(&mut self, rate: f64, trial: &Trial) -> usize {
        let place = self.evidence.partition_point(|evidence| evidence.rate < rate);
        if self.evidence.get(place).is_none_or(|evidence| evidence.rate > rate) {
            self.evidence.insert(place, Evidence::new(rate));
            self.judgements.insert(place, Judgement::default());
        }
        self.evidence[place].add(trial);
        self.judgements[place] = self.evidence[place].judge(self.objectives);
        place
    }

    /// The places of both ends of the bracket: the lowest rate that fails, and the highest below it that holds. More
    /// load never needs less, so what holds above a rate that fails is chance.
    fn ends(&self) -> (Option<usize>, Option<usize>) {
        let fails = (0..self.evidence.len()).find(|&place| !self.judgements[place].holds);
        let below = fails.unwrap_or(self.evidence.len());
        (below.checked_sub(1), fails)
    }

    fn bracket(&self) -> (Option<f64>, Option<f64>) {
        let (holds, fails) = self.ends();
        let rate = |place: Option<usize>| place.map(|place| self.evidence[place].rate);
        (rate(holds), rate(fails))
    }

    /// There is no answer that is sure; `gone` says why the service cannot be reached, where it went away.
    fn unsettled(self, gone: Option<String>) -> (Answer, Vec<Evidence>) {
        let (holds, fails) = self.bracket();
        (Answer::Unsettled { holds, fails, gone }, self.evidence)
    }

    /// Somebody ended the search.
    fn interrupted(self) -> (Answer, Vec<Evidence>) {
        let (holds, fails) = self.bracket();
        (Answer::Interrupted { holds, fails }, self.evidence)
    }

    /// Whether the rate is in doubt, and has not been tried for long: for as long as the run that confirms takes. After
    /// that the estimate has to do, as no search would end that waited for certainty at the very capacity.
    fn in_doubt(&self, place: usize) -> bool {
        let evidence = &self.evidence[place];
        let short = evidence.seconds() < 0.999 * self.options.confirm.as_secs_f64();
        evidence.contradictory(self.objectives) || short && !self.judgements[place].sure
    }

    /// How long to try a rate.
    fn length(&self, rate: f64) -> Duration {
        let wanted = Duration::from_secs_f64((ENOUGH / rate).min(1e6));
        self.options.step.max(wanted.min(self.options.confirm))
    }

    /// A rate once more, for as long as it has been tried already: each trial doubles what is known.
    fn try_again(&self, place: usize) -> Next {
        let evidence = &self.evidence[place];
        let length = Duration::from_secs_f64(evidence.seconds()).min(self.options.confirm);
        Next::Try(evidence.rate, length.max(self.length(evidence.rate)))
    }

    fn next(&self) -> Next {
        let Options { from, most, confirm, tolerance, .. } = *self.options;
        let new = |rate: f64| Next::Try(rate, self.length(rate));
        let rate = |place: usize| self.evidence[place].rate;
        match self.ends() {
            (None, None) => new(from.min(most)),
            (Some(low), None) if rate(low) >= most => {
                if !self.confirmed(low) {
                    Next::Try(rate(low), confirm)
                } else if self.judgements[low].sure {
                    Next::Done(Answer::AtLeast { holds: rate(low) })
                } else if self.evidence[low].seconds() < PATIENCE * confirm.as_secs_f64() {
                    Next::Try(rate(low), confirm)
                } else {
                    // Few requests at a low rate: there is no bracket here whose other end could say more.
                    Next::Done(Answer::Unsettled { holds: Some(rate(low)), fails: None, gone: None })
                }
            }
            (Some(low), None) => new((2.0 * rate(low)).min(most)),
            (None, Some(high)) if rate(high) <= FAR_DOWN * from => match self.in_doubt(high) {
                true => self.try_again(high),
                false => Next::Done(Answer::Never { at: rate(high), reason: self.judgements[high].reason.clone() }),
            },
            (None, Some(high)) => new(rate(high) / 4.0),
            (Some(low), Some(high)) if rate(high) > rate(low) * (1.0 + tolerance) => {
                // A doubtful end of a wide bracket is settled later, if the search comes near it; the newest rate of a
                // bisection is settled at once.
                let wide = rate(high) > 1.9 * rate(low);
                match [low, high].into_iter().find(|&place| !wide && self.in_doubt(place)) {
                    Some(place) => self.try_again(place),
                    None => new(f64::midpoint(rate(low), rate(high))),
                }
            }
            (Some(low), Some(high)) => {
                if self.evidence[high].trials() < 2 || self.in_doubt(high) {
                    self.try_again(high)
                } else if self.evidence[low].contradictory(self.objectives) {
                    self.try_again(low)
                } else if self.confirmed(low) {
                    Next::Done(Answer::Found { holds: rate(low), fails: rate(high) })
                } else {
                    Next::Try(rate(low), confirm)
                }
            }
        }
    }

    /// Whether a rate has gone through a run of the length that confirms.
    fn confirmed(&self, place: usize) -> bool {
        self.evidence[place].longest() >= self.options.confirm.as_secs_f64() * 0.999
    }
}
