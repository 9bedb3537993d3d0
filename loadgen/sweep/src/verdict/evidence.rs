//! The facts behind the verdict, one sentence each.

use model::law::Law;

use super::{Case, mean};
use crate::format::{difference, listed, percent, rate, time, times};
use crate::processors;
use crate::result::{Fit, Step};
use crate::theory;

/// How much larger a law's criterion has to be for the law to be called ruled out (Burnham and Anderson: "essentially
/// no support").
const RULED_OUT: f64 = 10.0;

/// Everything that the steps say, in the order in which a reader would check it.
pub fn gather(case: &Case, fits: &[Fit]) -> Vec<String> {
    if case.steps.is_empty() {
        return Vec::new();
    }
    [
        growth(case),
        further(case),
        busy(case),
        nodes(case),
        cpu(case),
        short(case),
        probes(case),
        expectation(case),
        agreement(case),
        law(fits),
        steadiness(case),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn growth(case: &Case) -> Option<String> {
    let places = case.places();
    let (first, last) = (*places.first()?, *places.last()?);
    if first == last {
        return None;
    }
    let (low, high) = (case.rate_at(first), case.rate_at(last));
    Some(format!(
        "{} {} {} {} and {} do {}: {} times the {}, {} times the throughput.",
        super::plural(case, first),
        if first == 1 { "does" } else { "do" },
        rate(low),
        case.settings.unit,
        super::plural(case, last),
        rate(high),
        times(f64::from(last) / f64::from(first)),
        if case.settings.scaled == "worker" { "workers" } else { "replicas" },
        times(high / low)
    ))
}

/// What each further replica brought, where the first does not count alone.
fn further(case: &Case) -> Option<String> {
    // Of dockercoins' workers the theory says more.
    if case.settings.dockercoins.is_some() && case.settings.scaled == "worker" {
        return None;
    }
    let steps: Vec<Step> = case.steps.iter().map(|step| (*step).clone()).collect();
    let brought: Vec<String> = crate::scaling::places(case.settings, &steps)
        .iter()
        .filter_map(|place| Some(format!("{} with {}", percent(place.further?), place.replicas)))
        .collect();
    (!brought.is_empty())
        .then(|| format!("Each further replica brings, of what one of the first does: {}.", brought.join(", ")))
}

/// How busy the nodes were, whatever ran there.
fn nodes(case: &Case) -> Option<String> {
    let top = case.steps.last()?;
    let shares: Vec<String> =
        top.node_busy.iter().map(|(node, share)| format!("{} of those of {node}", percent(*share))).collect();
    (!shares.is_empty())
        .then(|| format!("Of the processors are busy there, by whatever runs on them: {}.", shares.join(", ")))
}

fn busy(case: &Case) -> Option<String> {
    let last = *case.places().last()?;
    let services: std::collections::BTreeSet<&String> = case.top().flat_map(|step| step.utilisation.keys()).collect();
    let shares: Vec<String> = services
        .into_iter()
        .map(|service| {
            let share = mean(case.top().filter_map(|step| step.utilisation.get(service).copied()));
            let queue = mean(case.top().filter_map(|step| step.queue.get(service).copied()));
            let waiting = if queue.is_nan() { String::new() } else { format!(" and {queue:.1} requests wait") };
            format!("{service} is busy {}{waiting}", percent(share))
        })
        .collect();
    (!shares.is_empty()).then(|| format!("At {}, {}.", super::plural(case, last), shares.join("; ")))
}

fn cpu(case: &Case) -> Option<String> {
    // Of a service of one's own other programs may be a part, and what they use is not known: its node tells.
    case.settings.dockercoins.as_ref()?;
    let busiest = case.cpu_at(*case.places().last()?)?;
    let share = busiest.share();
    let limited = case.is_short_of_processors(*case.places().last()?);
    let so = match (limited, share >= processors::SATURATED) {
        (false, _) => "so they do not limit the system",
        (true, true) => "so they limit the system",
        (true, false) => "and it waits for the others: they limit the system",
    };
    Some(match &busiest.nodes[..] {
        [] => format!("The services use {} of the machine’s processors there, {so}.", percent(share)),
        [node] => format!("The busiest node, {node}, has {} of its processors in use there, {so}.", percent(share)),
        nodes => format!(
            "The services use {} of the processors that the nodes {} share there, {so}.",
            percent(share),
            listed(nodes)
        ),
    })
}

/// The steps in which it was the processors that held the application up.
fn short(case: &Case) -> Option<String> {
    case.settings.dockercoins.as_ref()?;
    let places: Vec<String> = case
        .places()
        .into_iter()
        .filter(|place| case.is_short_of_processors(*place))
        .map(|place| place.to_string())
        .collect();
    if places.is_empty() {
        return None;
    }
    let all = listed(&places);
    let scaled = &case.settings.scaled;
    let what = if scaled == "worker" { "workers".to_owned() } else { format!("replicas of {scaled}") };
    Some(format!(
        "The machine’s processors were the limit at {all} {what}: these steps say how fast this machine is, not how the \
         application scales."
    ))
}

fn probes(case: &Case) -> Option<String> {
    let top = case.steps.last()?;
    let expected = theory::expect(case.settings, &top.replicas);
    let waits: Vec<String> = top
        .probes
        .iter()
        .map(|(service, probe)| {
            let turn = expected.as_ref().and_then(|expected| {
                expected.constant.stations.iter().find(|station| station.name == *service)?.turn_s
            });
            let by_theory = turn.map_or_else(String::new, |turn| format!(" (theory: {})", time(turn * 1000.0)));
            format!("a probe of {service} takes {} on average{by_theory}", time(probe.mean_ms))
        })
        .collect();
    (!waits.is_empty()).then(|| format!("There {}.", waits.join(", ")))
}

fn expectation(case: &Case) -> Option<String> {
    let top = case.steps.last()?;
    let network = theory::network(case.settings, &top.replicas)?;
    let round = network.round_s();
    if round <= 0.0 {
        return Some("All delays are zero, so there is no theory but the speed of the machine.".to_owned());
    }
    let alone = format!(
        "By theory a round takes {} when nobody waits, {} hashes/s for each worker",
        time(round * 1000.0),
        rate(1.0 / round)
    );
    Some(match network.bottleneck() {
        Some(station) => format!(
            "{alone}; {} can serve at most {} requests/s, which {} workers reach.",
            station.name,
            rate(station.capacity()),
            times(network.knee() / f64::from(case.settings.loops()))
        ),
        None => format!("{alone}, and no service has a limit."),
    })
}

fn agreement(case: &Case) -> Option<String> {
    let worst = case
        .steps
        .iter()
        .filter_map(|step| Some((step.deviation()?, case.swept(step))))
        .max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))?;
    let average = mean(case.steps.iter().filter_map(|step| step.deviation()).map(f64::abs));
    Some(format!(
        "The measured throughput is {} from the theory on average, and at most {}, at {}.",
        percent(average),
        difference(worst.0),
        super::plural(case, worst.1)
    ))
}

fn law(fits: &[Fit]) -> Option<String> {
    let chosen = fits.iter().find(|fit| fit.chosen)?;
    let law = Law::named(&chosen.law)?;
    let parameters: Vec<String> = law
        .parameters()
        .iter()
        .filter_map(|name| {
            let value = chosen.parameters.get(*name)?;
            Some(format!(
                "{} = {} ({} to {})",
                symbol(name),
                number(value.value),
                number(value.low),
                number(value.high)
            ))
        })
        .collect();
    let smallest = fits.iter().map(|fit| fit.aicc).fold(f64::INFINITY, f64::min);
    let mut others: Vec<&Fit> = fits.iter().filter(|fit| !fit.chosen).collect();
    others.sort_by(|a, b| a.aicc.total_cmp(&b.aicc));
    let against = match others.first().and_then(|fit| Some((fit, Law::named(&fit.law)?))) {
        Some((next, other)) if next.aicc < chosen.aicc || next.aicc - smallest <= 2.0 => {
            format!("; {} fits as well but is no simpler", other.title())
        }
        Some((next, other)) => {
            let distance = next.aicc - chosen.aicc;
            let verdict = if distance > RULED_OUT { ", which rules it out" } else { "" };
            format!("; the next best, {}, has an AICc larger by {distance:.1}{verdict}", other.title())
        }
        None => String::new(),
    };
    Some(format!(
        "Of the laws fitted, {} holds, {}, with {}{against}.",
        law.title(),
        law.formula(),
        parameters.join(" and ")
    ))
}

/// The letter of a parameter.
pub fn symbol(name: &str) -> &'static str {
    match name {
        "lambda" => "λ",
        "sigma" => "σ",
        "kappa" => "κ",
        "cap" => "C",
        _ => "?",
    }
}

/// A parameter's value: three digits behind the point, more for the small ones of crosstalk, none for the large ones.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.01 => format!("{value:.5}"),
        size if size < 100.0 => format!("{value:.3}"),
        _ => rate(value),
    }
}

fn steadiness(case: &Case) -> Option<String> {
    let unsteady: Vec<String> =
        case.steps.iter().filter(|step| !step.steady).map(|step| case.swept(step).to_string()).collect();
    (!unsteady.is_empty()).then(|| {
        format!(
            "The rate was not yet steady when the measuring began at {} {}, so these figures are less sure.",
            unsteady.join(", "),
            if case.settings.scaled == "worker" {
                "workers".to_owned()
            } else {
                format!("replicas of {}", case.settings.scaled)
            }
        )
    })
}
