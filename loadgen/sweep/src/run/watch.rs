//! Settling and measuring a step: until it is steady, and until its rate is known well enough.

use std::time::{Duration, Instant};

use crate::platform::Platform;
use crate::result::{Estimate, Sample};

use super::probes::Probed;
use super::{Place, Run, Watcher};

/// How often the application is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A step settles for this many loops: with the first, every worker has come into step with the new replicas.
pub const SETTLED_LOOPS: f64 = 1.3;

/// The shortest time to settle.
pub const SHORTEST_SETTLE: Duration = Duration::from_millis(500);

/// Where loops are long, the rate is steady when it is the same in two pieces of this length that follow each other.
pub const STEADY_PIECE: Duration = Duration::from_millis(1200);

/// Rates that differ by no more than this share are the same.
const STEADY: f64 = 0.03;

/// However sure the rate seems, it is measured for this long.
pub const SHORTEST_MEASURE: Duration = Duration::from_secs(2);

/// The rate that is shown while the run goes on is that of this time.
const SHOWN_WINDOW: Duration = Duration::from_millis(1500);

/// How long a sweep waits for a lost task to be replaced.
const RECOVERY: Duration = Duration::from_secs(120);

/// What was seen while a step was measured.
pub struct Seen {
    pub from: Instant,
    pub to: Instant,
    pub hashes_per_second: Option<Estimate>,
    pub steady: bool,
    pub probed: Probed,
    pub recovered_s: Option<f64>,
    pub notes: Vec<String>,
}

/// The run was stopped.
pub struct Stopped;

impl<P: Platform, W: Watcher> Run<'_, P, W> {
    /// Waits until every worker has gone round once, or, where that takes long, until the rate is the same in two pieces
    /// of time; false where the time for it ran out.
    pub async fn settle(&mut self, place: Place) -> Result<bool, Stopped> {
        let since = Instant::now();
        let limit = Duration::from_secs_f64(self.plan.settings.settle_s);
        loop {
            self.look(place, false).await?;
            let now = Instant::now();
            if self.is_settled(since, now) {
                return Ok(true);
            }
            if now - since >= limit {
                return Ok(false);
            }
        }
    }

    fn is_settled(&self, since: Instant, now: Instant) -> bool {
        let gone_s = self.track.known_since_s(since);
        let Some(period_s) = self.track.period_s(since, now) else { return false };
        gone_s >= (SETTLED_LOOPS * period_s).max(SHORTEST_SETTLE.as_secs_f64()) || self.two_pieces_agree(since, now)
    }

    fn two_pieces_agree(&self, since: Instant, now: Instant) -> bool {
        let middle = now - STEADY_PIECE;
        let rates = (self.track.rate(middle - STEADY_PIECE, middle), self.track.rate(middle, now));
        now - since >= 2 * STEADY_PIECE && matches!(rates, (Some(before), Some(after)) if is_same(before, after))
    }

    /// Looks on until the rate is known well enough, or for the measuring time. A lost task or node lengthens it: the time
    /// until all is whole again is told, and the measuring begins anew.
    pub async fn measure(&mut self, place: Place, mut steady: bool) -> Result<Seen, Stopped> {
        let mut from = Instant::now();
        let mut lost: Option<Instant> = None;
        let mut recovered_s = None;
        let mut notes = Vec::new();
        loop {
            self.look(place, lost.is_none()).await?;
            let whole = self.platform.whole().await.unwrap_or(false);
            let now = Instant::now();
            match (whole, lost) {
                (false, None) => lost = Some(now),
                (true, Some(since)) => {
                    let seconds = (now - since).as_secs_f64();
                    recovered_s = Some(recovered_s.unwrap_or(0.0) + seconds);
                    notes.push(format!("A task was lost while this was measured; all ran again after {seconds:.1} s, and the measuring began anew."));
                    lost = None;
                    steady = self.settle(place).await?;
                    from = Instant::now();
                    self.probes.reset();
                }
                (false, Some(since)) if now - since > RECOVERY => {
                    notes.push(format!(
                        "A task was lost while this was measured, and had not come back after {} s.",
                        RECOVERY.as_secs()
                    ));
                    break;
                }
                _ => {}
            }
            if lost.is_none() && self.is_enough(from, now) {
                break;
            }
        }
        let to = Instant::now();
        let probed = tokio::select! {
            () = self.stop.cancelled() => return Err(Stopped),
            probed = self.probes.close() => probed,
        };
        notes.extend(probed.notes());
        let hashes_per_second = self.track.estimate(from, to);
        let steady = steady && self.is_steady(from, to, hashes_per_second);
        Ok(Seen { from, to, hashes_per_second, steady, probed, recovered_s, notes })
    }

    /// Whether a step has been measured for long enough.
    fn is_enough(&self, from: Instant, now: Instant) -> bool {
        let settings = &self.plan.settings;
        if (now - from).as_secs_f64() >= settings.measure_s {
            return true;
        }
        let Some(precision) = settings.precision else { return false };
        self.track.known_since_s(from) >= SHORTEST_MEASURE.as_secs_f64()
            && self.track.estimate(from, now).is_some_and(|rate| rate.relative_half_width() <= precision)
    }

    /// Whether both halves of the measured time had the same rate, as far as chance allows.
    fn is_steady(&self, from: Instant, to: Instant, whole: Option<Estimate>) -> bool {
        let middle = from + (to - from) / 2;
        match (self.track.rate(from, middle), self.track.rate(middle, to), whole) {
            // A half is √2 times as far from the truth as the whole, and two halves are twice as far from each other.
            (Some(before), Some(after), Some(whole)) => {
                is_same(before, after) || (after - before).abs() <= whole.high - whole.low
            }
            _ => false,
        }
    }

    /// Looks at the application once, after a pause.
    async fn look(&mut self, place: Place, measuring: bool) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Stopped),
            () = tokio::time::sleep(LOOK) => {}
        }
        let mut hashes_per_second = None;
        match self.platform.observe().await {
            Ok(observation) => {
                let now = observation.at;
                self.track.push(observation);
                hashes_per_second = self.track.rate(now - SHOWN_WINDOW, now);
            }
            // One look that fails is a gap; a platform that stays away ends the step by its settling time.
            Err(error) => tracing::debug!(%error, "a gap in the time series"),
        }
        let at_s = self.began.elapsed().as_secs_f64();
        let probe_ms = self.probes.last_ms();
        let sample = Sample { at_s, replicas: place.replicas, measuring, hashes_per_second, probe_ms };
        self.watcher.sample(place.outlook(self.pace.left()), &sample);
        self.timeline.push(sample);
        Ok(())
    }
}

fn is_same(before: f64, after: f64) -> bool {
    before > 0.0 && (after / before - 1.0).abs() <= STEADY
}
