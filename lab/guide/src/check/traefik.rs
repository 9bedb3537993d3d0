//! What Traefik 3 takes of a stack file, and what older versions left in so many of them.
//!
//! Source: Traefik's "Migration Guide: From v1 to v2" and "From v2 to v3", and how version 3 reads the labels of a service
//! (`pkg/provider/docker/shared_labels.go`).

use serde_json::Value;

/// The first version that speaks to Engine 29, which refuses API versions before 1.44.
const SPEAKS_TO_ENGINE_29: [u32; 3] = [3, 6, 1];

/// Flags that stop version 3 when it starts: the whole name, in small letters.
const OLD_FLAGS: [&str; 9] = [
    "docker",
    "docker.swarmmode",
    "docker.watch",
    "docker.domain",
    "web",
    "web.address",
    "loglevel",
    "api.dashboard.insecure",
    "providers.docker.swarmmode",
];

/// How labels of version 1 begin. Version 3 reads past them.
const OLD_LABELS: [&str; 3] = ["traefik.frontend.", "traefik.backend", "traefik.port"];

/// How labels begin whose name has changed: the old one, and the one that the provider for Swarm has.
const RENAMED: (&str, &str) = ("traefik.docker.", "traefik.swarm.");

/// All that is wrong, as sentences.
pub fn find(file: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, service) in file["services"].as_object().into_iter().flatten() {
        let image = service["image"].as_str().unwrap_or_default();
        let is_traefik = image.rsplit('/').next().is_some_and(|last| last.split([':', '@']).next() == Some("traefik"));
        if is_traefik {
            balancer(name, image, service, &file["networks"], &mut wrong);
        }
        let labels = pairs(&service["deploy"]["labels"]);
        if labels.iter().any(|(key, _)| key.starts_with("traefik.")) {
            labelled(name, &labels, &file["networks"], &mut wrong);
            if !is_traefik && service["ports"].as_array().is_some_and(|ports| !ports.is_empty()) {
                wrong.push(format!("{name} publishes a port, by which visitors get past the balancer"));
            }
        }
    }
    wrong
}

fn balancer(name: &str, image: &str, service: &Value, networks: &Value, wrong: &mut Vec<String>) {
    let version = version(image);
    // A tag such as v3.6 names the newest of its kind, so what it does not say is not held against it.
    if version.as_slice() < &SPEAKS_TO_ENGINE_29[..version.len()] {
        let version = version.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
        wrong.push(format!("{name} runs Traefik {version}; before 3.6.1 it cannot speak to Engine 29"));
    }
    let flags = words(&service["command"]);
    for flag in &flags {
        let option = flag.trim_start_matches('-').split('=').next().unwrap_or_default();
        if OLD_FLAGS.contains(&option.to_lowercase().as_str()) {
            wrong.push(format!("{name} has --{option}, a flag of an older Traefik: version 3 does not start with it"));
        }
        if option.eq_ignore_ascii_case("providers.swarm.network") {
            network(name, flag.split_once('=').map_or("", |(_, value)| value), networks, wrong);
        }
    }
    if !flags.iter().any(|flag| flag.starts_with("--providers.swarm")) {
        wrong.push(format!("{name} does not ask the swarm: --providers.swarm=true"));
    }
    let dashboard = |port: &Value| match port {
        Value::String(text) => text.ends_with(":8080"),
        long => long["target"] == 8080,
    };
    if service["ports"].as_array().is_some_and(|ports| ports.iter().any(dashboard)) {
        wrong.push(format!("{name} publishes the dashboard on port 8080, for everybody"));
    }
}

/// A network has to be told by its full name.
fn network(name: &str, full: &str, networks: &Value, wrong: &mut Vec<String>) {
    let known = |network: &str| networks.as_object().is_some_and(|all| all.contains_key(network));
    if !full.split_once('_').is_some_and(|(_, network)| known(network)) {
        wrong.push(format!("{name}: the network {full} should be the stack's name, an underscore and the network's"));
    }
}

fn labelled(name: &str, labels: &[(String, String)], networks: &Value, wrong: &mut Vec<String>) {
    for (at, (key, value)) in labels.iter().enumerate() {
        if labels[..at].iter().any(|(before, _)| before == key) {
            wrong.push(format!("{name} has the label {key} twice: only the last one counts"));
        }
        if OLD_LABELS.iter().any(|old| key.starts_with(old)) {
            wrong.push(format!("{name} has {key}, a label of an older Traefik: version 3 reads past it"));
        }
        let parts = || value.split("&&").flat_map(|part| part.split("||"));
        if key.ends_with(".rule") && key.contains(".routers.") && !parts().all(|part| part.contains("(`")) {
            wrong.push(format!("{name}: the rule `{value}` is none of version 3: write Host(`...`)"));
        }
        if key == "traefik.swarm.network" {
            network(name, value, networks, wrong);
        }
        let (old, new) = RENAMED;
        if let Some(rest) = key.strip_prefix(old) {
            wrong.push(if labels.iter().any(|(key, _)| key.starts_with(new)) {
                format!("{name} has {key} beside {new}*: version 3 leaves a service with both out")
            } else {
                format!("{name} has {key}, which is called {new}{rest} now: version 3 warns of the old name")
            });
        }
    }
    for part in [".loadbalancer.server.port", ".rule"] {
        if !labels.iter().any(|(key, _)| key.starts_with("traefik.http.") && key.ends_with(part)) {
            wrong.push(format!("{name} has no label traefik.http...{part}"));
        }
    }
}

/// The version in an image's tag, as far as the tag tells it.
fn version(image: &str) -> Vec<u32> {
    let last = image.rsplit('/').next().unwrap_or_default();
    let tag = last.split('@').next().and_then(|name| name.split_once(':')).map_or("", |(_, tag)| tag);
    tag.trim_start_matches('v').split(['.', '-']).map_while(|part| part.parse().ok()).take(3).collect()
}

/// A command, written as a list or as one text.
fn words(command: &Value) -> Vec<String> {
    match command {
        Value::Array(words) => words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        text => text.as_str().unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
    }
}

/// Labels, written as a list or as a map.
fn pairs(labels: &Value) -> Vec<(String, String)> {
    let pair = |text: &str| {
        text.split_once('=').map_or((text.to_owned(), String::new()), |(key, value)| (key.into(), value.into()))
    };
    match labels {
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(pair).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        find(&serde_yaml_ng::from_str(text).unwrap())
    }

    #[test]
    fn the_file_of_the_lab_has_all_of_the_faults_and_the_mended_one_has_none() {
        let found = faults(include_str!("../../../labs/web/files/found.yml"));
        for part in [
            "--docker.swarmmode",
            "--web",
            "does not ask the swarm",
            "dashboard",
            "traefik.frontend.rule twice",
            "traefik.port, a label",
            "traefik.docker.network, which is called traefik.swarm.network now",
            "app publishes a port",
            "no label traefik.http....loadbalancer.server.port",
        ] {
            assert!(found.iter().any(|fault| fault.contains(part)), "{part}: {found:#?}");
        }
        assert_eq!(faults(include_str!("../../../labs/web/files/mended.yml")), [""; 0]);
    }

    #[test]
    fn what_is_nearly_right_is_found() {
        let mended = include_str!("../../../labs/web/files/mended.yml");
        for (right, wrong, says) in [
            ("traefik:v3.6.1", "traefik:v3.6.0", "cannot speak to Engine 29"),
            ("traefik:v3.6.1", "traefik:2.11", "Traefik 2.11;"),
            ("traefik:v3.6.1", "traefik:v3.5", "Traefik 3.5;"),
            ("traefik:v3.6.1", "traefik:v2", "Traefik 2;"),
            ("--providers.swarm=true", "--providers.docker.swarmMode=true", "--providers.docker.swarmMode"),
            ("Host(`web.example.org`)", "Host:web.example.org", "none of version 3"),
            ("PathPrefix(`/app`)", "PathPrefix:/app", "none of version 3"),
            ("web_net", "net", "the stack's name"),
            ("web_net", "web_other", "the stack's name"),
            (
                "=true\n      - --prov",
                "=true\n      - --providers.swarm.network=net\n      - --prov",
                "the stack's name",
            ),
            ("traefik.swarm.network", "traefik.docker.network", "traefik.swarm.network now"),
            ("- \"traefik.swarm", "- \"traefik.docker.lbswarm=true\"\n        - \"traefik.swarm", "with both"),
            ("session:1", "session:1\n    ports: [\"8081:80\"]", "app publishes a port"),
        ] {
            let found = faults(&mended.replacen(right, wrong, 1));
            assert!(found.iter().any(|fault| fault.contains(says)), "{wrong}: {found:?}");
        }
        for (right, as_right) in [
            ("traefik:v3.6.1", "traefik:v3"),
            ("traefik:v3.6.1", "traefik:v3.6"),
            ("traefik:v3.6.1", "traefik:v3.6.1@sha256:0f"),
            ("traefik:v3.6.1", "traefik:v3.7.0-rc1"),
            ("=true\n      - --prov", "=true\n      - --providers.swarm.network=web_net\n      - --prov"),
        ] {
            let changed = mended.replacen(right, as_right, 1);
            assert!(changed != mended, "{right} is not in the file");
            assert_eq!(faults(&changed), [""; 0], "{as_right}");
        }
        assert_eq!(faults("services: {app: {image: nginx:1.26, command: [--web]}}"), [""; 0]);
    }
}
