//! Handing hashes and coins to the ledger, in numbered batches, and telling everybody how it goes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kit::host;
use ledger::{Announcement, Batch, Error, Ledger};
use tokio::time::{Instant, MissedTickBehavior};

use crate::Worker;
use crate::account::Account;
use crate::upstream::Upstream;

/// The pause between attempts to commit what is left when the worker stops.
const LAST_PAUSE: Duration = Duration::from_millis(100);

/// An announcement outlives this many flush intervals, and two seconds more for a slow Redis.
const INTERVALS_REMEMBERED: u32 = 3;

/// Commits a worker's batches one after the other.
#[derive(Debug)]
pub struct Flusher {
    ledger: Ledger,
    account: Arc<Account>,
    upstreams: [Arc<Upstream>; 2],
    interval: Duration,
    /// The last batch. While its commit has not been confirmed it is committed again as it is: only then is its number a
    /// protection against counting twice. Afterwards it has no hashes.
    batch: Batch,
    committed: u64,
    announcement: Announcement,
    /// Since when the ledger takes nothing, and whether it is full.
    away: Option<(Instant, bool)>,
}

impl Flusher {
    pub fn new(worker: &Worker, upstreams: [Arc<Upstream>; 2]) -> Self {
        let announcement = Announcement {
            id: worker.id.clone(),
            host: host::name(),
            started: ledger::now(),
            loops: worker.config.loops,
            ..Announcement::default()
        };
        let (ledger, account, interval) = (worker.ledger.clone(), worker.account.clone(), worker.config.flush_interval);
        Self { ledger, account, upstreams, interval, batch: Batch::default(), committed: 0, announcement, away: None }
    }

    /// Commits and announces once an interval. It may be dropped at any time: what is in hand then is for `finish`.
    pub async fn run(&mut self) -> Infallible {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let outcome = match self.commit().await {
                // Also when there was nothing to commit: so a worker without hashes knows, too, whether Redis is there.
                Ok(()) => self.announce().await,
                failed => failed,
            };
            self.note(outcome);
        }
    }

    /// Commits what is left, trying until the deadline and at least once; returns how many hashes the ledger took in all.
    pub async fn finish(mut self, deadline: Instant) -> u64 {
        loop {
            let outcome = match self.commit().await {
                // That batch was in hand, and more have come since.
                Ok(()) => self.commit().await,
                failed => failed,
            };
            let done = outcome.is_ok() || Instant::now() >= deadline;
            self.note(outcome);
            if done {
                break;
            }
            tokio::time::sleep(LAST_PAUSE).await;
        }
        if let Err(error) = self.ledger.withdraw(&self.announcement.id).await {
            // It expires by itself.
            tracing::debug!(%error, "the announcement could not be withdrawn");
        }
        self.committed
    }

    /// Commits the batch in hand, or a new one if there is something to commit.
    async fn commit(&mut self) -> Result<(), Error> {
        if self.batch.hashes == 0 {
            let (hashes, coins) = self.account.take();
            if hashes == 0 {
                return Ok(());
            }
            self.batch = Batch { number: self.batch.number + 1, hashes, coins };
        }
        self.ledger.commit(&self.announcement.id, &self.batch).await?;
        self.committed += self.batch.hashes;
        self.account.committed(self.batch.hashes);
        self.batch = Batch { number: self.batch.number, ..Batch::default() };
        Ok(())
    }

    async fn announce(&mut self) -> Result<(), Error> {
        self.account.report(&mut self.announcement);
        let trouble = self.upstreams.iter().find_map(|upstream| upstream.health.trouble());
        self.announcement.state = trouble.unwrap_or_else(|| "mining".to_owned());
        let lifetime = self.interval * INTERVALS_REMEMBERED + Duration::from_secs(2);
        self.ledger.announce(&self.announcement, lifetime).await
    }

    /// One line when the ledger goes, or turns out to be full; one when it is back.
    fn note(&mut self, outcome: Result<(), Error>) {
        self.account.set_ledger(outcome.as_ref().err().map(ToString::to_string));
        match (outcome, self.away) {
            (Ok(()), None) => {}
            (Ok(()), Some((since, _))) => {
                let seconds = since.elapsed().as_secs_f64();
                tracing::info!(seconds, "Redis takes hashes again; what was mined is counted");
                self.away = None;
            }
            (Err(reason), away) => {
                let full = matches!(reason, Error::Full);
                if away.is_none_or(|(_, before)| before != full) {
                    tracing::warn!(%reason, "Redis takes nothing; mining goes on, and hashes are kept until it does");
                }
                self.away = Some((away.map_or_else(Instant::now, |(since, _)| since), full));
            }
        }
    }
}
