//! Handing hashes and coins to the ledger, in numbered batches, and telling everybody how it goes.

use std::convert::Infallible;
use std::mem::{self, Discriminant};
use std::sync::Arc;
use std::time::Duration;

use ledger::{Batch, Error};
use tokio::time::{Instant, MissedTickBehavior};

use crate::Worker;
use crate::upstream::Upstream;

/// The pause between attempts to commit what is left when the worker stops.
const LAST_PAUSE: Duration = Duration::from_millis(100);

/// An announcement outlives this many flush intervals, and two seconds more for a slow Redis.
const INTERVALS_REMEMBERED: u32 = 3;

/// Commits a worker's batches one after the other.
#[derive(Debug)]
pub struct Flusher<'a> {
    pub worker: &'a Worker,
    pub upstreams: &'a [Arc<Upstream>; 2],
    /// The batch whose commit has not been confirmed. It is committed again as it is: only then is its number a protection
    /// against counting twice.
    pub in_hand: Option<Batch>,
    /// What is wrong with the ledger while it takes nothing: it is away, or full.
    pub trouble: Option<Discriminant<Error>>,
}

impl Flusher<'_> {
    /// Commits and announces once an interval. It may be dropped at any time: what is in hand then is for `finish`.
    pub async fn run(&mut self) -> Infallible {
        let mut ticks = tokio::time::interval(self.worker.config.flush_interval);
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

    /// Commits what is left, trying until the deadline and at least once.
    pub async fn finish(mut self, deadline: Instant) {
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
        if let Err(error) = self.worker.ledger.withdraw(&self.worker.account.id).await {
            // It expires by itself.
            tracing::debug!(%error, "the announcement could not be withdrawn");
        }
    }

    /// Commits the batch in hand, or a new one if there is something to commit.
    async fn commit(&mut self) -> Result<(), Error> {
        let Worker { ledger, account, .. } = self.worker;
        self.in_hand = self.in_hand.take().or_else(|| account.take());
        if let Some(batch) = &self.in_hand {
            ledger.commit(&account.id, batch).await?;
            account.committed(batch.hashes);
            self.in_hand = None;
        }
        Ok(())
    }

    async fn announce(&self) -> Result<(), Error> {
        let trouble = self.upstreams.iter().find_map(|upstream| upstream.health.trouble());
        let announcement = self.worker.account.report(trouble.unwrap_or_else(|| "mining".to_owned()));
        let lifetime = self.worker.config.flush_interval * INTERVALS_REMEMBERED + Duration::from_secs(2);
        self.worker.ledger.announce(&announcement, lifetime).await
    }

    /// One line when the ledger goes, or turns out to be full; one when it is back.
    fn note(&mut self, outcome: Result<(), Error>) {
        let error = outcome.err();
        let before = mem::replace(&mut self.trouble, error.as_ref().map(mem::discriminant));
        if self.trouble != before {
            match &error {
                Some(reason) => tracing::warn!(%reason, "Redis takes nothing; mining goes on, and hashes are kept"),
                None => tracing::info!("Redis takes hashes again; what was mined is counted"),
            }
        }
        self.worker.account.set_ledger(error.map(|reason| reason.to_string()));
    }
}
