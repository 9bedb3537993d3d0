//! A worker: claims a job, does it, hands it in, and again.

use std::process::ExitCode;
use std::time::Duration;

use kit::{host, settings, start};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::database::Error;
use crate::job::{Claim, Kind};
use crate::mandelbrot;
use crate::queue::Queue;

/// The pause after a look at a queue in which nothing is ready.
const IDLE: Duration = Duration::from_millis(250);

/// The pause after the database did not answer.
const AWAY: Duration = Duration::from_secs(1);

/// How often a worker looks for leases that have ended, and so for workers that have died.
const PATROL: Duration = Duration::from_secs(1);

/// A lease is renewed so many times before it would end: two heartbeats may be lost.
const BEATS: u32 = 3;

/// Settings of a worker.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "work")]
pub struct Config {
    /// End with exit code 0 when nothing is ready or running any more
    #[arg(long, env = "FLOW_UNTIL_EMPTY", default_value_t = false)]
    pub until_empty: bool,
    /// How long a job stays with a worker that is silent
    #[arg(long, env = "FLOW_LEASE", value_parser = lease, default_value = "5s", value_name = "TIME")]
    pub lease: Duration,
    /// A pause in each job, so that its work takes a time that one can watch
    #[arg(long, env = "FLOW_THINK", value_parser = settings::duration, default_value = "200ms", value_name = "TIME")]
    pub think: Duration,
    /// The node that this runs on, for the page; in a stack file `{{.Node.Hostname}}`
    #[arg(long, env = "FLOW_NODE", value_name = "NAME")]
    pub node: Option<String>,
    /// How long the job under way may take to finish after SIGTERM or ^C; then it is given back
    #[arg(long, env = "FLOW_DRAIN", value_parser = settings::duration, default_value = "5s", value_name = "TIME")]
    pub drain: Duration,
}

/// A lease shorter than its heartbeats can hold would be lost by workers that are well.
fn lease(text: &str) -> Result<Duration, String> {
    let lease = settings::duration(text)?;
    if lease < Duration::from_millis(300) { Err("it must be 300ms at least".to_owned()) } else { Ok(lease) }
}

/// A worker that is not running yet.
#[derive(Debug)]
pub struct Worker {
    queue: Queue,
    config: Config,
    id: String,
    node: String,
    patrolled: Option<Instant>,
    done: u64,
}

impl Worker {
    /// A worker with a name of its own: its host's and a random part.
    pub fn new(queue: Queue, config: Config) -> Self {
        let id = format!("{}-{:08x}", host::name(), rand::random::<u32>());
        let node = config.node.clone().unwrap_or_else(host::name);
        Self { queue, config, id, node, patrolled: None, done: 0 }
    }

    /// Works until `stop` is cancelled, or until nothing is left where the settings say so. The job under way is finished.
    pub async fn run(mut self, stop: CancellationToken) -> ExitCode {
        tracing::info!(id = self.id, node = self.node, database = self.queue.place(), "working");
        let mut away = false;
        while !stop.is_cancelled() {
            let pause = match self.turn(&stop).await {
                Ok(Some(pause)) => {
                    away = false;
                    pause
                }
                Ok(None) => return self.nothing_left().await,
                Err(error) if error.is_no_table() => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::info!("nothing was ever submitted; waiting for it");
                    }
                    AWAY
                }
                Err(error) => {
                    // The same sentence once a second would bury everything else.
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!("{error}; trying again until it works");
                    }
                    AWAY
                }
            };
            tokio::select! { () = sleep(pause) => {} () = stop.cancelled() => {} }
        }
        tracing::info!(done = self.done, "stopped");
        ExitCode::SUCCESS
    }

    /// Does one job, if one is ready. `None` where nothing is left; otherwise how long to pause.
    async fn turn(&mut self, stop: &CancellationToken) -> Result<Option<Duration>, Error> {
        if self.patrolled.is_none_or(|at| at.elapsed() >= PATROL) {
            self.patrolled = Some(Instant::now());
            let lost = self.queue.take_back().await?;
            if lost > 0 {
                tracing::warn!(
                    jobs = lost,
                    "took back jobs of workers that have been silent for longer than their lease"
                );
            }
        }
        let Some(claim) = self.queue.claim(&self.id, &self.node).await? else {
            let left = self.queue.pending().await?;
            return Ok((!self.config.until_empty || left.open > 0 || left.all == 0).then_some(IDLE));
        };
        let drained = async {
            stop.cancelled().await;
            sleep(self.config.drain).await;
        };
        tokio::select! {
            handed_in = self.job(&claim) => self.done += u64::from(handed_in?),
            () = drained => {
                tracing::warn!(job = claim.job, "the job takes longer than the drain time; it is given back");
                self.queue.give_back(&claim).await?;
            }
        }
        Ok(Some(Duration::ZERO))
    }

    /// Does a job and hands it in, while its lease is renewed. Whether it was taken.
    async fn job(&self, claim: &Claim) -> Result<bool, Error> {
        tracing::debug!(job = claim.job, kind = claim.kind.name(), attempt = claim.attempt, "begins");
        let data = tokio::select! {
            data = self.effect(claim) => data?,
            () = self.keep(claim) => {
                tracing::warn!(job = claim.job, "lost the lease; somebody else does the job");
                return Ok(false);
            }
        };
        let Some(data) = data else {
            self.queue.give_back(claim).await?;
            return Ok(false);
        };
        // Whether a lost answer's transaction went through is not known. The second try finds out: it writes at most once.
        match self.queue.complete(claim, &data).await {
            Err(error) => {
                tracing::warn!(job = claim.job, "{error}; trying once more");
                self.queue.complete(claim, &data).await
            }
            taken => taken,
        }
    }

    /// What a job brings about; `None` where what it needs is not as it should be.
    async fn effect(&self, claim: &Claim) -> Result<Option<Vec<u8>>, Error> {
        sleep(self.config.think).await;
        if claim.poisoned {
            // This is how a bug in the work looks from outside: no word, no clean end.
            tracing::error!(job = claim.job, attempt = claim.attempt, "this tile is poisoned");
            std::process::abort();
        }
        let (wanted, inputs) = match claim.kind {
            Kind::Tile => return Ok(Some(mandelbrot::tile(claim.grid, claim.x, claim.y))),
            Kind::Row => (claim.grid.across, self.queue.inputs(claim).await?),
            Kind::Picture => (claim.grid.down, self.queue.inputs(claim).await?),
        };
        if inputs.len() != usize::from(wanted) {
            tracing::error!(
                job = claim.job,
                wanted,
                found = inputs.len(),
                "what the funnel needs is not there once each"
            );
            return Ok(None);
        }
        let inputs = inputs.iter().map(Vec::as_slice);
        Ok(Some(if claim.kind == Kind::Row { mandelbrot::histogram(inputs) } else { mandelbrot::palette(inputs) }))
    }

    /// Renews the lease again and again; returns when it is lost.
    async fn keep(&self, claim: &Claim) {
        loop {
            sleep(self.config.lease / BEATS).await;
            match self.queue.renew(claim).await {
                Ok(true) => {}
                Ok(false) => return,
                // The next beat may get through. If none does, the database refuses what is handed in.
                Err(error) => tracing::warn!(job = claim.job, "{error}"),
            }
        }
    }

    async fn nothing_left(&self) -> ExitCode {
        if let Ok(left) = self.queue.pending().await
            && left.dead > 0
        {
            tracing::warn!(
                dead = left.dead,
                waiting = left.waiting,
                "the queue is empty, but jobs are dead and others wait for them"
            );
        }
        tracing::info!(done = self.done, "the queue is empty");
        ExitCode::SUCCESS
    }
}

/// Runs a worker until SIGTERM or ^C, or until the queue is empty.
pub async fn run(queue: Queue, config: Config) -> ExitCode {
    Worker::new(queue, config).run(start::stop_on_signals()).await
}
