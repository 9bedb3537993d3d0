//! From what was observed to rates, loop times and loads.

mod heard;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use stats::Estimate;

use self::heard::Heard;
use crate::application::{Load, Observation};
use sweep::result::Latency;

/// Everything that was observed, in order.
#[derive(Debug, Default)]
pub struct Track {
    seen: Vec<Observation>,
    heard: Heard,
    /// The moment of the first look, from which seconds are counted.
    origin: Option<Instant>,
}

impl Track {
    /// Adds what was just seen.
    pub fn push(&mut self, observation: Observation) {
        let origin = *self.origin.get_or_insert(observation.at);
        self.heard.push((observation.at - origin).as_secs_f64(), &observation);
        self.seen.push(observation);
    }

    /// Forgets what was seen before a moment, but for the last look.
    pub fn forget(&mut self, until: Instant) {
        self.heard.forget(self.seconds(until));
        self.seen.drain(..self.at(until).unwrap_or(0));
    }

    /// Hashes a second between two moments, as far as it is known what the workers did by then.
    pub fn rate(&self, from: Instant, to: Instant) -> Option<f64> {
        let (from_s, to_s) = self.known(from, to);
        self.heard.progress(from_s).rate(from_s, to_s)
    }

    /// The same with its confidence interval.
    pub fn estimate(&self, from: Instant, to: Instant) -> Option<Estimate> {
        let (from_s, to_s) = self.known(from, to);
        self.heard.progress(from_s).estimate(from_s, to_s)
    }

    /// Mean time of a worker's loop between two moments, or from one news of it to the next where loops are shorter. It is
    /// known also where it is longer than the moments are apart. Nothing where no loop ended.
    pub fn period_s(&self, from: Instant, to: Instant) -> Option<f64> {
        let (from_s, to_s) = self.known(from, to);
        let found = self.heard.progress(from_s).period_s(from_s, to_s);
        found.is_finite().then_some(found)
    }

    /// Seconds from a moment until the last at which it is known what the workers did.
    pub fn known_since_s(&self, from: Instant) -> f64 {
        self.heard.known_s() - self.seconds(from)
    }

    fn known(&self, from: Instant, to: Instant) -> (f64, f64) {
        (self.seconds(from), self.seconds(to).min(self.heard.known_s()))
    }

    fn seconds(&self, moment: Instant) -> f64 {
        self.origin.map_or(0.0, |origin| {
            let before = origin.saturating_duration_since(moment).as_secs_f64();
            moment.saturating_duration_since(origin).as_secs_f64() - before
        })
    }

    /// The times of the loops that ended between two moments.
    pub fn loop_times(&self, from: Instant, to: Instant) -> Latency {
        let (Some(first), Some(last)) = (self.at(from), self.at(to)) else { return Latency::default() };
        let mut counts: BTreeMap<u64, i64> = BTreeMap::new();
        for worker in &self.seen[last].workers {
            let before = self.seen[first].workers.iter().find(|known| known.id == worker.id);
            for (us, count) in &worker.loop_times {
                *counts.entry(*us).or_default() += *count as i64;
            }
            for (us, count) in before.map(|known| known.loop_times.as_slice()).unwrap_or_default() {
                *counts.entry(*us).or_default() -= *count as i64;
            }
        }
        let failures = |observation: &Observation| observation.workers.iter().map(|w| w.failures).sum::<u64>();
        let failed = failures(&self.seen[last]).saturating_sub(failures(&self.seen[first]));
        Latency { failed, ..latency(&counts) }
    }

    /// Utilisation and mean queue length of a service between two moments, over the replicas seen at both. The first is
    /// absent where the service has no limit.
    pub fn load(&self, service: &str, from: Instant, to: Instant) -> Option<(Option<f64>, f64)> {
        let (first, last) = (&self.seen[self.at(from)?], &self.seen[self.at(to)?]);
        let seconds = (last.at - first.at).as_secs_f64();
        let (before, after) = (first.loads.get(service)?, last.loads.get(service)?);
        let both: Vec<(Load, Load)> =
            after.iter().filter_map(|(replica, end)| before.get(replica).map(|start| (*start, *end))).collect();
        if seconds <= 0.0 || both.is_empty() {
            return None;
        }
        let grown = |pick: fn(&Load) -> Duration| -> f64 {
            both.iter().map(|(start, end)| pick(end).saturating_sub(pick(start)).as_secs_f64()).sum()
        };
        let slots: u32 = both.iter().map(|(_, end)| end.slots).sum();
        let limited = both.iter().all(|(_, end)| end.slots > 0);
        let busy = grown(|load| load.busy) / seconds / f64::from(slots.max(1));
        Some((limited.then_some(busy.min(1.0)), grown(|load| load.waiting) / seconds))
    }

    /// The services whose loads were seen.
    pub fn services(&self) -> Vec<String> {
        self.seen.last().map(|last| last.loads.keys().cloned().collect()).unwrap_or_default()
    }

    /// Processor time in cores, by service and replica, between two moments; over the replicas seen at both.
    pub fn cores(&self, from: Instant, to: Instant) -> BTreeMap<String, BTreeMap<String, f64>> {
        let (Some(first), Some(last)) = (self.at(from), self.at(to)) else { return BTreeMap::new() };
        let (first, last) = (&self.seen[first], &self.seen[last]);
        let seconds = (last.at - first.at).as_secs_f64();
        let mut cores: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
        for (service, replicas) in last.cpu.iter().filter(|_| seconds > 0.0) {
            for (replica, end) in replicas {
                if let Some(start) = first.cpu.get(service).and_then(|replicas| replicas.get(replica)) {
                    let used = end.saturating_sub(*start).as_secs_f64() / seconds;
                    cores.entry(service.clone()).or_default().insert(replica.clone(), used);
                }
            }
        }
        cores
    }

    /// Processor time that the application could have used and did not get between two moments, in cores.
    pub fn starved(&self, from: Instant, to: Instant) -> Option<f64> {
        let (first, last) = (&self.seen[self.at(from)?], &self.seen[self.at(to)?]);
        let seconds = (last.at - first.at).as_secs_f64();
        (seconds > 0.0).then_some(last.starved?.saturating_sub(first.starved?).as_secs_f64() / seconds)
    }

    /// The last observation that was made by then.
    fn at(&self, moment: Instant) -> Option<usize> {
        self.seen.partition_point(|seen| seen.at <= moment).checked_sub(1)
    }
}

/// Percentiles of counted times.
fn latency(counts: &BTreeMap<u64, i64>) -> Latency {
    let known: Vec<(u64, u64)> =
        counts.iter().filter(|(_, count)| **count > 0).map(|(us, count)| (*us, *count as u64)).collect();
    let total: u64 = known.iter().map(|(_, count)| count).sum();
    if total == 0 {
        return Latency::default();
    }
    let ms = |us: u64| us as f64 / 1e3;
    let at = |quantile: f64| {
        let rank = (quantile * total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = known.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        ms(found.map_or(0, |(us, _)| *us))
    };
    let mean_ms = known.iter().map(|(us, count)| ms(*us) * *count as f64).sum::<f64>() / total as f64;
    Latency::of(total, 0, mean_ms, at)
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;
