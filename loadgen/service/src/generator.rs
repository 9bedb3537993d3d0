//! Our engine as what drives a service, and the answers that it gets as what is metered.

mod search;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agents::{Failed, Sender};
use instrument::config::{Config, Load as Pace, MOST_CONNECTIONS, Resolve};
use instrument::report::{self, Report};
use instrument::schedule::{Arrivals, Stage};
use instrument::tally::Tally;
use instrument::timeline::quantile;
use sweep::driver::{Driver, Measured, Moment};
use sweep::platform::Error;
use sweep::result::Latency;
use tokio_util::sync::CancellationToken;

use crate::load::Load;
use crate::served::Served;

/// An open loop is planned for so long; it is ended when enough was measured.
const LONG_S: f64 = 24.0 * 3600.0;

/// How often it is seen whether all is well.
const LOOK: Duration = Duration::from_millis(200);

/// Sends a load to a service.
pub struct Generator {
    load: Load,
    config: Config,
    sender: Option<Sender>,
    /// The capacity of the step before.
    last: Option<f64>,
}

impl Generator {
    /// Sends this load as configured, by this process or by agents.
    pub fn new(load: Load, config: Config, sender: Sender) -> Self {
        Self { load, config, sender: Some(sender), last: None }
    }

    /// The run for the replicas that there are now.
    fn config<P: Served>(&self, platform: &P) -> Config {
        let mut config = self.config.clone();
        config.addresses = platform.addresses();
        if config.addresses.len() > 1 {
            config.resolve = Resolve::Each;
        }
        config.duration = None;
        let open = |rate: f64| Pace::Open {
            stages: vec![Stage::constant(rate, LONG_S)],
            arrivals: Arrivals::Constant,
            seed: 1,
        };
        match &self.load {
            Load::Closed(connections) => {
                (config.load, config.connections) = (Pace::Closed, *connections);
                config.threads = config.threads.min(*connections);
            }
            Load::Open(rate) => config.load = open(*rate),
            Load::Capacity(_) => config.load = open(1.0),
        }
        config
    }

    /// Sends one request to each replica, from each agent where there are agents, and waits for the answers: by then a replica has
    /// done what the load before had left in its queue, which would take its time from this step. One that does not answer is left
    /// to the step to tell.
    async fn work_off<P: Served>(
        &mut self,
        platform: &mut P,
        stop: &CancellationToken,
        mut config: Config,
    ) -> Result<(), Error> {
        let mut sender = self.sender()?;
        // Each agent takes the addresses in turn from the first on, so that it needs a connection for each of them.
        let requests = (config.addresses.len().max(1) * sender.generators()).min(MOST_CONNECTIONS);
        (config.load, config.connections, config.threads) = (Pace::Closed, requests, 1);
        config.requests = Some(requests as u64);
        let end = Arc::new(AtomicBool::new(false));
        let mut run = tokio::task::spawn_blocking({
            let end = end.clone();
            move || {
                let outcome = sender.run(&config, &end, &mut ());
                (sender, outcome)
            }
        });
        let mut trouble = None;
        let (sender, outcome) = loop {
            tokio::select! {
                ended = &mut run => break ended.map_err(ended_badly)?,
                () = tokio::time::sleep(LOOK) => {
                    trouble = trouble.or(platform.check().await.err());
                    if trouble.is_some() || stop.is_cancelled() {
                        end.store(true, Ordering::Relaxed);
                    }
                }
            }
        };
        self.sender = Some(sender);
        match outcome {
            _ if trouble.is_some() => trouble.map_or(Ok(()), Err),
            Err(error) if !stop.is_cancelled() && !no_answer(&error) => Err(Error(error.to_string())),
            _ => Ok(()),
        }
    }

    fn sender(&mut self) -> Result<Sender, Error> {
        self.sender.take().ok_or_else(|| Error("the load generator failed before, and sends no more".to_owned()))
    }
}

impl<P: Served> Driver<P> for Generator {
    fn begin(&mut self, _: &P) -> Result<(), Error> {
        Ok(())
    }

    async fn step(&mut self, platform: &mut P, moment: &mut Moment<'_>) -> Result<Option<Measured>, Error> {
        let config = self.config(platform);
        self.work_off(platform, moment.stop, config.clone()).await?;
        match self.load.clone() {
            Load::Capacity(objectives) => self.search(platform, moment, config, objectives).await,
            Load::Closed(_) | Load::Open(_) => self.stream(platform, moment, config).await,
        }
    }
}

/// Whether nothing is wrong but that nobody answers.
fn no_answer(error: &Failed) -> bool {
    matches!(error, Failed::Here(report::Error::Unreachable { .. }))
}

fn ended_badly(error: tokio::task::JoinError) -> Error {
    Error(format!("the load generator ended badly: {error}"))
}

/// The times of the answers, and how many requests failed.
fn latency(tally: &Tally) -> Latency {
    let response = &tally.response;
    let ms = |share: f64| quantile(response, share).map_or(0.0, |nanos| nanos as f64 / 1e6);
    let mean_ms = if response.is_empty() { 0.0 } else { response.mean() / 1e6 };
    Latency::of(response.len(), tally.counts.errors(), mean_ms, ms)
}

/// The share of the answers that each replica gave; empty where the addresses do not tell them apart.
fn shares<P: Served>(platform: &P, report: &Report) -> BTreeMap<String, f64> {
    let all: u64 = report.usage.addresses.iter().map(|used| used.answers).sum();
    let known = report
        .usage
        .addresses
        .iter()
        .filter_map(|used| Some((platform.replica_at(used.address)?, used.answers as f64 / all.max(1) as f64)));
    known.collect()
}

/// A note where more than one request in a thousand failed.
fn note_of_errors(tally: &Tally) -> Option<String> {
    let (errors, due) = (tally.counts.errors(), tally.counts.due);
    let share = errors as f64 / due.max(1) as f64;
    (share > 0.001).then(|| {
        format!("{:.1} % of the requests failed or were answered with an error; they count for nothing.", 100.0 * share)
    })
}
