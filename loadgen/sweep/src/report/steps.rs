//! The steps as a table, and where their tasks ran.

use std::collections::BTreeMap;

use charts::{Table, escape};

use super::{many, services};
use crate::format::{difference, fine_rate, margin, percent, time};
use crate::processors;
use crate::result::{Placement, Step, Sweep};

/// The table of all steps.
pub fn html(sweep: &Sweep) -> String {
    let probed = services(sweep, |step| step.probes.keys().collect());
    let busy = services(sweep, |step| step.utilisation.keys().collect());
    let mut header: Vec<String> = [
        many(&sweep.settings).as_str(),
        &sweep.settings.unit,
        "±\u{a0}95\u{a0}%",
        "theory",
        "off by",
        "random delays",
        "loop p50",
    ]
    .map(str::to_owned)
    .into();
    for service in &probed {
        header.extend(["p50", "p90"].map(|what| format!("{service} {what}")));
    }
    header.extend(busy.iter().map(|service| format!("{service} busy")));
    header.push("CPU cores".to_owned());

    let none = || "–".to_owned();
    let mut table = Table::new("All steps", header);
    for step in &sweep.steps {
        let rate = step.throughput;
        let mut fields = vec![
            format!(
                "{}{}{}",
                step.swept(&sweep.settings),
                if step.steady { "" } else { " *" },
                if limited(sweep, step) { " !" } else { "" }
            ),
            fine_rate(rate.value),
            margin(rate),
            step.theory.map_or_else(none, fine_rate),
            step.deviation().map_or_else(none, difference),
            step.mva.map_or_else(none, fine_rate),
            step.loop_time.p50_ms.map_or_else(none, time),
        ];
        for service in &probed {
            let probe = step.probes.get(*service);
            fields.push(probe.and_then(|probe| probe.p50_ms).map_or_else(none, time));
            fields.push(probe.and_then(|probe| probe.p90_ms).map_or_else(none, time));
        }
        fields.extend(
            busy.iter().map(|service| step.utilisation.get(*service).map_or_else(none, |share| percent(*share))),
        );
        fields.push(format!("{:.2}", step.cores()));
        table = table.row(fields);
    }
    let mut html = format!(
        "<p class=\"soft\">“Off by” is how far the measured throughput is from the theory for constant delays; “random delays” is what mean-value \
         analysis gives for delays of the same mean and random length.</p>{}",
        table.html()
    );
    if sweep.steps.iter().any(|step| !step.steady) {
        html.push_str("<p class=\"soft\">* The rate was not yet steady when the measuring began.</p>");
    }
    if sweep.steps.iter().any(|step| limited(sweep, step)) {
        html.push_str("<p class=\"soft\">! The machine’s processors were the limit.</p>");
    }
    html.push_str(&notes(sweep));
    html
}

/// Whether the processors held the application up; a service of one's own has its own words for that.
fn limited(sweep: &Sweep, step: &Step) -> bool {
    sweep.settings.dockercoins.is_some() && processors::limit(&sweep.machine, step)
}

/// What a reader should know about single steps.
pub fn notes(sweep: &Sweep) -> String {
    let mut items = String::new();
    for step in &sweep.steps {
        let at = crate::format::replicas(step.swept(&sweep.settings), &sweep.settings.scaled);
        for note in &step.notes {
            items.push_str(&format!("<li>{}: {}</li>", escape(&at), escape(note)));
        }
        if let Some(seconds) = step.recovered_s {
            items.push_str(&format!("<li>{}: all replicas ran again after {seconds:.1} s.</li>", escape(&at)));
        }
    }
    if items.is_empty() { items } else { format!("<ul class=\"evidence\">{items}</ul>") }
}

/// How many tasks of each service each node had.
pub fn placement(sweep: &Sweep) -> String {
    let mut nodes: Vec<&String> =
        sweep.steps.iter().flat_map(|step| step.placement.iter().map(|task| &task.node)).collect();
    nodes.sort();
    nodes.dedup();
    let mut header = vec![many(&sweep.settings)];
    header.extend(nodes.iter().map(|node| node.to_string()));
    let mut table = Table::new("Tasks by node", header);
    for step in sweep.steps.iter().filter(|step| !step.placement.is_empty()) {
        let mut fields = vec![step.swept(&sweep.settings).to_string()];
        for node in &nodes {
            let mut tasks: BTreeMap<&str, u32> = BTreeMap::new();
            let here: Vec<&Placement> = step.placement.iter().filter(|task| task.node == **node).collect();
            for task in &here {
                *tasks.entry(&task.service).or_default() += 1;
            }
            let mut list: Vec<String> = tasks.iter().map(|(service, count)| format!("{service} × {count}")).collect();
            let told: Vec<f64> = here.iter().filter_map(|task| task.cpu_cores).collect();
            list.extend((!told.is_empty()).then(|| format!("{:.3} cores", told.iter().sum::<f64>())));
            fields.push(if list.is_empty() { "–".to_owned() } else { list.join(", ") });
        }
        table = table.row(fields);
    }
    format!(
        "<p class=\"soft\">How many tasks of each service every node ran while a step was measured, and the processor time that they used together.</p>{}{}",
        table.of_words().html(),
        sweep.steps.last().map(|step| tasks(sweep, step)).unwrap_or_default()
    )
}

/// What each task used in a step, where that is known, and what part of the answers it gave.
fn tasks(sweep: &Sweep, step: &Step) -> String {
    let told: Vec<&Placement> = step.placement.iter().filter(|task| task.cpu_cores.is_some()).collect();
    if told.is_empty() {
        return String::new();
    }
    let title =
        format!("Each task, with {}", crate::format::replicas(step.swept(&sweep.settings), &sweep.settings.scaled));
    let header = ["task", "node", "cores", "MiB", "share of the answers"].map(str::to_owned);
    let none = || "–".to_owned();
    let table = told.into_iter().fold(Table::new(&title, header), |table, task| {
        table.row([
            task.task.clone(),
            task.node.clone(),
            task.cpu_cores.map_or_else(none, |cores| format!("{cores:.3}")),
            task.memory_bytes.map_or_else(none, |bytes| format!("{:.1}", bytes as f64 / f64::from(1 << 20))),
            step.shares.get(&task.task).map_or_else(none, |share| percent(*share)),
        ])
    });
    format!("<p class=\"soft\">{}:</p>{}", escape(&title), table.of_words().html())
}
