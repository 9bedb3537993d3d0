//! A counter of the service's own as what is metered, where the service finds its work itself: workers that take jobs from a
//! queue, consumers of a topic. Nothing is sent; each replica is asked for its metrics in the text format of Prometheus.

mod counter;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use instrument::target::Target;
use stats::{Estimate, ratio};
use sweep::driver::{Driver, Measured, Moment};
use sweep::platform::Error;
use sweep::run::{SHORTEST_MEASURE, SHORTEST_SETTLE, STEADY_PIECE};

pub use self::counter::{BadCounter, Counter};
use crate::served::Served;
use crate::usage::{Look, Usage};

/// Between two looks at the counters: the length of the windows whose differences say how sure the throughput is.
const LOOK: Duration = Duration::from_millis(250);

/// How long a replica may take for its metrics.
const ANSWER: Duration = Duration::from_secs(2);

/// Rates that differ by no more than this share are the same.
const STEADY: f64 = 0.03;

/// Follows a counter of the service.
pub struct Meter {
    counter: Counter,
    target: Target,
    client: reqwest::Client,
    /// What each replica's counter was at last.
    last: BTreeMap<SocketAddr, f64>,
    /// When that was.
    at: Instant,
}

/// What was counted in a piece of time: how much, in how many seconds.
type Window = (f64, f64);

impl Meter {
    /// Follows this counter at the URL's port and path on each replica.
    ///
    /// # Errors
    /// The system gives no client.
    pub fn new(counter: Counter, target: Target) -> Result<Self, Error> {
        let client = reqwest::Client::builder().timeout(ANSWER).no_proxy().build();
        let client = client.map_err(|error| Error(format!("metrics cannot be asked for: {error}")))?;
        Ok(Self { counter, target, client, last: BTreeMap::new(), at: Instant::now() })
    }

    /// Looks at all replicas, and says what they counted since the last look. A replica that is seen for the first time, or that
    /// has started anew, counts from then on.
    async fn look<P: Served>(&mut self, platform: &P) -> Result<Window, Error> {
        let asked = platform.addresses().into_iter().map(|address| self.ask(address));
        let now = Instant::now();
        let found: BTreeMap<SocketAddr, f64> = join_all(asked).await.into_iter().collect::<Result<_, _>>()?;
        let more = found.iter().filter_map(|(address, value)| {
            let before = self.last.get(address)?;
            Some(if value >= before { value - before } else { *value })
        });
        let window = (more.sum(), (now - self.at).as_secs_f64());
        (self.last, self.at) = (found, now);
        Ok(window)
    }

    async fn ask(&self, address: SocketAddr) -> Result<(SocketAddr, f64), Error> {
        let url = format!("http://{address}{}", self.target.path);
        let failed = |error: reqwest::Error| Error(format!("no metrics from {url}: {}", error.without_url()));
        let answer = self.client.get(&url).send().await.map_err(failed)?;
        let answer = answer.error_for_status().map_err(failed)?.text().await.map_err(failed)?;
        let value = self.counter.read(&answer).ok_or_else(|| {
            Error(format!("{url} tells no counter {}\n  {}", self.counter, counter::alike(&answer, &self.counter)))
        })?;
        Ok((address, value))
    }

    /// Waits a moment, looks, and tells what is seen.
    async fn pause<P: Served>(
        &mut self,
        platform: &mut P,
        moment: &mut Moment<'_>,
        windows: &mut Vec<Window>,
        measuring: bool,
    ) -> Result<bool, Error> {
        tokio::select! {
            biased;
            () = moment.stop.cancelled() => return Ok(false),
            () = tokio::time::sleep(LOOK) => {}
        }
        platform.check().await?;
        windows.push(self.look(platform).await?);
        moment.sample(measuring, rate(windows, STEADY_PIECE, 0), BTreeMap::new());
        Ok(true)
    }
}

/// The rate in a piece of time: the last of this length, or one that is so many pieces further back.
fn rate(windows: &[Window], length: Duration, back: usize) -> Option<f64> {
    let size = (length.as_secs_f64() / LOOK.as_secs_f64()).ceil() as usize;
    let end = windows.len().checked_sub(size * back)?;
    let piece = &windows[end.checked_sub(size)?..end];
    let (counted, seconds) = piece.iter().fold((0.0, 0.0), |sum, window| (sum.0 + window.0, sum.1 + window.1));
    (seconds > 0.0).then(|| counted / seconds)
}

/// Whether two pieces of time that follow each other have the same rate, but for chance.
fn settled(windows: &[Window]) -> bool {
    let (Some(after), Some(before)) = (rate(windows, STEADY_PIECE, 0), rate(windows, STEADY_PIECE, 1)) else {
        return false;
    };
    // Two counts of a Poisson process differ by chance too.
    let chance = 3.0 * ((after + before) / STEADY_PIECE.as_secs_f64()).sqrt();
    before > 0.0 && (after - before).abs() <= (STEADY * before).max(chance)
}

impl<P: Served> Driver<P> for Meter {
    fn begin(&mut self, _: &P) -> Result<(), Error> {
        Ok(())
    }

    async fn step(&mut self, platform: &mut P, moment: &mut Moment<'_>) -> Result<Option<Measured>, Error> {
        if platform.addresses().is_empty() {
            return Err(Error("a counter is read from each replica: --url has to name the service itself".to_owned()));
        }
        let since = Instant::now();
        let limit = Duration::from_secs_f64(moment.settings.settle_s);
        let (mut settling, mut steady) = (Vec::new(), true);
        self.look(platform).await?;
        while since.elapsed() < SHORTEST_SETTLE || !settled(&settling) {
            if since.elapsed() >= limit {
                steady = false;
                break;
            }
            if !self.pause(platform, moment, &mut settling, false).await? {
                return Ok(None);
            }
        }
        let before = Look::now(platform).await?;
        self.look(platform).await?;
        let (from, mut windows) = (Instant::now(), Vec::new());
        let throughput = loop {
            if !self.pause(platform, moment, &mut windows, true).await? {
                return Ok(None);
            }
            let long = from.elapsed();
            let estimate: Option<Estimate> = ratio::of(&windows).map(|ratio| ratio.estimate());
            let enough = moment.settings.precision.zip(estimate);
            let enough = enough.is_some_and(|(precision, estimate)| estimate.relative_half_width() <= precision);
            if long.as_secs_f64() >= moment.settings.measure_s || (enough && long >= SHORTEST_MEASURE) {
                break estimate;
            }
        };
        let after = Look::now(platform).await?;
        let usage = Usage::between(&before, &after);
        Ok(Some(Measured { steady, throughput, ..usage.measured(from, Instant::now()) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_looked_at_from_the_end() {
        let windows: Vec<Window> = (0..12).map(|at| (if at < 6 { 10.0 } else { 20.0 }, 0.25)).collect();
        assert_eq!(rate(&windows, Duration::from_millis(1000), 0), Some(80.0));
        assert_eq!(rate(&windows, Duration::from_millis(1000), 2), Some(40.0));
        assert_eq!(rate(&windows, Duration::from_millis(1000), 3), None);
        assert!(!settled(&windows[..11]) || STEADY > 1.0, "twice as much is another rate");
        assert!(settled(&[(10.0, 0.25); 12]));
        assert!(!settled(&[(0.0, 0.25); 12]), "nothing done is no rate");
    }
}
