//! What `/metrics` shows of every service, in the OpenMetrics text format.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use crate::host;

/// The metrics of one service; clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The service's name.
    pub service: &'static str,
    registry: Arc<Mutex<Registry>>,
    /// Set when somebody asks.
    processor_time: Counter<f64, AtomicU64>,
    answers: Family<[(&'static str, u16); 1], Counter>,
    /// The one of nearly all answers: looking it up takes longer than counting.
    answers_ok: Counter,
    /// Requests answered, whatever their status.
    pub answered: Counter,
    /// Connections that are open now.
    pub connections: Gauge,
}

impl Metrics {
    /// Metrics whose names begin with the service's, as `rng_requests_total`; those of the process have no such beginning.
    pub fn new(service: &'static str) -> Self {
        let mut registry = Registry::default();
        // A task's host name is the beginning of its container's id: by it a reader knows which task told this.
        registry.register("host", "The host or container that this runs in", Info::new([("name", host::name())]));
        // Under the name that Prometheus' own clients give it.
        let processor_time: Counter<f64, AtomicU64> = Counter::default();
        let help = "Processor time that this process has used";
        registry.register_with_unit("process_cpu", help, Unit::Seconds, processor_time.clone());
        let own = registry.sub_registry_with_prefix(service);
        let answers: Family<_, Counter> = Family::default();
        own.register("requests", "Requests answered, by status", answers.clone());
        let connections = Gauge::default();
        own.register("connections", "Connections that are open now", connections.clone());
        let answers_ok = answers.get_or_create_owned(&[("code", StatusCode::OK.as_u16())]);
        let (registry, answered) = (Arc::new(Mutex::new(registry)), Counter::default());
        Self { service, registry, processor_time, answers, answers_ok, answered, connections }
    }

    /// Makes a metric that is shown with the others.
    pub fn add<M: Metric + Clone + Default>(&self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.register(|registry| registry.register(name, help, metric.clone()));
        metric
    }

    /// Lets a service register what it has made itself.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(self.registry.lock().sub_registry_with_prefix(self.service));
    }

    /// Counts one answer.
    pub fn count(&self, status: StatusCode) {
        self.answered.inc();
        match status {
            StatusCode::OK => self.answers_ok.inc(),
            other => self.answers.get_or_create(&[("code", other.as_u16())]).inc(),
        };
    }

    /// Everything, in the OpenMetrics text format.
    pub fn text(&self) -> String {
        self.processor_time.inner().store(host::cpu_time().as_secs_f64().to_bits(), Ordering::Relaxed);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry.lock());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_status() {
        let metrics = Metrics::new("rng");
        metrics.count(StatusCode::OK);
        metrics.count(StatusCode::OK);
        metrics.count(StatusCode::BAD_REQUEST);
        metrics.count(StatusCode::from_u16(999).unwrap());
        let text = metrics.text();
        for line in [
            "rng_requests_total{code=\"200\"} 2",
            "rng_requests_total{code=\"400\"} 1",
            "rng_requests_total{code=\"999\"} 1",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn the_process_tells_its_host_and_its_processor_time() {
        let text = Metrics::new("rng").text();
        assert!(text.contains(&format!("host_info{{name=\"{}\"}} 1\n", host::name())), "{text}");
        let used = text.lines().find_map(|line| line.strip_prefix("process_cpu_seconds_total ")).expect("a counter");
        assert!(used.parse::<f64>().unwrap() > 0.0, "{used}");
        assert_eq!(text.matches("# EOF\n").count(), 1, "{text}");
    }
}
