//! Whose processors a step used, and how much of them: those of one machine, or of each node.

use std::collections::BTreeMap;

use crate::result::{Machine, Node, Step};

/// Processors that are busy for more than this share leave the services waiting for them.
pub(crate) const SATURATED: f64 = 0.85;

/// What is this close to the theory was not held up by anything that the theory does not know.
pub(crate) const CONFIRMED: f64 = 0.02;

/// The processors of one machine, with what the application used of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Processors {
    /// The nodes that run on them; empty where there are no nodes.
    pub nodes: Vec<String>,
    /// How many there are.
    pub cpus: u32,
    /// How many the application kept busy on average.
    pub cores: f64,
}

impl Processors {
    /// The share of them that was busy.
    pub fn share(&self) -> f64 {
        self.cores / f64::from(self.cpus)
    }
}

/// The processors of each machine that is known to have run a part of the application. Nodes that share one machine share its
/// processors, and count together. A node whose tasks do not tell what they used is left out.
pub fn of(machine: &Machine, step: &Step) -> Vec<Processors> {
    // A file from before nodes told their processors: one node was where the program ran, of several nothing is known.
    if machine.nodes.len() < 2 && machine.nodes.iter().all(|node| node.cpus == 0) {
        let whole = Processors { nodes: Vec::new(), cpus: machine.cpus, cores: step.cores() };
        return if machine.cpus > 0 { vec![whole] } else { Vec::new() };
    }
    let mut shared: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
    for node in machine.nodes.iter().filter(|node| node.cpus > 0) {
        shared.entry(node.machine.as_deref().unwrap_or(&node.name)).or_default().push(node);
    }
    let used = |node: &Node| {
        let told = step.placement.iter().filter(|task| task.node == node.name).filter_map(|task| task.cpu_cores);
        told.fold(None, |sum: Option<f64>, cores| Some(sum.unwrap_or_default() + cores))
    };
    let together = shared.into_values().filter_map(|nodes| {
        let told: Vec<f64> = nodes.iter().filter_map(|node| used(node)).collect();
        let cpus = nodes.iter().map(|node| node.cpus).max()?;
        let nodes = nodes.iter().map(|node| node.name.clone()).collect();
        (!told.is_empty()).then(|| Processors { nodes, cpus, cores: told.iter().sum() })
    });
    together.collect()
}

/// Whether a step of dockercoins made less than it would have with more processors, or with these for itself alone.
///
/// Where there is a theory, it fell short of it and was held up for at least the share of the time that is missing: a loop that
/// takes a tenth longer because of the processors has waited for one for a tenth of the time. Without delays there is no theory,
/// and processors that the application has or waits for nearly all of the time are the limit.
pub fn limit(machine: &Machine, step: &Step) -> bool {
    let busiest = busiest(machine, std::iter::once(step));
    let waited = step.cpu_starved.unwrap_or_default();
    match step.deviation() {
        Some(off) => {
            off < -CONFIRMED && (waited >= -off || busiest.is_some_and(|processors| processors.share() >= SATURATED))
        }
        None => busiest.is_some_and(|found| found.share() + waited / f64::from(found.cpus) >= SATURATED),
    }
}

/// The processors that were busiest on average over some steps.
pub fn busiest<'a>(machine: &Machine, steps: impl Iterator<Item = &'a Step>) -> Option<Processors> {
    let mut found: BTreeMap<Vec<String>, (u32, Processors)> = BTreeMap::new();
    for processors in steps.flat_map(|step| of(machine, step)) {
        let (count, sum) =
            found.entry(processors.nodes.clone()).or_insert((0, Processors { cores: 0.0, ..processors.clone() }));
        *count += 1;
        sum.cores += processors.cores;
    }
    let means = found.into_values().map(|(count, sum)| Processors { cores: sum.cores / f64::from(count), ..sum });
    means.max_by(|a, b| a.share().total_cmp(&b.share()))
}
