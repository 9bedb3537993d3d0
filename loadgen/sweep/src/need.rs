//! How many replicas a throughput needs, within what was measured.

use model::law::{Beyond, Needed, compare};

use crate::format::{rate, replicas};
use crate::laws;
use crate::result::{Settings, Step, Sweep};

/// One sentence for each throughput that was asked about.
pub fn sentences(sweep: &Sweep) -> Vec<String> {
    let settings = &sweep.settings;
    settings.need.iter().map(|&wanted| sentence(settings, &sweep.steps, wanted)).collect()
}

fn sentence(settings: &Settings, steps: &[Step], wanted: f64) -> String {
    let asked = format!("{} {}{}", rate(wanted), settings.unit, objective(settings));
    if settings.load.as_deref().is_some_and(|load| load.ends_with("/s")) {
        return format!(
            "How many replicas {asked} need cannot be told from a load of {}, which is the same at each step: use \
             --load 'capacity:p99<50ms' or closed:64.",
            settings.load.as_deref().unwrap_or_default()
        );
    }
    match needed(settings, steps, wanted) {
        Ok(Needed { count, low, high }) => {
            let most = steps.iter().map(|step| step.swept(settings)).max().unwrap_or_default();
            let range = match high {
                Some(high) if (low, high) == (count, count) => String::new(),
                Some(high) => format!(" ({low} to {high})"),
                None => format!(" ({low} or more: the data end at {most}, and do not surely reach it)"),
            };
            format!("For {asked} you need {}{range}.", replicas(count, &settings.scaled))
        }
        Err(refusal) => format!("How many replicas {asked} need is not answered: {refusal}."),
    }
}

/// What the capacity was asked to keep.
fn objective(settings: &Settings) -> String {
    let kept = settings.load.as_deref().and_then(|load| load.strip_prefix("capacity:"));
    kept.map_or_else(String::new, |kept| format!(" at {}", kept.replace(',', " and ")))
}

/// By the law that holds, or by the measured steps alone where they are too few to choose one.
fn needed(settings: &Settings, steps: &[Step], wanted: f64) -> Result<Needed, Beyond> {
    let points = laws::points(settings, steps);
    let comparison = compare(&points);
    let chosen = comparison.fits.iter().find(|fit| Some(fit.law) == comparison.chosen);
    if let Some(fit) = chosen {
        return fit.needed(&points, wanted);
    }
    let mut steps: Vec<&Step> = steps.iter().collect();
    steps.sort_by_key(|step| step.swept(settings));
    let first =
        |reaches: fn(&Step) -> f64| steps.iter().find(|step| reaches(step) >= wanted).map(|step| step.swept(settings));
    match first(|step| step.throughput.value) {
        Some(count) => {
            let low = first(|step| step.throughput.high).unwrap_or(count);
            Ok(Needed { count, low, high: first(|step| step.throughput.low) })
        }
        None => {
            let best = steps.iter().max_by(|a, b| a.throughput.value.total_cmp(&b.throughput.value));
            Err(Beyond::Reach {
                asked: wanted,
                highest: best.map_or(0.0, |step| step.throughput.value),
                at: best.map_or(0.0, |step| f64::from(step.swept(settings))),
                most: steps.last().map_or(0.0, |step| f64::from(step.swept(settings))),
            })
        }
    }
}
