//! What limits a service that is not dockercoins: of it nothing is known but what was measured.

use super::{Case, Finding, GENERATOR, PROPORTIONAL, mean, plural};
use crate::format::{listed, percent, rate, times};
use crate::processors;
use crate::result::Fit;

/// A service that uses more than this share of the processors that it may use has none left.
const BUSY: f64 = 0.9;

/// A replica that has more than this many times its share of the answers is hot.
const HOT: f64 = 1.5;

/// A share of failed requests from which nothing else is worth saying.
const FAILING: f64 = 0.05;

/// The rules, the first that applies.
pub(super) fn find(case: &Case, fits: &[Fit]) -> Finding {
    let places = case.places();
    let (Some(&first), Some(&last)) = (places.first(), places.last()) else {
        return Finding::none("No step was finished, so nothing can be said about the service.");
    };
    let facts = Facts { case, first, last, low: case.rate_at(first), high: case.rate_at(last) };
    facts
        .failing()
        .or_else(|| facts.offered())
        .or_else(|| facts.single())
        .or_else(|| facts.proportional())
        .or_else(|| facts.other_service())
        .or_else(|| facts.hot_replica())
        .or_else(|| facts.generator())
        .or_else(|| facts.nodes())
        .or_else(|| facts.own_processors())
        .unwrap_or_else(|| facts.unseen(fits))
}

/// What the rules look at: the fewest and the most replicas, with their throughput.
struct Facts<'a> {
    case: &'a Case<'a>,
    first: u32,
    last: u32,
    low: f64,
    high: f64,
}

impl Facts<'_> {
    fn service(&self) -> &str {
        &self.case.settings.scaled
    }

    fn unit(&self) -> &str {
        &self.case.settings.unit
    }

    /// `4 replicas of web do 812 requests/s, 3.1 times as much as 1 replica of web`
    fn growth(&self) -> String {
        format!(
            "{} {} {} {}, {} times as much as {}",
            plural(self.case, self.last),
            if self.last == 1 { "does" } else { "do" },
            rate(self.high),
            self.unit(),
            times(self.high / self.low),
            plural(self.case, self.first)
        )
    }

    fn failing(&self) -> Option<Finding> {
        let share = mean(self.case.top().map(|step| step.loop_time.failed_share().unwrap_or(f64::NAN)));
        let with = plural(self.case, self.last);
        let sentence = match self.case.settings.counter() {
            _ if share > FAILING => format!(
                "{} of the requests fail with {with}: see what the service answers before asking how it scales.",
                percent(share)
            ),
            _ if self.high > 0.0 => return None,
            Some(counter) => format!(
                "{counter} did not grow with {with}: see that it counts what is done, and that there is work to do, before asking \
                 how {} scales.",
                self.service()
            ),
            None => format!(
                "No request was answered well with {with}: see what the service answers before asking how it scales."
            ),
        };
        Some(Finding::none(sentence))
    }

    fn generator(&self) -> Option<Finding> {
        let reason = self.case.top().find_map(|step| step.generator_limit.as_ref())?;
        Some(Finding::of(
            GENERATOR,
            format!(
                "The load generator is the limit with {}: {reason}. {} may be able to do more than {} {}.",
                plural(self.case, self.last),
                self.service(),
                rate(self.high),
                self.unit()
            ),
        ))
    }

    /// An open loop offers the same at each step: whether it is kept up with is all that it shows.
    fn offered(&self) -> Option<Finding> {
        let offered: f64 = self.case.settings.load.as_deref()?.strip_suffix("/s")?.parse().ok()?;
        let enough = self.case.places().into_iter().find(|&place| self.case.rate_at(place) >= 0.98 * offered)?;
        let p99 = |place: u32| {
            let steps = self.case.steps.iter().filter(|step| self.case.swept(step) == place);
            let told: Vec<f64> = steps.filter_map(|step| step.loop_time.p99_ms).collect();
            if told.is_empty() { "a time that so few cannot tell".to_owned() } else { crate::format::time(mean(told)) }
        };
        Some(Finding::none(format!(
            "{} {} up with {} {}; 99 % of the answers take up to {} there, and up to {} with {}.",
            plural(self.case, enough),
            if enough == 1 { "keeps" } else { "keep" },
            rate(offered),
            self.unit(),
            p99(enough),
            p99(self.last),
            plural(self.case, self.last)
        )))
    }

    fn single(&self) -> Option<Finding> {
        (self.first == self.last).then(|| {
            if let Some(generator) = self.generator() {
                return generator;
            }
            Finding::none(format!(
                "{} {} {} {}; one step cannot show where the limit is, so measure with more.",
                plural(self.case, self.last),
                if self.last == 1 { "does" } else { "do" },
                rate(self.high),
                self.unit()
            ))
        })
    }

    fn proportional(&self) -> Option<Finding> {
        let straight =
            self.low > 0.0 && self.high / self.low >= PROPORTIONAL * f64::from(self.last) / f64::from(self.first);
        straight.then(|| {
            let own = match self.busy(self.service()) {
                Some(share) if share >= BUSY => {
                    format!(
                        "; each uses {} of the processors that it may use, so that more of them bring more",
                        percent(share)
                    )
                }
                _ => String::new(),
            };
            Finding::none(format!("No limit was reached: {}{own}.", self.growth()))
        })
    }

    fn other_service(&self) -> Option<Finding> {
        let (name, share) = self.case.busiest_at(self.last).filter(|(name, _)| name != self.service())?;
        (share >= BUSY).then(|| {
            let sentence = format!(
                "{name} is the limit: it is busy {} with {}, and holds the whole at {} {}; more of {} bring nothing, more of \
                 {name} may.",
                percent(share),
                plural(self.case, self.last),
                rate(self.high),
                self.unit(),
                self.service()
            );
            Finding::of(&name, sentence)
        })
    }

    /// One replica gets more than its share.
    fn hot_replica(&self) -> Option<Finding> {
        let step = self.case.steps.last()?;
        let (name, share) = step.shares.iter().max_by(|a, b| a.1.total_cmp(b.1))?;
        let even = 1.0 / f64::from(self.last.max(1));
        (self.last > 1 && *share > HOT * even).then(|| {
            let sentence = format!(
                "The load is not spread: {name} gives {} of all answers of {}, and an even share is {}; with kept \
                 connections, see that there are many more of them than replicas.",
                percent(*share),
                plural(self.case, self.last),
                percent(even)
            );
            Finding::of(name, sentence)
        })
    }

    fn nodes(&self) -> Option<Finding> {
        let step = self.case.steps.last()?;
        let full = step.node_busy.iter().filter(|(_, share)| **share >= processors::SATURATED);
        let (names, shares): (Vec<String>, Vec<f64>) = full.map(|(node, share)| (node.clone(), *share)).unzip();
        (!names.is_empty()).then(|| {
            Finding::of(
                "cpu",
                format!(
                    "The processors of {} are busy {}: {}; more replicas bring nothing there, another node would.",
                    listed(&names),
                    percent(mean(shares)),
                    self.growth()
                ),
            )
        })
    }

    fn own_processors(&self) -> Option<Finding> {
        let share = self.busy(self.service()).filter(|share| *share >= BUSY)?;
        Some(Finding::of(
            self.service(),
            format!(
                "{0} itself is the limit: each replica uses {1} of the processors that it may use with {2}, although {3}: a \
                 request costs more there than with fewer.",
                self.service(),
                percent(share),
                plural(self.case, self.last),
                self.growth()
            ),
        ))
    }

    fn unseen(&self, fits: &[Fit]) -> Finding {
        let busiest = match self.case.busiest_at(self.last) {
            Some((name, share)) => format!("the busiest, {name}, is at {}", percent(share)),
            None => "none of its services tells how busy it is".to_owned(),
        };
        let serial = fits.iter().find(|fit| fit.chosen).and_then(|fit| fit.parameters.get("sigma"));
        let serial = serial.filter(|sigma| sigma.low > 0.0).map_or_else(String::new, |sigma| {
            format!(
                " By the law that fits, {} of the work ({} to {}) is done by one at a time.",
                percent(sigma.value),
                percent(sigma.low),
                percent(sigma.high)
            )
        });
        Finding::none(format!(
            "{}, and nothing that is measured here is busy all the time ({busiest}): look for a lock, a pool of connections or \
             a service outside.{serial}",
            self.growth()
        ))
    }

    fn busy(&self, service: &str) -> Option<f64> {
        let share = mean(self.case.top().filter_map(|step| step.utilisation.get(service).copied()));
        (!share.is_nan()).then_some(share)
    }
}
