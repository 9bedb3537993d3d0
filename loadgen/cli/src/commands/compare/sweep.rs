//! Two results of sweep.

use stats::{difference, normal};
use sweep::result::{Latency, Step, Sweep};

use super::{Args, Comparison, Figure};

/// Compares throughput and waits at each number of replicas that both have.
pub fn compare(args: &Args, before: &Sweep, after: &Sweep) -> Comparison {
    let mut figures = Vec::new();
    let mut notes = Vec::new();
    for a in &before.steps {
        let Some(b) = after.steps.iter().find(|b| b.replicas == a.replicas && b.repeat == a.repeat) else {
            notes.push(format!("Only the first has a step with {}.", describe(a)));
            continue;
        };
        let (x, y) = (a.hashes_per_second, b.hashes_per_second);
        let name = format!("{}: hashes", describe(a));
        figures.push(Figure::judge(args, &name, "/s", true, (x.value, y.value), Some(difference::between(x, y).p)));
        for (service, was) in &a.probes {
            let Some(is) = b.probes.get(service) else { continue };
            figures.push(Figure::judge(
                args,
                &format!("  {service} p50"),
                "ms",
                false,
                (was.p50_ms, is.p50_ms),
                waits(was, is),
            ));
        }
    }
    for b in &after.steps {
        if !before.steps.iter().any(|a| b.replicas == a.replicas && b.repeat == a.repeat) {
            notes.push(format!("Only the second has a step with {}.", describe(b)));
        }
    }
    if before.platform != after.platform {
        notes.push(format!("The platforms differ: {} and {}.", before.platform, after.platform));
    }
    if before.verdict.bottleneck != after.verdict.bottleneck {
        notes.push(format!("Before: {}", before.verdict.sentence));
        notes.push(format!("After:  {}", after.verdict.sentence));
    }
    Comparison { figures, notes }
}

fn describe(step: &Step) -> String {
    let mut parts = vec![format!("{} workers", step.workers)];
    let others = step.replicas.iter().filter(|(service, count)| *service != "worker" && **count > 1);
    parts.extend(others.map(|(service, count)| format!("{service}={count}")));
    if step.repeat > 1 {
        parts.push(format!("repeat {}", step.repeat));
    }
    parts.join(", ")
}

/// How likely chance alone makes two medians of waits differ so. The standard error of a median of n samples is 1.25 σ/√n for a normal
/// distribution; σ is taken from the distance of p90 to p50, which is 1.28 σ there. A rough measure, for what is a rough
/// question.
fn waits(a: &Latency, b: &Latency) -> Option<f64> {
    if a.count < 10 || b.count < 10 {
        return None;
    }
    let error = |wait: &Latency| 1.25 * (wait.p90_ms - wait.p50_ms) / 1.28 / (wait.count as f64).sqrt();
    let error = error(a).hypot(error(b));
    match (error > 0.0, a.p50_ms == b.p50_ms) {
        (_, true) => Some(1.0),
        (true, _) => Some(normal::two_sided((b.p50_ms - a.p50_ms) / error)),
        (false, _) => None,
    }
}
