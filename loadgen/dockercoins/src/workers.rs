//! Dockercoins' own workers as what drives it, and its ledger as what is metered.

use std::collections::BTreeMap;
use std::time::Instant;

use sweep::driver::{Driver, Measured, Moment};
use sweep::platform::Error;

use crate::application::Application;
use crate::probes::Probes;
use crate::track::Track;
use crate::watch::Watch;

/// The workers of the application, watched through the ledger, with probes of its services beside them.
pub struct Workers {
    probe_rate: f64,
    probes: Probes,
    track: Track,
}

impl Workers {
    /// Watches, with so many probes a second of each service.
    pub fn new(probe_rate: f64) -> Self {
        Self { probe_rate, probes: Probes::default(), track: Track::default() }
    }
}

impl<P: Application> Driver<P> for Workers {
    fn begin(&mut self, platform: &P) -> Result<(), Error> {
        self.probes = Probes::start(platform, self.probe_rate)?;
        self.track = Track::default();
        Ok(())
    }

    async fn step(&mut self, platform: &mut P, moment: &mut Moment<'_>) -> Result<Option<Measured>, Error> {
        self.track.forget(moment.asked);
        let mut watch = Watch { platform, moment, track: &mut self.track, probes: &self.probes };
        let Ok(seen) = watch.step().await else { return Ok(None) };
        let (from, to) = (seen.from, seen.to);
        let (utilisation, queue) = self.loads(&seen.probed, from, to);
        Ok(Some(Measured {
            steady: seen.steady,
            throughput: seen.throughput,
            loop_time: self.track.loop_times(from, to),
            probe_histograms: seen.probed.histograms(),
            probes: seen.probed.latencies(),
            utilisation,
            queue,
            cores: self.track.cores(from, to),
            starved: self.track.starved(from, to),
            recovered_s: seen.recovered_s,
            notes: seen.notes,
            ..Measured::of(from, to)
        }))
    }
}

impl Workers {
    /// How busy each service was, and how many requests waited for it; the probes' own waiting is taken off.
    fn loads(
        &self,
        probed: &crate::probes::Probed,
        from: Instant,
        to: Instant,
    ) -> (BTreeMap<String, f64>, BTreeMap<String, f64>) {
        let (mut utilisation, mut queue) = (BTreeMap::new(), BTreeMap::new());
        for service in self.track.services() {
            if let Some((busy, waiting)) = self.track.load(&service, from, to) {
                utilisation.extend(busy.map(|busy| (service.clone(), busy)));
                let probes = probed.waiting(&service);
                queue.insert(service, (waiting - probes).max(0.0));
            }
        }
        (utilisation, queue)
    }
}
