//! All that is known of one rate, and what it says.

use hdrhistogram::Histogram;
use instrument::tally::histogram;
use instrument::timeline::told;

use crate::backlog::growth;
use crate::share::{clumping, ratio};
use crate::{Bad, Objective, Slice, Trial};

/// What the evidence says of a rate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    /// Whether all objectives are kept, as far as one can tell.
    pub holds: bool,
    /// Whether the interval leaves no doubt.
    pub sure: bool,
    /// The objective that is the closest to its limit or the farthest beyond it, in words.
    pub reason: String,
}

/// The trials of one rate.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Requests a second that were offered.
    pub rate: f64,
    trials: Vec<Vec<Slice>>,
    response: Histogram<u64>,
    answered: f64,
}

impl Evidence {
    /// Nothing is known yet.
    pub fn new(rate: f64) -> Self {
        Evidence { rate, trials: Vec::new(), response: histogram(), answered: 0.0 }
    }

    /// Adds a trial.
    pub fn add(&mut self, trial: &Trial) {
        self.trials.push(trial.slices.clone());
        self.response.add(&trial.response).expect("all histograms have the same bounds");
        self.answered += trial.answered_per_second;
    }

    /// How many trials there were.
    pub fn trials(&self) -> usize {
        self.trials.len()
    }

    /// How long they were, together.
    pub fn seconds(&self) -> f64 {
        self.trials.iter().flatten().map(|slice| slice.seconds).sum()
    }

    /// The length of the longest of them.
    pub fn longest(&self) -> f64 {
        let lengths = self.trials.iter().map(|slices| slices.iter().map(|slice| slice.seconds).sum::<f64>());
        lengths.fold(0.0, f64::max)
    }

    /// A percentile of the response time, in seconds, where there are enough to tell it.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        told(&self.response, share).map(|nanos| nanos as f64 / 1e9)
    }

    /// Mean response time, in seconds.
    pub fn mean(&self) -> Option<f64> {
        (!self.response.is_empty()).then(|| self.response.mean() / 1e9)
    }

    /// Answers a second, on average.
    pub fn answered_per_second(&self) -> f64 {
        self.answered / self.trials.len().max(1) as f64
    }

    /// What the trials say together. One that surely says the opposite of what all others surely say is left out: the
    /// machine had a hiccup, and no number of further trials would outweigh it.
    pub fn judge(&self, objectives: &[Objective]) -> Judgement {
        let all: Vec<&[Slice]> = self.trials.iter().map(Vec::as_slice).collect();
        if all.len() >= 3 {
            let without_one = (0..all.len()).find_map(|place| {
                let mut rest = all.clone();
                let one = self.judge_these(&[rest.remove(place)], objectives);
                let rest = self.judge_these(&rest, objectives);
                (one.sure && rest.sure && one.holds != rest.holds).then_some(rest)
            });
            if let Some(judgement) = without_one {
                return judgement;
            }
        }
        let judgement = self.judge_these(&all, objectives);
        Judgement { sure: judgement.sure && !self.contradictory(objectives), ..judgement }
    }

    /// Whether there are two trials, and each surely says the opposite of the other.
    pub fn contradictory(&self, objectives: &[Objective]) -> bool {
        let [one, other] = &self.trials[..] else { return false };
        let (one, other) = (self.judge_these(&[one], objectives), self.judge_these(&[other], objectives));
        one.sure && other.sure && one.holds != other.holds
    }

    fn judge_these(&self, trials: &[&[Slice]], objectives: &[Objective]) -> Judgement {
        let growth = growth(trials.iter().copied(), self.rate);
        if growth.sure {
            let reason = format!("the backlog grows by {:.1} requests a second", growth.per_second);
            return Judgement { holds: false, sure: true, reason };
        }
        let slices: Vec<&Slice> = trials.iter().copied().flatten().collect();
        let clumping = clumping(slices.iter().map(|slice| &slice.times));
        let verdicts: Vec<(f64, Judgement)> =
            objectives.iter().enumerate().map(|(k, objective)| judge_one(&slices, k, objective, clumping)).collect();
        let holds = verdicts.iter().all(|(_, verdict)| verdict.holds);
        // One objective that is surely missed is enough; all have to be surely kept.
        let sure = match holds {
            true => verdicts.iter().all(|(_, verdict)| verdict.sure),
            false => verdicts.iter().any(|(_, verdict)| !verdict.holds && verdict.sure),
        };
        let worst = verdicts.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        let reason = worst.map(|(_, verdict)| verdict.reason).unwrap_or_default();
        Judgement { holds, sure, reason }
    }
}

/// One objective: how far it is used up (1 is the limit), and what is to be said of it.
fn judge_one(slices: &[&Slice], index: usize, objective: &Objective, clumping: f64) -> (f64, Judgement) {
    let pairs: Vec<Bad> = slices.iter().filter_map(|slice| slice.ratios.get(index).copied()).collect();
    let limit = objective.limit();
    let Some(ratio) = ratio(&pairs, objective.is_share().then_some(clumping)) else {
        let reason = format!("nothing was answered, so that `{objective}` cannot hold");
        return (f64::INFINITY, Judgement { holds: false, sure: !slices.is_empty(), reason });
    };
    let holds = ratio.value < limit;
    let sure = if holds { ratio.high < limit } else { ratio.low >= limit };
    let reason = format!("`{objective}`: {}", objective.describe(ratio.value));
    (ratio.value / limit, Judgement { holds, sure, reason })
}
