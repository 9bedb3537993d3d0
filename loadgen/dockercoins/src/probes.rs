//! The probes of a run: started once, looked at by step.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use ping::{Options, Probe, Sampler, Sampling, Snapshot};

use sweep::platform::Error;
use sweep::result::Latency;

use crate::application::Application;

/// How long after the end of a step its probes may take to finish.
const LAST_PROBES: Duration = Duration::from_secs(5);

/// A sampler for each service.
#[derive(Default)]
pub struct Probes(BTreeMap<String, Sampler>);

/// What they saw in a step, by service.
pub struct Probed(BTreeMap<String, Snapshot>);

impl Probes {
    /// Starts so many probes a second of each service of a platform.
    pub fn start<P: Application>(platform: &P, rate: f64) -> Result<Self, Error> {
        let start = |(service, url): (String, String)| {
            let failed = |error: &dyn std::fmt::Display| Error(format!("probe of {service}: {error}"));
            let probe = Probe::new(&url, Options::default()).map_err(|error| failed(&error))?;
            let sampling = Sampling { rate, ..Sampling::default() };
            let sampler = Sampler::start(probe, sampling).map_err(|error| failed(&error))?;
            Ok((service, sampler))
        };
        platform.probes().into_iter().map(start).collect::<Result<_, _>>().map(Probes)
    }

    /// Forgets what was seen.
    pub fn reset(&self) {
        self.0.values().for_each(Sampler::reset);
    }

    /// What the last probe took, in milliseconds, by service.
    pub fn last_ms(&self) -> BTreeMap<String, f64> {
        let last = |(service, sampler): (&String, &Sampler)| {
            Some((service.clone(), sampler.snapshot().last?.as_secs_f64() * 1e3))
        };
        self.0.iter().filter_map(last).collect()
    }

    /// Ends the window, and lets the probes under way finish.
    pub async fn close(&self) -> Probed {
        // One bound for all: they wait side by side.
        let close =
            async |(service, sampler): (&String, &Sampler)| (service.clone(), sampler.close_window(LAST_PROBES).await);
        let closed = join_all(self.0.iter().map(close)).await;
        Probed(closed.into_iter().collect())
    }
}

impl Probed {
    /// Where the times lie, by service.
    pub fn latencies(&self) -> BTreeMap<String, Latency> {
        self.0.iter().map(|(name, seen)| (name.clone(), latency(seen))).collect()
    }

    /// The times as they stand in `sweep.json`, by service: V2 deflate, base64.
    pub fn histograms(&self) -> BTreeMap<String, String> {
        self.0.iter().filter_map(|(name, seen)| Some((name.clone(), encode(&seen.response)?))).collect()
    }

    /// The mean number of probes of a service that waited themselves, by Little's law: their rate times their mean wait.
    pub fn waiting(&self, service: &str) -> f64 {
        self.0
            .get(service)
            .map_or(0.0, |seen| seen.response.len() as f64 / seen.elapsed.as_secs_f64() * seen.response.mean() / 1e6)
    }

    /// A sentence for each service whose probes were not answered in time.
    pub fn notes(&self) -> Vec<String> {
        let slow = self.0.iter().filter(|(_, seen)| seen.unfinished > 0);
        slow.map(|(service, seen)| {
            format!(
                "{} of {} probes of {service} had not been answered when the step ended; they stand with their age, so the \
                 true times are longer.",
                seen.unfinished, seen.due
            )
        })
        .collect()
    }
}

fn latency(seen: &Snapshot) -> Latency {
    let ms = |us: u64| us as f64 / 1e3;
    let at = |share| ms(seen.response.value_at_quantile(share).min(seen.response.max()));
    Latency::of(seen.response.len(), seen.failed(), seen.response.mean() / 1e3, at)
}

fn encode(histogram: &Histogram<u64>) -> Option<String> {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).ok()?;
    Some(STANDARD.encode(bytes))
}
