//! Checks as they are written in a lab.

use std::fmt;
use std::str::FromStr;

use super::Assertion;

/// Each check as it is written, with its arguments in capitals.
const USAGE: [&str; 35] = [
    "answer LETTER",
    "compose_running SERVICE N",
    "compose_restarted",
    "compose_gone",
    "resolves FROM NAME",
    "ports_free PORT...",
    "http_ok NODE:PORT PATH",
    "http_ok_everywhere PORT PATH",
    "counter_moves",
    "cpu_under PERCENT",
    "rate R within P%",
    "slower PORT PORT FACTOR",
    "swarm_active",
    "swarm_port PORT",
    "private_addresses",
    "nodes_ready N",
    "managers N",
    "running SERVICE N",
    "global SERVICE",
    "no_service NAME",
    "spread SERVICE",
    "mounted VOLUME SERVICE",
    "catalog_everywhere",
    "catalog_has REPOSITORY TAG",
    "image_on NODE IMAGE",
    "overlay NETWORK",
    "no_network NETWORK",
    "replaced SERVICE",
    "tasks_table SERVICE",
    "runs_image SERVICE PART",
    "updated SERVICE STATE",
    "node_state NODE STATE",
    "availability NODE WORD",
    "none_on NODE SERVICE",
    "some_on NODE SERVICE",
];

/// One more, for what comes as a whole.
const STACK: &str = "stack NAME N";

impl FromStr for Assertion {
    type Err = String;

    fn from_str(line: &str) -> Result<Assertion, String> {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        let usage = USAGE.iter().chain([&STACK]).find(|usage| usage.split(' ').next() == Some(name));
        let Some(usage) = usage else { return Err(format!("there is no check {name:?}")) };
        let words: Vec<&str> = words.collect();
        read(name, &words).ok_or_else(|| format!("`{line}` is not of the form `{usage}`"))
    }
}

fn read(name: &str, words: &[&str]) -> Option<Assertion> {
    let own = |text: &str| text.to_owned();
    Some(match (name, words) {
        ("answer", [letter]) => Assertion::Answer(one(letter)?),
        ("compose_running", [service, n]) => Assertion::ComposeRunning(own(service), n.parse().ok()?),
        ("compose_restarted", []) => Assertion::ComposeRestarted,
        ("compose_gone", []) => Assertion::ComposeGone,
        ("resolves", [from, name]) => Assertion::Resolves(own(from), own(name)),
        ("ports_free", [_, ..]) => {
            Assertion::PortsFree(words.iter().map(|port| port.parse().ok()).collect::<Option<_>>()?)
        }
        ("http_ok", [at, path]) => {
            let (node, port) = at.split_once(':')?;
            Assertion::HttpOk(own(node), port.parse().ok()?, own(path))
        }
        ("http_ok_everywhere", [port, path]) => Assertion::HttpOkEverywhere(port.parse().ok()?, own(path)),
        ("counter_moves", []) => Assertion::CounterMoves,
        ("cpu_under", [percent]) => Assertion::CpuUnder(number(percent)?),
        ("rate", [rate, "within", percent]) => Assertion::Rate(number(rate)?, number(percent.strip_suffix('%')?)?),
        ("slower", [slow, fast, factor]) => Assertion::Slower(slow.parse().ok()?, fast.parse().ok()?, number(factor)?),
        ("swarm_active", []) => Assertion::SwarmActive,
        ("swarm_port", [port]) => Assertion::SwarmPort(port.parse().ok()?),
        ("private_addresses", []) => Assertion::PrivateAddresses,
        ("nodes_ready", [n]) => Assertion::NodesReady(n.parse().ok()?),
        ("managers", [n]) => Assertion::Managers(n.parse().ok()?),
        ("running", [service, n]) => Assertion::Running(own(service), n.parse().ok()?),
        ("global", [service]) => Assertion::Global(own(service)),
        ("no_service", [name]) => Assertion::NoService(own(name)),
        ("spread", [service]) => Assertion::Spread(own(service)),
        ("mounted", [volume, service]) => Assertion::Mounted(own(volume), own(service)),
        ("catalog_everywhere", []) => Assertion::CatalogEverywhere,
        ("catalog_has", [repository, tag]) => Assertion::CatalogHas(own(repository), own(tag)),
        ("image_on", [node, image]) => Assertion::ImageOn(own(node), own(image)),
        ("overlay", [network]) => Assertion::Overlay(own(network)),
        ("no_network", [network]) => Assertion::NoNetwork(own(network)),
        ("replaced", [service]) => Assertion::Replaced(own(service)),
        ("tasks_table", [service]) => Assertion::TasksTable(own(service)),
        ("runs_image", [service, part]) => Assertion::RunsImage(own(service), own(part)),
        ("updated", [service, state]) => Assertion::Updated(own(service), own(state)),
        ("node_state", [node, state]) => Assertion::NodeState(own(node), own(state)),
        ("availability", [node, word]) => Assertion::Availability(own(node), own(word)),
        ("none_on", [node, service]) => Assertion::NoneOn(own(node), own(service)),
        ("some_on", [node, service]) => Assertion::SomeOn(own(node), own(service)),
        ("stack", [name, n]) => Assertion::Stack(own(name), n.parse().ok()?),
        _ => return None,
    })
}

fn one(word: &str) -> Option<char> {
    let mut letters = word.chars();
    letters.next().filter(|letter| letter.is_ascii_lowercase() && letters.next().is_none())
}

fn number(word: &str) -> Option<f64> {
    word.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

impl fmt::Display for Assertion {
    /// What is looked at, in a few words for the student.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Assertion::Answer(_) => write!(f, "your answer"),
            Assertion::ComposeRunning(service, n) => write!(f, "{service} on head: {n}"),
            Assertion::ComposeRestarted => write!(f, "stopped once, and running again"),
            Assertion::ComposeGone => write!(f, "nothing is left of the application"),
            Assertion::Resolves(from, name) => write!(f, "{from} finds {name} by its name"),
            Assertion::PortsFree(ports) => write!(f, "ports {ports:?} of head are free"),
            Assertion::HttpOk(node, port, path) => write!(f, "{node}:{port}{path} answers"),
            Assertion::HttpOkEverywhere(port, path) => write!(f, "port {port}{path} answers on every node"),
            Assertion::CounterMoves => write!(f, "hashes are counted"),
            Assertion::CpuUnder(percent) => write!(f, "all of it uses under {percent} % of one processor"),
            Assertion::Rate(rate, percent) => write!(f, "{rate} hashes/s, within {percent} %"),
            Assertion::Slower(slow, fast, factor) => write!(f, "port {slow} is {factor} times slower than {fast}"),
            Assertion::SwarmActive => write!(f, "head manages a swarm"),
            Assertion::SwarmPort(port) => write!(f, "managers listen on port {port}"),
            Assertion::PrivateAddresses => write!(f, "nodes use their private addresses"),
            Assertion::NodesReady(n) => write!(f, "{n} nodes are Ready"),
            Assertion::Managers(n) => write!(f, "{n} of the nodes manage"),
            Assertion::Running(service, n) => write!(f, "{service} runs {n}/{n}"),
            Assertion::Global(service) => write!(f, "{service} runs once on each node"),
            Assertion::NoService(name) => write!(f, "service {name} is gone"),
            Assertion::Spread(service) => write!(f, "{service} is spread over the nodes"),
            Assertion::Mounted(volume, service) => write!(f, "{service} keeps its data in volume {volume}"),
            Assertion::CatalogEverywhere => write!(f, "the registry answers on every node"),
            Assertion::CatalogHas(repository, tag) => write!(f, "the registry has {repository}:{tag}"),
            Assertion::ImageOn(node, image) => write!(f, "{node} has {image}"),
            Assertion::Overlay(network) => write!(f, "{network} is an attachable overlay"),
            Assertion::NoNetwork(network) => write!(f, "network {network} is gone"),
            Assertion::Replaced(service) => write!(f, "a task of {service} failed and was replaced"),
            Assertion::TasksTable(service) => write!(f, "`lab tasks {service}` is what docker says"),
            Assertion::RunsImage(service, part) => write!(f, "{service} runs {part}"),
            Assertion::Updated(service, state) => write!(f, "the update of {service}: {state}"),
            Assertion::NodeState(node, state) => write!(f, "{node} is {state}"),
            Assertion::Availability(node, word) => write!(f, "{node} is {word}"),
            Assertion::NoneOn(node, service) => write!(f, "no {service} on {node}"),
            Assertion::SomeOn(node, service) => write!(f, "{service} on {node} too"),
            Assertion::Stack(name, n) => write!(f, "stack {name} has {n} services"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_in_the_table_can_be_read() {
        for usage in USAGE.iter().chain([&STACK]) {
            let line = usage
                .replace("LETTER", "a")
                .replace("NODE:PORT", "head:8000")
                .replace("PORT...", "8000 8001")
                .replace("PORT", "8001")
                .replace("P%", "10%")
                .replace(" R ", " 3.3 ")
                .replace("PERCENT", "50")
                .replace("FACTOR", "5")
                .replace(" N", " 3")
                .replace("3AME", "NAME")
                .replace("3ODE", "NODE")
                .replace("3ETWORK", "NETWORK");
            let read: Result<Assertion, String> = line.parse();
            assert!(read.is_ok(), "{line}: {read:?}");
        }
    }

    #[test]
    fn arguments_are_checked() {
        for line in
            ["answer ab", "answer", "rate 0 within 10%", "rate 10 within 10", "rate nan within 5%", "http_ok head /"]
        {
            assert!(line.parse::<Assertion>().unwrap_err().contains("is not of the form"), "{line}");
        }
    }
}
