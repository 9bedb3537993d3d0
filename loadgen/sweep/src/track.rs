//! From what was observed to rates: counting hashes between hashes, not between looks.
//!
//! A worker tells how many hashes it has accepted and when the last one was. Between two such pairs the rate is exact for
//! a regular process, however the moments of looking fall; counts over a fixed window would jump by a whole hash, which
//! is 5 % of six seconds at 3.33 hashes/s.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::student;

use crate::platform::{Load, Observation};
use crate::result::{Estimate, Latency};

/// How long after a hash an observation may show it first: the worker's announcement and the look at it, in seconds.
const TOLD_AFTER_S: f64 = 0.35;

/// The confidence of all intervals.
const CONFIDENCE: f64 = 0.95;

/// Everything that was observed, in order.
#[derive(Debug, Default)]
pub struct Track {
    seen: Vec<Observation>,
}

/// A worker's hashes and the time of the last one: a point on its counting process.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    hashes: f64,
    at_s: f64,
}

impl Track {
    /// Adds what was just seen.
    pub fn push(&mut self, observation: Observation) {
        self.seen.push(observation);
    }

    /// Hashes a second between two moments, as far as they can be told from what was seen by then.
    pub fn rate(&self, from: Instant, to: Instant) -> Option<f64> {
        let rates = self.rates(self.at(from)?, self.at(to)?);
        (!rates.is_empty()).then(|| rates.values().sum())
    }

    /// Hashes a second of each worker between two observations.
    fn rates(&self, first: usize, last: usize) -> BTreeMap<String, f64> {
        let (before, after) = (marks(&self.seen[first], &self.seen), marks(&self.seen[last], &self.seen));
        let rate = |(worker, end): (String, Mark)| {
            // A worker that began in between counts from its first hash that was seen.
            let start = before.get(&worker).filter(|mark| mark.hashes > 0.0).copied();
            let start = start.or_else(|| self.first_mark(&worker, first, last));
            let rate = start.map_or(0.0, |start| slope(start, end));
            (worker, rate)
        };
        after.into_iter().map(rate).collect()
    }

    /// The rate over a window with its confidence interval: the window is cut into batches, and the interval follows from
    /// how much their rates differ (the method of batch means, with Student's t).
    pub fn estimate(&self, from: Instant, to: Instant) -> Option<Estimate> {
        let value = self.rate(from, to)?;
        let whole = (to - from).as_secs_f64();
        let loop_s = self.loop_times(from, to).mean_ms / 1e3;
        // A batch holds a loop of each worker and the time until that is known, so that batches differ by chance and not by
        // cutting.
        let count = (whole / (1.3 * loop_s + TOLD_AFTER_S).max(0.5)).floor().clamp(2.0, 20.0) as u32;
        let edge = |number: u32| from + (to - from).mul_f64(f64::from(number) / f64::from(count));
        let ends: Option<Vec<usize>> = (0..=count).map(|number| self.at(edge(number))).collect();
        let whole = self.rates(self.at(from)?, self.at(to)?);
        let batch = |ends: &[usize]| -> f64 {
            let part = self.rates(ends[0], ends[1]);
            // A worker without a hash in this batch is taken at its mean: its hash fell just beyond the edge.
            whole.iter().map(|(worker, mean)| part.get(worker).filter(|rate| **rate > 0.0).unwrap_or(mean)).sum()
        };
        let rates: Vec<f64> = ends?.windows(2).map(batch).collect();
        let half = half_width(&rates);
        Some(Estimate { value, low: (value - half).max(0.0), high: value + half })
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

    /// The last observation that was made by then.
    fn at(&self, moment: Instant) -> Option<usize> {
        self.seen.partition_point(|seen| seen.at <= moment).checked_sub(1)
    }

    fn first_mark(&self, worker: &str, first: usize, last: usize) -> Option<Mark> {
        let later = &self.seen[first..=last];
        later.iter().filter_map(|seen| marks(seen, &self.seen).get(worker).copied()).find(|mark| mark.hashes > 0.0)
    }
}

/// Where each worker's count stands. Workers that do not announce themselves stand together, by the ledger's count and the
/// moment at which that count was first seen.
fn marks(observation: &Observation, all: &[Observation]) -> BTreeMap<String, Mark> {
    if !observation.workers.is_empty() {
        let mark = |w: &ledger::Announcement| (w.id.clone(), Mark { hashes: w.hashes as f64, at_s: w.last_hash });
        return observation.workers.iter().map(mark).collect();
    }
    let same = all.iter().find(|seen| seen.hashes == observation.hashes && seen.at <= observation.at);
    let (Some(first), Some(origin)) = (same, all.first()) else { return BTreeMap::new() };
    let at_s = (first.at - origin.at).as_secs_f64();
    BTreeMap::from([("all".to_owned(), Mark { hashes: observation.hashes as f64, at_s })])
}

fn slope(start: Mark, end: Mark) -> f64 {
    let seconds = end.at_s - start.at_s;
    if seconds > 0.0 { (end.hashes - start.hashes).max(0.0) / seconds } else { 0.0 }
}

/// Half the width of the confidence interval of the mean of some values.
fn half_width(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    student::quantile(0.5 + CONFIDENCE / 2.0, values.len() as u32 - 1) * (variance / count).sqrt()
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
    Latency {
        count: total,
        failed: 0,
        mean_ms: known.iter().map(|(us, count)| ms(*us) * *count as f64).sum::<f64>() / total as f64,
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        max_ms: at(1.0),
    }
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;
