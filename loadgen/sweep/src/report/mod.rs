//! `report.html`: what was measured, what it means, and how one knows, in one file.

pub mod grid;
mod head;
mod latency;
mod machine;
mod reasons;
mod service;
mod steps;
mod throughput;
mod timeline;
mod utilisation;

use charts::{Page, escape};

use crate::file;
use crate::result::{Settings, Step, Sweep};

/// The report of a sweep, as one HTML file that needs nothing else.
pub fn html(sweep: &Sweep) -> String {
    let whose = if sweep.settings.scaled == "worker" { "its " } else { "" };
    let dockercoins = sweep.settings.dockercoins.is_some();
    let title = match dockercoins {
        true => format!("How the application scales with {whose}{}", many(&sweep.settings)),
        false => format!("How {} scales", sweep.settings.scaled),
    };
    let mut page = Page::new(title).head(head::html(sweep));
    if !sweep.steps.is_empty() && !dockercoins {
        page = page.section("throughput", "Throughput", throughput::html(sweep)).section(
            "efficiency",
            "What each further replica brings",
            service::efficiency(sweep),
        );
        if sweep.sends() {
            page = page.section("waiting", "Response time", service::latency(sweep));
        }
        page = page.section("utilisation", "What is busy", service::busy(sweep));
    } else if !sweep.steps.is_empty() {
        page = page
            .section("throughput", "Throughput", throughput::html(sweep))
            .section("waiting", "Waiting", latency::html(sweep))
            .section("utilisation", "Utilisation", utilisation::html(sweep));
    }
    if !sweep.timeline.is_empty() {
        page = page.section("time", "The run over time", timeline::html(sweep));
    }
    if !sweep.steps.is_empty() {
        page = page.section("steps", "All steps", if dockercoins { steps::html(sweep) } else { service::steps(sweep) });
        if sweep.steps.iter().any(|step| !step.placement.is_empty()) {
            page = page.section("placement", "Where the tasks ran", steps::placement(sweep));
        }
        page = page.section("reasons", "How the verdict was reached", reasons::html(sweep));
    }
    page.section("machine", "Machine and settings", machine::html(sweep))
        .foot(made_by(sweep, file::NAME, sweep.took_s))
        .html()
}

/// The verdict, for the top of a report.
fn verdict(sentence: &str) -> String {
    format!("<div class=\"verdict\" role=\"note\" aria-label=\"Verdict\"><p>{}</p></div>", prose(sentence))
}

/// That the run was ended early, and how much of it there is. Text, not markup.
fn ended_early(done: &str) -> String {
    format!("<div class=\"verdict warning\" role=\"note\"><p>The run was ended early: {}.</p></div>", escape(done))
}

/// What made the report of which file, and when the run was that begins with this sweep.
fn made_by(first: &Sweep, file: &str, took_s: f64) -> String {
    format!(
        "<p>Made by {} from <code>{file}</code>. The run began {} and took {}.</p>",
        escape(&first.generator),
        escape(&moment(&first.started)),
        duration(took_s)
    )
}

/// What is swept, in the plural: `workers`, `replicas of rng`.
fn many(settings: &Settings) -> String {
    if settings.scaled == "worker" { "workers".to_owned() } else { format!("replicas of {}", settings.scaled) }
}

/// A sentence as markup, with numbers and their units kept on one line.
fn prose(text: &str) -> String {
    escape(text)
        .replace(" %", "\u{a0}%")
        .replace(" hashes/s", "\u{a0}hashes/s")
        .replace(" requests/s", "\u{a0}requests/s")
        .replace(" ms", "\u{a0}ms")
}

/// The steps in the order of the swept replicas.
fn ordered(sweep: &Sweep) -> Vec<&Step> {
    let mut steps: Vec<&Step> = sweep.steps.iter().collect();
    steps.sort_by_key(|step| step.swept(&sweep.settings));
    steps
}

/// The services of which at least one step has something.
fn services<'a>(sweep: &'a Sweep, of: impl Fn(&'a Step) -> Vec<&'a String>) -> Vec<&'a String> {
    let all: std::collections::BTreeSet<&String> = sweep.steps.iter().flat_map(of).collect();
    let mut all: Vec<&String> = all.into_iter().collect();
    // In the order in which a worker asks them, and the rest after.
    let place = |name: &str| crate::theory::SERVICES.iter().position(|service| *service == name).unwrap_or(usize::MAX);
    all.sort_by_key(|name| place(name));
    all
}

/// The colour of a service, the same in every chart.
fn colour(service: &str) -> usize {
    match service {
        "rng" => 0,
        "hasher" => 1,
        "webui" => 4,
        _ => 3,
    }
}

/// An RFC 3339 time for people: to the second, in UTC.
fn moment(started: &str) -> String {
    match (started.get(..10), started.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => started.to_owned(),
    }
}

/// A number of seconds for people.
fn duration(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{:.0} min {:.0} s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}
