//! What an environment is made of: the one kind of service that may be created, and the check that a service is of that kind.

use std::collections::HashMap;

use bollard::models::{
    EndpointSpec, EndpointSpecModeEnum, Limit, NetworkAttachmentConfig, ServiceSpec, ServiceSpecMode,
    ServiceSpecModeReplicated, TaskSpec, TaskSpecContainerSpec, TaskSpecContainerSpecPrivileges, TaskSpecResources,
    TaskSpecRestartPolicy, TaskSpecRestartPolicyConditionEnum,
};
use kit::settings;
use serde_json::Value;

use crate::users::is_user;

/// The label that says whose an environment is. A service without it is none.
pub const USER: &str = "environment.user";
/// The label that says when it ends, in seconds since 1970.
pub const EXPIRES: &str = "environment.expires";
/// The label with the digest of the request that made it.
pub const REQUEST: &str = "environment.request";

/// The most processes and threads of an environment.
const PIDS: i64 = 64;

/// How often a broken environment is started again within [`RESTART_WINDOW`] before it is given up.
const RESTARTS: i64 = 5;

/// In nanoseconds.
const RESTART_WINDOW: i64 = 120_000_000_000;

/// The pause before a broken environment is started again, in nanoseconds.
const RESTART_DELAY: i64 = 1_000_000_000;

/// What every environment is made of. API and proxy are given the same.
#[derive(Debug, Clone, clap::Args)]
pub struct Template {
    /// The images that users may have, each with the name that they call it by; the first is what they get without asking
    #[arg(long = "image", env = "ENVIRONMENTS_IMAGES", value_parser = image, value_delimiter = ',', required = true, value_name = "NAME=IMAGE")]
    pub images: Vec<(String, String)>,
    /// The overlay network that all environments are on
    #[arg(long, env = "ENVIRONMENTS_NETWORK", default_value = "environments", value_name = "NAME")]
    pub network: String,
    /// The most memory of an environment
    #[arg(long, env = "ENVIRONMENTS_MEMORY", value_parser = settings::size, default_value = "64MiB", value_name = "SIZE")]
    pub memory: u64,
    /// The most processor time of an environment, in hundredths of a processor
    #[arg(long, env = "ENVIRONMENTS_CPU_PERCENT", value_parser = clap::value_parser!(u32).range(1..), default_value = "25", value_name = "N")]
    pub cpu_percent: u32,
}

/// What the labels of an environment say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Whose it is.
    pub user: String,
    /// When it ends, in seconds since 1970.
    pub expires: u64,
    /// The digest of the request that made it.
    pub request: String,
}

impl Labels {
    /// Reads them from a service; `None` where it is no environment.
    pub fn read(labels: &HashMap<String, String>) -> Option<Self> {
        let user = labels.get(USER).filter(|user| is_user(user))?.clone();
        let request = labels.get(REQUEST).filter(|digest| is_hex(digest, 64))?.clone();
        Some(Self { user, expires: labels.get(EXPIRES)?.parse().ok()?, request })
    }
}

impl Template {
    /// The service that is an environment.
    pub fn service(&self, name: &str, image: &str, labels: &Labels) -> ServiceSpec {
        let Labels { user, expires, request } = labels;
        let labels = [(USER, user.clone()), (EXPIRES, expires.to_string()), (REQUEST, request.clone())];
        let container = TaskSpecContainerSpec {
            image: Some(image.to_owned()),
            read_only: Some(true),
            capability_drop: Some(vec!["ALL".to_owned()]),
            privileges: Some(TaskSpecContainerSpecPrivileges {
                no_new_privileges: Some(true),
                ..TaskSpecContainerSpecPrivileges::default()
            }),
            ..TaskSpecContainerSpec::default()
        };
        let limits = Limit {
            nano_cpus: Some(i64::from(self.cpu_percent) * 10_000_000),
            memory_bytes: Some(i64::try_from(self.memory).unwrap_or(i64::MAX)),
            pids: Some(PIDS),
        };
        let task = TaskSpec {
            container_spec: Some(container),
            resources: Some(TaskSpecResources { limits: Some(limits), ..TaskSpecResources::default() }),
            restart_policy: Some(TaskSpecRestartPolicy {
                condition: Some(TaskSpecRestartPolicyConditionEnum::ANY),
                delay: Some(RESTART_DELAY),
                max_attempts: Some(RESTARTS),
                window: Some(RESTART_WINDOW),
            }),
            networks: Some(vec![NetworkAttachmentConfig {
                target: Some(self.network.clone()),
                ..NetworkAttachmentConfig::default()
            }]),
            ..TaskSpec::default()
        };
        ServiceSpec {
            name: Some(name.to_owned()),
            labels: Some(labels.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()),
            task_template: Some(task),
            mode: Some(ServiceSpecMode {
                replicated: Some(ServiceSpecModeReplicated { replicas: Some(1) }),
                ..ServiceSpecMode::default()
            }),
            // One task has nothing to balance, so no virtual IP is needed, and no IPVS in the kernel.
            endpoint_spec: Some(EndpointSpec { mode: Some(EndpointSpecModeEnum::DNSRR), ports: None }),
            ..ServiceSpec::default()
        }
    }

    /// The service that a body asks for, made anew. What is not the same as what was asked for is refused: a service
    /// with anything added, left out or changed is no environment, whatever Docker may learn to do with it.
    ///
    /// # Errors
    /// What is refused.
    pub fn check(&self, body: &[u8]) -> Result<ServiceSpec, String> {
        let asked: Value = serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))?;
        let text = |path: &str| asked.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let name = text("/Name");
        if !is_name(name) {
            return Err("an environment is called env- and 32 hexadecimal digits".to_owned());
        }
        let image = text("/TaskTemplate/ContainerSpec/Image");
        if !self.images.iter().any(|(_, allowed)| allowed == image) {
            return Err("this image is not among those that are allowed".to_owned());
        }
        let labels = serde_json::from_value(asked["Labels"].clone()).ok();
        let labels = labels.as_ref().and_then(Labels::read).ok_or("these are not the labels of an environment")?;
        let made = self.service(name, image, &labels);
        let expected = serde_json::to_value(&made).map_err(|error| error.to_string())?;
        match difference("", &expected, &asked) {
            None => Ok(made),
            Some(place) => Err(format!("{place} is not as it is in an environment")),
        }
    }
}

/// Where two documents differ first.
fn difference(place: &str, expected: &Value, asked: &Value) -> Option<String> {
    let (Value::Object(expected_fields), Value::Object(asked_fields)) = (expected, asked) else {
        return (expected != asked).then(|| place.to_owned());
    };
    let names = expected_fields.keys().chain(asked_fields.keys());
    names.into_iter().find_map(|name| difference(&format!("{place}/{name}"), &expected[name], &asked[name]))
}

/// Whether an environment can be called so.
pub fn is_name(name: &str) -> bool {
    name.strip_prefix("env-").is_some_and(|digits| is_hex(digits, 32))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn image(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, image)) if !name.is_empty() && !image.is_empty() => Ok((name.to_owned(), image.to_owned())),
        _ => Err("write NAME=IMAGE, as in rng=127.0.0.1:5000/rng:v0.1".to_owned()),
    }
}
