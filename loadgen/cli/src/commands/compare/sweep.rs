//! Results of sweep.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use stats::Estimate;
use sweep::format::replicas;
use sweep::result::{Latency, Step, Sweep};

use super::side::Runs;
use super::{Args, Comparison, Figure, Goal};

/// One of the quantiles of a step's response times.
type Quantile = fn(&Latency) -> Option<f64>;

/// Those of a service that are compared.
const TIMES: [(&str, Quantile); 2] = [("p50", |of| of.p50_ms), ("p99", |of| of.p99_ms)];

/// Compares throughput, response times and waits at each number of replicas that both sides have. Repeats of a step are runs.
///
/// # Errors
/// When they do not count the same.
pub fn compare(args: &Args, before: &[Sweep], after: &[Sweep]) -> anyhow::Result<Comparison> {
    let units: BTreeSet<&str> = before.iter().chain(after).map(|sweep| sweep.settings.unit.as_str()).collect();
    if units.len() > 1 {
        let units: Vec<&str> = units.into_iter().collect();
        bail!("the sweeps count different things, {}: there is nothing to compare", units.join(" and "));
    }
    let mut figures = Vec::new();
    let mut notes = Vec::new();
    let (first, second) = (places(before), places(after));
    for (place, a) in &first {
        let name = describe(a[0]);
        let unit = before.first().map_or("", |sweep| sweep.settings.unit.trim_end_matches("/s"));
        let Some(b) = second.get(place) else {
            notes.push(format!("Only the first side has a step with {name}."));
            continue;
        };
        let rates = |steps: &[&Step]| -> Runs {
            steps.iter().map(|step| (step.throughput.value, Some(step.throughput))).collect()
        };
        figures.push(Figure::judge(args, &format!("{name}: {unit}"), "/s", Goal::High, &rates(a), &rates(b)));
        if before.iter().all(|sweep| sweep.settings.dockercoins.is_none()) {
            // Of one run they have no interval: what waits in a queue waits together.
            let times = |steps: &[&Step], of: Quantile| -> Runs {
                steps.iter().filter_map(|step| Some((of(&step.loop_time)?, None))).collect()
            };
            for (share, of) in TIMES {
                let name = format!("  answers {share}");
                figures.push(Figure::judge(args, &name, "ms", Goal::Low, &times(a, of), &times(b, of)));
            }
        }
        for service in a[0].probes.keys() {
            let waits = |steps: &[&Step]| -> Runs {
                steps
                    .iter()
                    .filter_map(|step| step.probes.get(service))
                    .map(|seen| (seen.p50_ms.unwrap_or(f64::NAN), median(seen)))
                    .collect()
            };
            let name = format!("  {service} p50");
            figures.push(Figure::judge(args, &name, "ms", Goal::Low, &waits(a), &waits(b)));
        }
    }
    for (_, b) in second.iter().filter(|(place, _)| !first.contains_key(*place)) {
        notes.push(format!("Only the second side has a step with {}.", describe(b[0])));
    }
    let (Some(before), Some(after)) = (before.first(), after.first()) else {
        return Ok(Comparison { figures, notes });
    };
    let (x, y) = (&before.settings, &after.settings);
    let differ = [
        ("loads", x.load != y.load),
        ("URLs", x.url != y.url),
        ("settings of the application", x.dockercoins != y.dockercoins),
        ("machines", before.machine != after.machine),
    ];
    notes.extend(super::different("sweeps", &differ));
    if before.platform != after.platform {
        notes.push(format!("The platforms differ: {} and {}.", before.platform, after.platform));
    }
    if before.verdict.bottleneck != after.verdict.bottleneck {
        notes.push(format!("Before: {}", before.verdict.sentence));
        notes.push(format!("After:  {}", after.verdict.sentence));
    }
    Ok(Comparison { figures, notes })
}

/// The steps of all runs of a side, by their replicas.
fn places(runs: &[Sweep]) -> BTreeMap<&BTreeMap<String, u32>, Vec<&Step>> {
    let mut places: BTreeMap<_, Vec<&Step>> = BTreeMap::new();
    for step in runs.iter().flat_map(|run| &run.steps) {
        places.entry(&step.replicas).or_default().push(step);
    }
    places
}

/// The replicas of a step: the workers first, and of the others those of which there are several, or which are alone.
fn describe(step: &Step) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(step.replicas.get("worker").map(|count| replicas(*count, "worker")));
    let alone = step.replicas.len() == 1;
    let others = step.replicas.iter().filter(|(service, count)| *service != "worker" && (**count > 1 || alone));
    parts.extend(others.map(|(service, count)| format!("{service}={count}")));
    parts.join(", ")
}

/// The interval of a median of waits. The standard error of a median of n samples is 1.25 σ/√n for a normal
/// distribution; σ is taken from the distance of p90 to p50, which is 1.28 σ there. A rough measure, for what is a rough
/// question.
fn median(wait: &Latency) -> Option<Estimate> {
    let (p50, p90) = (wait.p50_ms?, wait.p90_ms?);
    let error = 1.25 * (p90 - p50) / 1.28 / (wait.count as f64).sqrt();
    let half = stats::normal::quantile(0.5 + stats::estimate::CONFIDENCE / 2.0) * error;
    Some(Estimate::around(p50, half))
}
