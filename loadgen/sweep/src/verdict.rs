//! What limits the system, in one sentence, and the facts that it follows from.

mod evidence;
mod service;

use std::collections::BTreeMap;

use model::predict::relieve;
use model::{Limit, Network};

use crate::format::{listed, percent, rate, replicas, times};
use crate::processors::{self, CONFIRMED, Processors};
use crate::result::{Fit, Machine, Settings, Step, Verdict};
use crate::theory;

pub use evidence::{number, symbol};

/// The bottleneck's name where it is the load generator.
pub const GENERATOR: &str = "generator";

/// A service that is busy for more than this share of the time is saturated. The rest is what its slot loses between
/// two requests, and what the ends of the measuring time cut off.
pub(crate) const SATURATED: f64 = 0.95;

/// Throughput that is at least this share of proportional growth counts as proportional.
const PROPORTIONAL: f64 = 0.95;

/// Judges the steps of a run.
pub fn judge(settings: &Settings, machine: &Machine, steps: &[Step], fits: &[Fit]) -> Verdict {
    let case = Case::of(settings, machine, steps);
    let finding = if settings.dockercoins.is_some() { find(&case) } else { service::find(&case, fits) };
    Verdict {
        bottleneck: finding.bottleneck,
        sentence: case.caution(finding.sentence),
        evidence: evidence::gather(&case, fits),
    }
}

/// The run, as the rules look at it.
struct Case<'a> {
    settings: &'a Settings,
    machine: &'a Machine,
    /// In the order of the swept replicas, repeats together.
    steps: Vec<&'a Step>,
}

struct Finding {
    bottleneck: Option<String>,
    sentence: String,
}

impl Finding {
    fn of(bottleneck: &str, sentence: String) -> Self {
        Self { bottleneck: Some(bottleneck.to_owned()), sentence }
    }

    fn none(sentence: impl Into<String>) -> Self {
        Self { bottleneck: None, sentence: sentence.into() }
    }
}

impl<'a> Case<'a> {
    fn of(settings: &'a Settings, machine: &'a Machine, steps: &'a [Step]) -> Self {
        let mut steps: Vec<&Step> = steps.iter().collect();
        steps.sort_by_key(|step| step.swept(settings));
        Self { settings, machine, steps }
    }

    fn swept(&self, step: &Step) -> u32 {
        step.swept(self.settings)
    }

    /// The steps with the most replicas: one, or its repeats.
    fn top(&self) -> impl Iterator<Item = &&'a Step> {
        let most = self.steps.last().map(|step| self.swept(step));
        self.steps.iter().filter(move |step| Some(self.swept(step)) == most)
    }

    /// The different numbers of replicas.
    fn places(&self) -> Vec<u32> {
        let mut places: Vec<u32> = self.steps.iter().map(|step| self.swept(step)).collect();
        places.dedup();
        places
    }

    /// Mean throughput of the steps with so many replicas.
    fn rate_at(&self, place: u32) -> f64 {
        mean(self.steps.iter().filter(|step| self.swept(step) == place).map(|step| step.throughput.value))
    }

    /// The service that is busiest at a number of replicas, with the share of time, if any has a limit.
    fn busiest_at(&self, place: u32) -> Option<(String, f64)> {
        let mut shares: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for step in self.steps.iter().filter(|step| self.swept(step) == place) {
            for (service, share) in &step.utilisation {
                shares.entry(service).or_default().push(*share);
            }
        }
        shares
            .into_iter()
            .map(|(service, shares)| (service.to_owned(), mean(shares)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The machine or node whose processors were busiest at a number of replicas.
    fn cpu_at(&self, place: u32) -> Option<Processors> {
        let steps = self.steps.iter().filter(|step| self.swept(step) == place).copied();
        processors::busiest(self.machine, steps)
    }

    /// Whether the processors were the limit in most of the steps with so many replicas.
    fn is_short_of_processors(&self, place: u32) -> bool {
        let here: Vec<bool> = self
            .steps
            .iter()
            .filter(|step| self.swept(step) == place)
            .map(|step| processors::limit(self.machine, step))
            .collect();
        2 * here.iter().filter(|short| **short).count() > here.len()
    }

    /// The network that predictions use: as set where the measurements confirm the theory, otherwise as measured.
    fn network(&self) -> Option<Network> {
        let top = self.steps.last()?;
        let confirmed = self.top().all(|step| step.deviation().is_some_and(|share| share.abs() <= CONFIRMED));
        if confirmed {
            theory::network(self.settings, &top.replicas)
        } else {
            let steps: Vec<Step> = self.steps.iter().map(|step| (*step).clone()).collect();
            theory::measured(self.settings, &steps)
        }
    }

    /// Adds what makes the finding less sure.
    fn caution(&self, sentence: String) -> String {
        let unsteady: Vec<u32> = self.steps.iter().filter(|step| !step.steady).map(|step| self.swept(step)).collect();
        // Waverers in the minority are named in the evidence; a majority puts the sentence itself in doubt.
        if unsteady.len() * 2 > self.steps.len() {
            format!(
                "{sentence} The rate was not steady in {} of {} steps, so take this as a first guess.",
                unsteady.len(),
                self.steps.len()
            )
        } else {
            sentence
        }
    }
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (count, sum) = values.into_iter().fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    if count == 0 { f64::NAN } else { sum / f64::from(count) }
}

/// The rules, the first that applies.
fn find(case: &Case) -> Finding {
    let places = case.places();
    let (Some(&first), Some(&last)) = (places.first(), places.last()) else {
        return Finding::none("No step was finished, so nothing can be said about the system.");
    };
    let (low, high) = (case.rate_at(first), case.rate_at(last));
    if high <= 0.0 {
        return Finding::none(format!("Nothing was hashed with {}: the application did not work.", plural(case, last)));
    }
    let busiest = case.busiest_at(last);
    let saturated = busiest.as_ref().filter(|(_, share)| *share >= SATURATED);
    let proportional = low > 0.0 && high / low >= PROPORTIONAL * f64::from(last) / f64::from(first);

    let has_theory = case.top().all(|step| step.theory.is_some());
    if let Some(found) = case.cpu_at(last).filter(|_| case.is_short_of_processors(last))
        && (has_theory || saturated.is_none() || !proportional)
    {
        return if found.share() >= processors::SATURATED {
            cpu(case, last, high, &found)
        } else {
            starved(case, last, high, &found)
        };
    }
    if let Some((service, share)) = saturated {
        return station(case, service, *share, &places, high);
    }
    if places.len() == 1 {
        return single(case, last, high, busiest);
    }
    if proportional {
        return linear(case, first, last, (low, high), busiest);
    }
    bent(case, last, high, &places, busiest)
}

/// `10 workers`, `3 replicas of rng`: so many of what is swept.
fn plural(case: &Case, place: u32) -> String {
    replicas(place, &case.settings.scaled)
}

fn cpu(case: &Case, last: u32, high: f64, full: &Processors) -> Finding {
    let busy = percent(full.share().min(1.0));
    let (at, limit) = (plural(case, last), rate(high));
    let processors = match full.cpus {
        1 => "one processor is".to_owned(),
        cpus => format!("{cpus} processors are"),
    };
    let sentence = match &full.nodes[..] {
        [] => format!(
            "The machine is the bottleneck: the {processors} busy {busy} at {at}, which limits the system to {limit} hashes/s; \
             more replicas of any service bring nothing here."
        ),
        [node] => format!(
            "The node {node} is the bottleneck: its {processors} busy {busy} at {at}, which limits the system to {limit} \
             hashes/s; more tasks there bring nothing, tasks on other nodes may."
        ),
        nodes => format!(
            "The machine of the nodes {} is the bottleneck: the {processors} busy {busy} at {at}, which limits the system \
             to {limit} hashes/s; more replicas of any service bring nothing on it.",
            listed(nodes)
        ),
    };
    Finding::of("cpu", sentence)
}

/// The processors are busy, and not with this application alone.
fn starved(case: &Case, last: u32, high: f64, found: &Processors) -> Finding {
    let waited = mean(case.top().filter_map(|step| step.cpu_starved));
    let theory = case.top().find_map(|step| step.theory);
    let instead = theory.map_or_else(String::new, |theory| format!(" instead of {}", rate(theory)));
    Finding::of(
        "cpu",
        format!(
            "The machine’s processors are the bottleneck: at {} the application used {} of them and could not have the rest \
             when it wanted it, for {waited:.2} s in each second, so that it did {} hashes/s{instead}; measure again while \
             nothing else runs.",
            plural(case, last),
            percent(found.share()),
            rate(high)
        ),
    )
}

fn station(case: &Case, service: &str, share: f64, places: &[u32], high: f64) -> Finding {
    let saturated_at =
        |place: u32| case.busiest_at(place).filter(|(_, share)| *share >= SATURATED).map(|(name, _)| name);
    // From the last place back, as long as the same service is saturated.
    let since =
        places.iter().rev().copied().take_while(|&place| saturated_at(place).as_deref() == Some(service)).last();
    let since = since.unwrap_or(places[places.len() - 1]);
    let mut before =
        places.iter().copied().filter(|&place| place < since).filter_map(|place| Some((place, saturated_at(place)?)));
    let before = before.next_back();
    let advice = advise(case, service);
    let busy = percent(share.min(1.0));
    let sentence = match before {
        Some((_, earlier)) => format!(
            "The bottleneck moves from {earlier} to {service} at {}: {service} is busy {busy} and caps the system at {} hashes/s{advice}.",
            plural(case, since),
            rate(high)
        ),
        None if places.len() == 1 => format!(
            "{service} is the bottleneck: busy {busy} with {}, it caps the system at {} hashes/s{advice}.",
            plural(case, since),
            rate(high)
        ),
        None => format!(
            "{service} is the bottleneck: busy {busy}, it caps the system at {} hashes/s from {} on{advice}.",
            rate(high),
            plural(case, since)
        ),
    };
    Finding::of(service, sentence)
}

/// What more replicas of the bottleneck bring: the most that all stay busy, which is where each of them still pays.
fn advise(case: &Case, service: &str) -> String {
    let Some(network) = case.network() else {
        return String::new();
    };
    let Some(top) = case.steps.last() else {
        return String::new();
    };
    let jobs = theory::jobs(case.settings, &top.replicas);
    let Ok(Some(relief)) = relieve(&network, jobs) else {
        return String::new();
    };
    if relief.station != service {
        return String::new();
    }
    let now = network.station(service).map_or(1, |station| station.replicas);
    let full = (relief.replicas - 1).max(now + 1);
    let Ok(with) = network.with_replicas(service, full) else {
        return String::new();
    };
    format!("; with {} expect {}", replicas(full, service), rate(model::constant::throughput(&with, jobs)))
}

fn single(case: &Case, place: u32, high: f64, busiest: Option<(String, f64)>) -> Finding {
    let busy = match busiest {
        Some((service, share)) => format!(" and {service} is busy {}", percent(share)),
        None => String::new(),
    };
    Finding::none(format!(
        "With {} the system does {} hashes/s{busy}; one step cannot show where its limit is, so measure with more.",
        plural(case, place),
        rate(high)
    ))
}

fn linear(case: &Case, first: u32, last: u32, (low, high): (f64, f64), busiest: Option<(String, f64)>) -> Finding {
    let next = match (&busiest, case.network()) {
        (_, Some(network)) if case.settings.scaled == "worker" && network.knee().is_finite() => {
            let station = network.bottleneck().map_or("", |station| station.name.as_str()).to_owned();
            // The number of workers at which the knee lies, when each runs several loops.
            let workers = (network.knee() / f64::from(case.settings.loops()) - 1e-9).ceil();
            format!("; expect {station} to be the limit from {workers:.0} workers on")
        }
        (Some((service, share)), _) => format!("; {service} is the busiest with {}", percent(*share)),
        (None, _) => String::new(),
    };
    Finding::none(format!(
        "No bottleneck was reached: {} do {} hashes/s, {} times as much as {}{next}.",
        plural(case, last),
        rate(high),
        times(high / low),
        plural(case, first)
    ))
}

/// Throughput stays behind, and no service is busy all the time.
fn bent(case: &Case, last: u32, high: f64, places: &[u32], busiest: Option<(String, f64)>) -> Finding {
    let top = case.steps[case.steps.len() - 1];
    let expected = theory::network(case.settings, &top.replicas);
    let jobs = theory::jobs(case.settings, &top.replicas);
    let as_expected = case.top().all(|step| step.deviation().is_some_and(|share| share.abs() <= 0.05));
    if case.settings.scaled != "worker"
        && as_expected
        && expected.as_ref().is_some_and(|network| matches!(network.limit(jobs), Limit::Population))
    {
        let full = places.iter().copied().find(|&place| case.rate_at(place) >= 0.98 * high).unwrap_or(last);
        let workers = replicas(top.workers(), "worker");
        return Finding::of(
            "worker",
            format!(
                "From {} on, the {workers} are the limit: nobody waits, and they can ask for no more than {} hashes/s; more \
                 replicas of {} bring nothing, more workers do.",
                plural(case, full),
                rate(high),
                case.settings.scaled
            ),
        );
    }
    let busy = match busiest {
        Some((service, share)) => format!("the busiest, {service}, is at {}", percent(share)),
        None => "none of them has a limit".to_owned(),
    };
    Finding::none(format!(
        "Throughput falls behind at {} ({} hashes/s) although no service is busy all the time ({busy}): something that is \
         not measured here limits the system.",
        plural(case, last),
        rate(high)
    ))
}
