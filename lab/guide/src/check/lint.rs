//! Rules for files that students write.

use serde_json::Value;

/// A rule: its name, what it demands, and what it finds in a file's value, as sentences.
pub struct Rule {
    /// The word in a lab.
    pub name: &'static str,
    /// What it demands.
    pub about: &'static str,
    /// What is wrong.
    pub find: fn(&Value) -> Vec<String>,
}

/// All rules; a new one is one line here and one function.
pub const RULES: &[Rule] = &[
    Rule { name: "valid", about: "it can be read", find: |_| Vec::new() },
    Rule { name: "pinned", about: "each image has a tag that is not latest, or a digest", find: pinned },
    Rule { name: "fixed-ports", about: "no port is published without saying which", find: fixed_ports },
    Rule { name: "private-subnets", about: "each subnet is a private one (RFC 1918)", find: private_subnets },
    Rule { name: "no-passwords", about: "no password stands in it", find: no_passwords },
    Rule { name: "limits", about: "each service has a memory limit", find: limits },
    Rule { name: "traefik-3", about: "flags and labels are those of Traefik 3", find: super::traefik::find },
];

fn services(file: &Value) -> impl Iterator<Item = (&String, &Value)> {
    file["services"].as_object().into_iter().flatten()
}

fn pinned(file: &Value) -> Vec<String> {
    let loose = |image: &str| {
        let last = image.rsplit('/').next().unwrap_or_default();
        !image.contains("@sha256:") && last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
    };
    let images = services(file).filter_map(|(name, service)| Some((name, service["image"].as_str()?)));
    images
        .filter(|(_, image)| loose(image))
        .map(|(name, image)| format!("{name} runs {image}, whatever that is today"))
        .collect()
}

fn fixed_ports(file: &Value) -> Vec<String> {
    // Port 0 is the kernel's word for any port, and Docker takes it so.
    let none = |published: &str| matches!(published, "" | "0");
    let random = |port: &Value| match port {
        Value::String(text) => text.rsplit(':').nth(1).is_none_or(none),
        Value::Number(_) => true,
        long => {
            let published = &long["published"];
            long.is_object() && (published.is_null() || published == 0 || published.as_str().is_some_and(none))
        }
    };
    let with =
        services(file).filter(|(_, service)| service["ports"].as_array().is_some_and(|ports| ports.iter().any(random)));
    with.map(|(name, _)| format!("{name} publishes a port that Docker picks at random")).collect()
}

/// All strings of a value, with the key that each stands under.
fn strings<'a>(key: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => found.push((key, text)),
        Value::Array(members) => members.iter().for_each(|member| strings(key, member, found)),
        Value::Object(members) => members.iter().for_each(|(key, member)| strings(key, member, found)),
        _ => {}
    }
}

/// A stack file has `subnet`, an engine's pool of addresses `base`.
fn private_subnets(file: &Value) -> Vec<String> {
    let mut all = Vec::new();
    strings("", file, &mut all);
    let public = |text: &str| {
        let address = text.split('/').next().and_then(|address| address.parse::<std::net::Ipv4Addr>().ok());
        address.is_some_and(|address| !address.is_private())
    };
    let subnets = all.into_iter().filter(|(key, text)| ["subnet", "base"].contains(key) && public(text));
    subnets.map(|(_, text)| format!("{text} belongs to somebody on the internet")).collect()
}

fn no_passwords(file: &Value) -> Vec<String> {
    let mut all = Vec::new();
    strings("", file, &mut all);
    let secret = |name: &str| {
        let name = name.to_lowercase();
        ["password", "passwd", "secret_key", "token"].iter().any(|word| name.contains(word)) && !name.ends_with("_file")
    };
    let told = |value: &str| !value.is_empty() && !value.starts_with("${") && !value.starts_with("/run/secrets/");
    let named = all.into_iter().filter_map(|(key, text)| {
        let (name, value) = text.split_once('=').filter(|(name, _)| secret(name)).unwrap_or((key, text));
        (secret(name) && told(value)).then(|| format!("{name} has its value in the file; make it a secret"))
    });
    named.collect()
}

fn limits(file: &Value) -> Vec<String> {
    let without = services(file).filter(|(_, service)| service["deploy"]["resources"]["limits"]["memory"].is_null());
    without.map(|(name, _)| format!("{name} may take all memory of its node")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_port_is_random_where_none_or_zero_is_published() {
        let random = |port: serde_json::Value| !fixed_ports(&json!({"services": {"a": {"ports": [port]}}})).is_empty();
        for port in [json!("80"), json!("0:80"), json!("127.0.0.1::80/tcp"), json!(80), json!({"target": 80})] {
            assert!(random(port.clone()), "{port}");
        }
        for published in [json!(0), json!("0"), json!("")] {
            assert!(random(json!({"target": 80, "published": published})), "{published}");
        }
        for port in [json!("8000:80"), json!("127.0.0.1:8000:80/udp"), json!({"target": 80, "published": "8000"})] {
            assert!(!random(port.clone()), "{port}");
        }
    }

    #[test]
    fn each_rule_bites_and_lets_good_files_pass() {
        let good = json!({
            "services": {"a": {
                "image": "127.0.0.1:5000/a:v1", "ports": ["80:80", {"target": 80, "published": 8080}],
                "environment": ["DB_PASSWORD_FILE=/run/secrets/p", "X=${PASSWORD:-}"],
                "deploy": {"resources": {"limits": {"memory": "64M"}}},
            }},
            "networks": {"n": {"ipam": {"config": [{"subnet": "172.30.0.0/24"}]}}},
        });
        let bad = json!({
            "services": {"a": {"image": "127.0.0.1:5000/a", "ports": ["80"], "environment": {"DB_PASSWORD": "hunter2"}},
                "b": {"image": "traefik:v3.6.1", "deploy": {"resources": {"limits": {"memory": "64M"}}}}},
            "networks": {"n": {"ipam": {"config": [{"subnet": "9.9.9.0/24"}]}}},
        });
        let pools =
            json!({"default-address-pools": [{"base": "10.96.0.0/16", "size": 24}, {"base": "9.0.0.0/8", "size": 24}]});
        assert_eq!(private_subnets(&pools), ["9.0.0.0/8 belongs to somebody on the internet"]);
        for rule in RULES {
            assert_eq!((rule.find)(&good), [""; 0], "{}", rule.name);
            assert_eq!((rule.find)(&bad).len(), usize::from(rule.name != "valid"), "{}", rule.name);
        }
    }
}
