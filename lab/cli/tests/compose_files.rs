//! The compose file and the stack files agree with one another, with the Dockerfile and with the programs' own help.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml_ng::Value;

/// The application's own services.
const OURS: [&str; 4] = ["hasher", "rng", "webui", "worker"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    let path = root().join("compose").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A YAML file with its merge keys applied.
fn yaml(path: &str) -> Value {
    let mut value: Value = serde_yaml_ng::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    value.apply_merge().unwrap_or_else(|error| panic!("{path}: {error}"));
    value
}

fn services(path: &str) -> BTreeMap<String, Value> {
    let file = yaml(path);
    let services = file["services"].as_mapping().unwrap_or_else(|| panic!("{path} has no services"));
    services.iter().map(|(name, service)| (name.as_str().expect("a name").to_owned(), service.clone())).collect()
}

fn names(path: &str) -> BTreeSet<String> {
    services(path).into_keys().collect()
}

fn words(value: &Value) -> Vec<String> {
    value
        .as_sequence()
        .map(|list| list.iter().filter_map(|v| v.as_str().map(ToOwned::to_owned)).collect())
        .unwrap_or_default()
}

/// What a program says with `--help`; it is built first, so that a stale one cannot answer.
fn help(program: &str) -> String {
    let cargo = std::env::var("CARGO").expect("cargo runs the tests");
    let built = Command::new(cargo).args(["build", "--quiet", "-p", program]).current_dir(root()).status();
    assert!(built.expect("cargo can be run").success(), "{program} does not build");
    let path = Path::new(env!("CARGO_BIN_EXE_lab")).with_file_name(program);
    let output =
        Command::new(&path).arg("--help").output().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8(output.stdout).expect("help is text")
}

#[test]
fn all_files_have_the_same_services() {
    let compose = names("compose.yml");
    assert!(OURS.iter().all(|name| compose.contains(*name)) && compose.contains("redis"), "{compose:?}");
    assert_eq!(names("stack.yml"), compose);
    let mut without_ipvs = names("stack.dnsrr.yml");
    assert!(without_ipvs.remove("mesh"), "ports are published by mesh where there is no IPVS");
    assert_eq!(without_ipvs, compose);
    assert_eq!(names("compose.binaries.yml"), OURS.map(ToOwned::to_owned).into());
}

#[test]
fn variables_are_those_that_the_programs_know_by_their_own_help() {
    for program in OURS {
        let help = help(program);
        assert!(help.contains("healthcheck"), "{program} has no healthcheck, which its image calls:\n{help}");
        for file in ["compose.yml", "stack.yml", "stack.dnsrr.yml"] {
            let service = &services(file)[program];
            let Some(variables) = service["environment"].as_mapping() else { continue };
            for name in variables.keys().filter_map(Value::as_str) {
                assert!(help.contains(&format!("[env: {name}=")), "{file}: {program} knows no {name}:\n{help}");
            }
        }
    }
}

#[test]
fn the_stacks_differ_only_in_how_they_are_reached() {
    let (with, without) = (services("stack.yml"), services("stack.dnsrr.yml"));
    for (name, service) in &with {
        let (mut with, mut without) = (service.clone(), without[name].clone());
        let deploy = without["deploy"].as_mapping_mut().expect("deploy");
        let mode = deploy.remove("endpoint_mode");
        assert_eq!(mode.as_ref().and_then(Value::as_str), Some("dnsrr"), "{name} has a virtual IP, which needs IPVS");
        assert!(without.get("ports").is_none(), "{name}: mesh publishes");
        with.as_mapping_mut().expect("a service").remove("ports");
        assert_eq!(with, without, "{name}");
    }
}

#[test]
fn the_same_ports_are_published_everywhere() {
    let expected: BTreeSet<String> = ["8000=webui:80", "8001=rng:80", "8002=hasher:80"].map(ToOwned::to_owned).into();
    for file in ["compose.yml", "stack.yml"] {
        let published: BTreeSet<String> = services(file)
            .iter()
            .flat_map(|(name, service)| words(&service["ports"]).into_iter().map(move |port| (name.clone(), port)))
            .map(|(name, port)| {
                let (here, there) = port.split_once(':').expect("both ports are named");
                format!("{here}={name}:{there}")
            })
            .collect();
        assert_eq!(published, expected, "{file}");
    }
    let mesh = &services("stack.dnsrr.yml")["mesh"];
    assert_eq!(words(&mesh["command"]).into_iter().collect::<BTreeSet<_>>(), expected);
    let ports = mesh["ports"].as_sequence().expect("ports");
    let host: BTreeSet<u64> =
        ports.iter().filter(|p| p["mode"].as_str() == Some("host")).filter_map(|p| p["published"].as_u64()).collect();
    assert_eq!(host, [8000, 8001, 8002].into(), "each in host mode");
    assert!(ports.iter().all(|port| port["published"] == port["target"]), "mesh listens on the port that is published");
}

#[test]
fn nothing_is_written_and_no_capability_is_kept() {
    for file in ["compose.yml", "stack.yml", "stack.dnsrr.yml"] {
        for (name, service) in services(file) {
            assert_eq!(service["read_only"].as_bool(), Some(true), "{file}: {name}");
            assert_eq!(words(&service["cap_drop"]), ["ALL"], "{file}: {name}");
        }
    }
}

#[test]
fn an_update_loses_no_request_and_a_failed_one_is_rolled_back() {
    for file in ["stack.yml", "stack.dnsrr.yml"] {
        for (name, service) in services(file) {
            let deploy = &service["deploy"];
            assert_eq!(deploy["update_config"]["failure_action"].as_str(), Some("rollback"), "{file}: {name}");
            assert!(
                deploy["resources"]["limits"]["memory"].as_str().is_some(),
                "{file}: {name} has no limit of memory"
            );
            if OURS.contains(&name.as_str()) {
                assert_eq!(deploy["update_config"]["order"].as_str(), Some("start-first"), "{file}: {name}");
                assert_eq!(service["stop_grace_period"].as_str(), Some("30s"), "{file}: {name}");
            }
        }
        let redis = &services(file)["redis"];
        assert!(
            !words(&redis["deploy"]["placement"]["constraints"]).is_empty(),
            "{file}: redis' volume is on one node"
        );
        assert_eq!(redis["deploy"]["update_config"]["order"].as_str(), Some("stop-first"), "{file}");
    }
}

#[test]
fn each_image_is_a_target_with_a_health_check() {
    let dockerfile = read("Dockerfile");
    let stages: BTreeMap<&str, &str> = dockerfile
        .split("\nFROM ")
        .filter_map(|stage| Some((stage.lines().next()?.rsplit_once(" AS ")?.1, stage)))
        .collect();
    for name in OURS {
        let stage = stages.get(name).unwrap_or_else(|| panic!("the Dockerfile has no target {name}"));
        assert!(stage.contains(&format!(r#"CMD ["/{name}", "healthcheck"]"#)), "{stage}");
        assert!(stage.contains(&format!(r#"ENTRYPOINT ["/{name}"]"#)), "{stage}");
        let compose = &services("compose.yml")[name];
        assert_eq!(compose["build"]["target"].as_str(), Some(name));
        for file in ["compose.yml", "stack.yml", "stack.dnsrr.yml"] {
            let service = services(file);
            let image = service[name]["image"].as_str().expect("an image");
            assert!(
                image.starts_with("${REGISTRY:-") && image.ends_with(&format!("/{name}:${{TAG:-latest}}")),
                "{file}: {image}"
            );
        }
    }
}

#[test]
fn redis_is_the_same_everywhere() {
    let mut compose = services("compose.yml")["redis"].clone();
    let mut stack = services("stack.yml")["redis"].clone();
    for key in ["restart", "security_opt", "networks", "deploy"] {
        compose.as_mapping_mut().expect("a service").remove(key);
        stack.as_mapping_mut().expect("a service").remove(key);
    }
    assert_eq!(compose, stack);
}

#[test]
fn prometheus_scrapes_each_service() {
    for (file, prefix) in [("prometheus/prometheus.yml", "tasks."), ("prometheus/compose.yml", "")] {
        let config = yaml(file);
        let jobs = config["scrape_configs"].as_sequence().expect("jobs");
        let scraped: BTreeSet<&str> = jobs
            .iter()
            .flat_map(|job| job["dns_sd_configs"].as_sequence().into_iter().flatten())
            .flat_map(|dns| dns["names"].as_sequence().into_iter().flatten())
            .filter_map(|name| name.as_str()?.strip_prefix(prefix))
            .collect();
        assert_eq!(scraped, OURS.into(), "{file}");
    }
    let stack = yaml("stack.prometheus.yml");
    let config = stack["configs"]["prometheus"]["file"].as_str().expect("a file");
    assert!(root().join("compose").join(config).is_file(), "{config}");
    assert_eq!(stack["networks"]["dockercoins"]["external"].as_bool(), Some(true));
}
