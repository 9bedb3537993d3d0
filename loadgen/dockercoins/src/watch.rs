//! Settling and measuring a step: until it is steady, and until its rate is known well enough.

use std::time::{Duration, Instant};

use sweep::driver::Moment;
use sweep::result::Estimate;
use sweep::run::{SETTLED_LOOPS, SHORTEST_MEASURE, SHORTEST_SETTLE, STEADY_PIECE};
use sweep::theory;

use crate::application::Application;
use crate::probes::{Probed, Probes};
use crate::track::Track;

/// How often the application is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Rates that differ by no more than this share are the same.
const STEADY: f64 = 0.03;

/// The rate that is shown while the run goes on is that of this time.
const SHOWN_WINDOW: Duration = Duration::from_millis(1500);

/// So much longer than it should a step is measured at the most, to hear what the workers did in it.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// Or for so many loops, where these take longer: a rate is known from the second hash on, and the first may just have gone by.
const HEARD_LOOPS: f64 = 3.0;

/// How long a sweep waits for a lost task to be replaced.
const RECOVERY: Duration = Duration::from_secs(120);

/// What was seen while a step was measured.
pub struct Seen {
    pub from: Instant,
    pub to: Instant,
    pub throughput: Option<Estimate>,
    pub steady: bool,
    pub probed: Probed,
    pub recovered_s: Option<f64>,
    pub notes: Vec<String>,
}

/// The run was stopped.
pub struct Stopped;

/// A step under way.
pub struct Watch<'a, 'm, P> {
    pub platform: &'a mut P,
    pub moment: &'a mut Moment<'m>,
    pub track: &'a mut Track,
    pub probes: &'a Probes,
}

impl<P: Application> Watch<'_, '_, P> {
    /// Settles and measures.
    pub async fn step(&mut self) -> Result<Seen, Stopped> {
        self.probes.reset();
        let steady = self.settle().await?;
        self.probes.reset();
        self.measure(steady).await
    }

    /// Waits until every worker has gone round once, or, where that takes long, until the rate is the same in two pieces
    /// of time; false where the time for it ran out.
    async fn settle(&mut self) -> Result<bool, Stopped> {
        let since = Instant::now();
        let limit = Duration::from_secs_f64(self.moment.settings.settle_s.max(SETTLED_LOOPS * self.round_s()));
        loop {
            self.look(false).await?;
            let now = Instant::now();
            if self.is_settled(since, now) {
                return Ok(true);
            }
            if now - since >= limit {
                return Ok(false);
            }
        }
    }

    /// Seconds of a loop that waits for nobody.
    fn round_s(&self) -> f64 {
        theory::round_s(self.moment.settings, self.moment.replicas)
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
    async fn measure(&mut self, mut steady: bool) -> Result<Seen, Stopped> {
        let mut from = Instant::now();
        let mut lost: Option<Instant> = None;
        let mut recovered_s = None;
        let mut notes = Vec::new();
        loop {
            self.look(lost.is_none()).await?;
            let whole = self.platform.whole().await.unwrap_or(false);
            let now = Instant::now();
            match (whole, lost) {
                (false, None) => lost = Some(now),
                (true, Some(since)) => {
                    let seconds = (now - since).as_secs_f64();
                    recovered_s = Some(recovered_s.unwrap_or(0.0) + seconds);
                    notes.push(format!("A task was lost while this was measured; all ran again after {seconds:.1} s, and the measuring began anew."));
                    lost = None;
                    steady = self.settle().await?;
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
            () = self.moment.stop.cancelled() => return Err(Stopped),
            probed = self.probes.close() => probed,
        };
        notes.extend(probed.notes());
        let throughput = self.track.estimate(from, to);
        let steady = steady && self.is_steady(from, to, throughput);
        Ok(Seen { from, to, throughput, steady, probed, recovered_s, notes })
    }

    /// Whether a step has been measured for long enough.
    fn is_enough(&self, from: Instant, now: Instant) -> bool {
        let settings = self.moment.settings;
        let over_s = (now - from).as_secs_f64() - settings.measure_s;
        if over_s >= 0.0 {
            // Workers tell once a second what they did, and a loop may take longer: it may be that nobody has told of one yet.
            let heard_within = HEARD_WITHIN.as_secs_f64().max(HEARD_LOOPS * self.round_s());
            let heard = self.track.estimate(from, now).is_some_and(|rate| rate.value > 0.0);
            return heard || over_s >= heard_within;
        }
        let Some(precision) = settings.precision else { return false };
        self.track.known_since_s(from) >= SHORTEST_MEASURE.as_secs_f64()
            && self.track.estimate(from, now).is_some_and(|rate| rate.relative_half_width() <= precision)
    }

    /// Whether both halves of the measured time had the same rate, as far as chance allows.
    fn is_steady(&self, from: Instant, to: Instant, whole: Option<Estimate>) -> bool {
        let middle = from + (to - from) / 2;
        match (self.track.rate(from, middle), self.track.rate(middle, to), whole) {
            // A half is √2 times as far from the truth as the whole, and two halves are twice as far from each other. A loop that
            // lies across the middle may count for one of them: among the ten loops of a second that is much.
            (Some(before), Some(after), Some(whole)) => {
                let one_loop = 1.0 / (middle - from).as_secs_f64();
                is_same(before, after) || (after - before).abs() <= (whole.high - whole.low).max(one_loop)
            }
            _ => false,
        }
    }

    /// Looks at the application once, after a pause.
    async fn look(&mut self, measuring: bool) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = self.moment.stop.cancelled() => return Err(Stopped),
            () = tokio::time::sleep(LOOK) => {}
        }
        let mut throughput = None;
        match self.platform.observe().await {
            Ok(observation) => {
                let now = observation.at;
                self.track.push(observation);
                throughput = self.track.rate(now - SHOWN_WINDOW, now);
            }
            // One look that fails is a gap; a platform that stays away ends the step by its settling time.
            Err(error) => tracing::debug!(%error, "a gap in the time series"),
        }
        self.moment.sample(measuring, throughput, self.probes.last_ms());
        Ok(())
    }
}

fn is_same(before: f64, after: f64) -> bool {
    before > 0.0 && (after / before - 1.0).abs() <= STEADY
}
