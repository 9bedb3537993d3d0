//! The machine and the settings.

use charts::Table;

use crate::format::{percent, time};
use crate::result::{Dockercoins, Node, Settings, Sweep};

/// Both as tables.
pub fn html(sweep: &Sweep) -> String {
    let machine = &sweep.machine;
    let mut about = Table::new("Machine", ["machine", "value"]).of_words();
    let gib = machine.memory_bytes as f64 / f64::from(1 << 30);
    for (name, value) in [
        ("host", machine.hostname.clone()),
        ("system", machine.os.clone()),
        ("kernel", machine.kernel.clone()),
        ("processor", machine.cpu.clone()),
        ("processors used", machine.cpus.to_string()),
        ("memory", format!("{gib:.1} GiB")),
        ("engine", machine.engine.clone().unwrap_or_default()),
        ("nodes", machine.nodes.iter().map(node).collect::<Vec<_>>().join(", ")),
    ] {
        if !value.is_empty() {
            about = about.row([name.to_owned(), value]);
        }
    }
    format!("<div class=\"pair\">{}{}</div>", about.html(), settings(sweep))
}

/// A node with what it has.
fn node(node: &Node) -> String {
    let gib = node.memory_bytes as f64 / f64::from(1 << 30);
    match node.cpus {
        0 => node.name.clone(),
        1 => format!("{} (1 processor, {gib:.1} GiB)", node.name),
        cpus => format!("{} ({cpus} processors, {gib:.1} GiB)", node.name),
    }
}

fn settings(sweep: &Sweep) -> String {
    let settings = &sweep.settings;
    let replicas: Vec<String> = settings.replicas.iter().map(u32::to_string).collect();
    let set: Vec<String> = settings.set.iter().map(|(service, count)| format!("{service}={count}")).collect();
    let mut table = Table::new("Settings", ["setting", "value"]).of_words();
    let of_dockercoins = settings.dockercoins.iter().flat_map(dockercoins);
    let general = [
        ("platform", sweep.platform.clone()),
        ("swept service", settings.scaled.clone()),
        ("replicas", replicas.join(", ")),
        ("other replicas", set.join(", ")),
        ("load", settings.load.clone().unwrap_or_default()),
        ("sent to", settings.url.clone().unwrap_or_default()),
        ("measured for", measured(settings)),
        ("settled for", format!("up to {} s a step", settings.settle_s)),
        ("repeats", settings.repeats.to_string()),
    ];
    for (name, value) in general.into_iter().chain(of_dockercoins) {
        if !value.is_empty() {
            table = table.row([name.to_owned(), value]);
        }
    }
    table.html()
}

/// What dockercoins was started with.
fn dockercoins(found: &Dockercoins) -> [(&'static str, String); 8] {
    let limit = |slots: u32| {
        if slots == 0 { "no limit".to_owned() } else { slots.to_string() }
    };
    [
        ("think time", time(found.think_ms)),
        ("delay of rng", time(found.rng_delay_ms)),
        ("requests that rng serves at a time", limit(found.rng_concurrency)),
        ("delay of hasher", time(found.hasher_delay_ms)),
        ("requests that hasher serves at a time", limit(found.hasher_concurrency)),
        ("loops in a worker", found.loops.to_string()),
        ("connections", if found.keep_alive { "kept open" } else { "one for each request" }.to_owned()),
        ("ledger", found.ledger.clone()),
    ]
}

/// How long each step was measured.
fn measured(settings: &Settings) -> String {
    match settings.precision {
        Some(share) => format!("up to {} s a step, until known to within {}", settings.measure_s, percent(share)),
        None => format!("{} s a step", settings.measure_s),
    }
}
