//! A closed or an open loop, measured until the throughput is known well enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agents::Sender;
use instrument::config::Config;
use sweep::driver::{Measured, Moment};
use sweep::platform::Error;
use sweep::result::Estimate;
use sweep::run::{SETTLED_LOOPS, SHORTEST_MEASURE, SHORTEST_SETTLE, STEADY_PIECE};

use super::{Generator, LOOK, ended_badly, latency, note_of_errors, shares};
use crate::live::Live;
use crate::served::Served;
use crate::usage::{Look, Usage};

/// Length of the windows whose differences say how sure the throughput is.
const WINDOW: Duration = Duration::from_millis(100);

/// The same where agents hand them over.
const WINDOW_OF_AGENTS: Duration = Duration::from_millis(500);

/// Rates that differ by no more than this share are the same.
const STEADY: f64 = 0.03;

/// What was seen of a step.
struct Seen {
    from: Instant,
    to: Instant,
    steady: bool,
    throughput: Option<Estimate>,
    usage: Usage,
}

/// Why there is nothing.
enum End {
    /// ^C.
    Stopped,
    /// The load ended by itself: its outcome says why.
    Over,
    /// The platform.
    Failed(Error),
}

impl Generator {
    /// Sends until the throughput is known well enough.
    pub(super) async fn stream<P: Served>(
        &mut self,
        platform: &mut P,
        moment: &mut Moment<'_>,
        mut config: Config,
    ) -> Result<Option<Measured>, Error> {
        let mut sender = self.sender()?;
        config.interval = if matches!(sender, Sender::Here) { WINDOW } else { WINDOW_OF_AGENTS };
        let (live, end) = (Live::new(config.interval), Arc::new(AtomicBool::new(false)));
        let run = tokio::task::spawn_blocking({
            let (mut feed, end) = (live.clone(), end.clone());
            move || {
                let outcome = sender.run(&config, &end, &mut feed);
                (sender, outcome)
            }
        });
        let watched = watch(platform, moment, &live, || run.is_finished()).await;
        // Before the end: requests that it cuts off are counted with their ages, which are no times to an answer.
        let tally = live.tally();
        end.store(true, Ordering::Relaxed);
        let (sender, outcome) = run.await.map_err(ended_badly)?;
        self.sender = Some(sender);
        let seen = match watched {
            Ok(seen) => seen,
            Err(End::Stopped) => return Ok(None),
            Err(End::Failed(error)) => return Err(error),
            Err(End::Over) => {
                let cause = outcome.err().map_or_else(|| "it sent all".to_owned(), |error| error.to_string());
                return Err(Error(format!("the load ended before it was measured: {cause}")));
            }
        };
        let (report, _) = outcome.map_err(|error| Error(error.to_string()))?;
        let mut measured = Measured {
            steady: seen.steady,
            throughput: seen.throughput,
            loop_time: latency(&tally),
            shares: shares(platform, &report),
            generator_limit: report.generator.limits.first().cloned(),
            generator_stood_still: report.generator.pauses > 0,
            ..seen.usage.measured(seen.from, seen.to)
        };
        measured.notes.extend(note_of_errors(&tally));
        Ok(Some(measured))
    }
}

/// Looks on while the load settles and is measured.
async fn watch<P: Served>(
    platform: &mut P,
    moment: &mut Moment<'_>,
    live: &Live,
    over: impl Fn() -> bool,
) -> Result<Seen, End> {
    let limit = Duration::from_secs_f64(moment.settings.settle_s);
    let since = Instant::now();
    let mut steady = true;
    while !settled(live, since) {
        if since.elapsed() >= limit {
            steady = false;
            break;
        }
        pause(platform, moment, live, false, &over).await?;
    }
    let before = Look::now(platform).await.map_err(End::Failed)?;
    let from = live.mark().unwrap_or_else(Instant::now);
    let estimate = loop {
        pause(platform, moment, live, true, &over).await?;
        let Some((estimate, long)) = live.estimate() else { continue };
        let enough = moment.settings.precision.is_some_and(|precision| estimate.relative_half_width() <= precision);
        if long.as_secs_f64() >= moment.settings.measure_s || (enough && long >= SHORTEST_MEASURE) {
            break estimate;
        }
    };
    let after = Look::now(platform).await.map_err(End::Failed)?;
    Ok(Seen { from, to: Instant::now(), steady, throughput: Some(estimate), usage: Usage::between(&before, &after) })
}

/// Whether all connections have been round once, and the rate is the same in two pieces of time.
fn settled(live: &Live, since: Instant) -> bool {
    let gone = since.elapsed();
    let round_s = live.mean_s().map_or(f64::INFINITY, |mean_s| SETTLED_LOOPS * mean_s);
    let [after, before] = live.pieces(STEADY_PIECE, 2)[..] else { return false };
    // Two counts of a Poisson process differ by chance too.
    let chance = 3.0 * ((after + before) / STEADY_PIECE.as_secs_f64()).sqrt();
    let same = before > 0.0 && (after - before).abs() <= (STEADY * before).max(chance);
    gone >= SHORTEST_SETTLE && gone.as_secs_f64() >= round_s && same
}

/// Waits a moment, tells what is seen, and sees that all is well.
async fn pause<P: Served>(
    platform: &mut P,
    moment: &mut Moment<'_>,
    live: &Live,
    measuring: bool,
    over: impl Fn() -> bool,
) -> Result<(), End> {
    tokio::select! {
        biased;
        () = moment.stop.cancelled() => return Err(End::Stopped),
        () = tokio::time::sleep(LOOK) => {}
    }
    platform.check().await.map_err(End::Failed)?;
    if over() {
        return Err(End::Over);
    }
    moment.sample(measuring, live.pieces(STEADY_PIECE, 1).first().copied(), Default::default());
    Ok(())
}
