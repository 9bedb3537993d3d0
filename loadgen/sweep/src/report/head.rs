//! The top of the report: the verdict, and the figures to remember.

use charts::escape;

use super::{duration, ended_early, moment, verdict};
use crate::format::{percent, rate, replicas, time};
use crate::result::Sweep;
use model::law::Law;

/// The verdict, and what qualifies it.
pub fn html(sweep: &Sweep) -> String {
    let mut html = format!(
        "<p class=\"soft\">{} on {}, {}, in {}.</p>",
        escape(&platform(&sweep.platform)),
        escape(&sweep.machine.hostname),
        escape(&moment(&sweep.started)),
        duration(sweep.took_s)
    );
    html.push_str(&verdict(&sweep.verdict.sentence));
    for sentence in crate::need::sentences(sweep) {
        html.push_str(&verdict(&sentence));
    }
    if sweep.interrupted {
        let all = sweep.settings.replicas.len() * sweep.settings.repeats.max(1) as usize;
        html.push_str(&ended_early(&format!("{} of {all} steps were finished", sweep.steps.len())));
    }
    html.push_str(&facts(sweep));
    html
}

fn platform(name: &str) -> String {
    match name {
        "embedded" => "All services in one process".to_owned(),
        "compose" => "Services in containers of one engine".to_owned(),
        "swarm" => "Services in a swarm".to_owned(),
        "processes" => "Copies of a command".to_owned(),
        other => format!("Platform {other}"),
    }
}

fn facts(sweep: &Sweep) -> String {
    let Some(best) = sweep.steps.iter().max_by(|a, b| a.throughput.value.total_cmp(&b.throughput.value)) else {
        return String::new();
    };
    let mut facts = vec![(
        "fastest step".to_owned(),
        rate(best.throughput.value),
        format!("{} at {}", sweep.settings.unit, replicas(best.swept(&sweep.settings), &sweep.settings.scaled)),
    )];
    let off: Vec<f64> = sweep.steps.iter().filter_map(|step| step.deviation()).map(f64::abs).collect();
    if let Some(worst) = off.iter().copied().reduce(f64::max) {
        facts.push(("off theory by".to_owned(), percent(worst), "at most, at any step".to_owned()));
    }
    let top = sweep.steps.iter().max_by_key(|step| step.swept(&sweep.settings)).unwrap_or(best);
    let at = replicas(top.swept(&sweep.settings), &sweep.settings.scaled);
    if let Some((service, share)) = top.utilisation.iter().max_by(|a, b| a.1.total_cmp(b.1)) {
        facts.push((format!("busy, {service}"), percent(*share), format!("at {at}")));
    }
    let medians = top.probes.iter().filter_map(|(service, probe)| Some((service, probe.p50_ms?)));
    if let Some((service, median)) = medians.max_by(|a, b| a.1.total_cmp(&b.1)) {
        facts.push((format!("wait for {service}"), time(median), format!("median at {at}")));
    }
    if let Some(law) = sweep.fits.iter().find(|fit| fit.chosen).and_then(|fit| Law::named(&fit.law)) {
        let short = match law {
            Law::Linear => "linear",
            Law::Amdahl => "Amdahl",
            Law::Usl => "USL",
            Law::Cap => "hard cap",
        };
        facts.push(("law that holds".to_owned(), short.to_owned(), law.formula().to_owned()));
    }
    let list: String = facts
        .iter()
        .map(|(name, value, more)| {
            format!("<div><dt>{}</dt><dd>{} <small>{}</small></dd></div>", escape(name), escape(value), escape(more))
        })
        .collect();
    format!("<dl class=\"facts\">{list}</dl>")
}
