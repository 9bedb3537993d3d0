//! The settings that services were started with, read from their environment.

use std::collections::BTreeMap;
use std::time::Duration;

use kit::settings;

use sweep::result::{Dockercoins, Settings};

/// The variables of one service.
pub(crate) type Environment = BTreeMap<String, String>;

/// Completes the settings with what the services were started with; what is not set has the services' own default.
pub(crate) fn complete(found: &mut Settings, services: &BTreeMap<String, Environment>) {
    let set = |service: &str, name: &str| services.get(service).and_then(|environment| environment.get(name));
    let ms = |service: &str, name: &str, default: Duration| {
        let duration = set(service, name).and_then(|text| settings::duration(text).ok()).unwrap_or(default);
        duration.as_secs_f64() * 1e3
    };
    let number = |service: &str, name: &str, default: u32| {
        set(service, name).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (rng, hasher, worker) = (rng::Config::default(), hasher::Config::default(), worker::Config::default());
    let found = found.dockercoins.get_or_insert_with(Dockercoins::default);
    found.rng_delay_ms = ms("rng", "RNG_DELAY", rng.delay);
    found.hasher_delay_ms = ms("hasher", "HASHER_DELAY", hasher.delay);
    found.think_ms = ms("worker", "WORKER_THINK", worker.think);
    found.rng_concurrency = number("rng", "RNG_CONCURRENCY", rng.concurrency);
    found.hasher_concurrency = number("hasher", "HASHER_CONCURRENCY", hasher.concurrency);
    found.loops = number("worker", "WORKER_LOOPS", worker.loops);
    found.keep_alive = set("worker", "WORKER_KEEP_ALIVE").is_some_and(|text| text == "true");
    found.ledger = "redis".to_owned();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read_and_the_rest_is_the_default() {
        let pairs = |list: &[(&str, &str)]| -> Environment {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let services = BTreeMap::from([
            ("rng".to_owned(), pairs(&[("RNG_DELAY", "50ms"), ("RNG_CONCURRENCY", "2")])),
            ("worker".to_owned(), pairs(&[("WORKER_KEEP_ALIVE", "true"), ("PATH", "/bin")])),
        ]);
        let mut found = Settings::default();
        complete(&mut found, &services);
        let found = found.dockercoins.expect("it was completed");
        assert_eq!((found.rng_delay_ms, found.rng_concurrency, found.keep_alive), (50.0, 2, true));
        assert_eq!((found.hasher_delay_ms, found.hasher_concurrency, found.think_ms), (100.0, 0, 100.0));
    }
}
