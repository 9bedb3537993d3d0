//! Handing hashes and coins to the ledger, in numbered batches, and telling everybody how it goes.

use std::sync::Arc;
use std::time::Duration;

use kit::host;
use ledger::{Announcement, Batch, Error, Ledger};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::Config;
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
    /// The number of the last batch.
    number: u64,
    /// The batch whose commit has not been confirmed. It is committed again as it is until it is: only then is its number
    /// a protection against counting twice.
    in_hand: Option<Batch>,
    committed: u64,
    announcement: Announcement,
    /// Since when the ledger takes nothing, and whether it is full.
    away: Option<(Instant, bool)>,
}

impl Flusher {
    pub fn new(
        id: &str,
        ledger: &Ledger,
        account: &Arc<Account>,
        upstreams: [Arc<Upstream>; 2],
        config: &Config,
    ) -> Self {
        let announcement = Announcement {
            id: id.to_owned(),
            host: host::name(),
            started: ledger::now(),
            loops: config.loops,
            ..Announcement::default()
        };
        Self {
            ledger: ledger.clone(),
            account: account.clone(),
            upstreams,
            interval: config.flush_interval,
            number: 0,
            in_hand: None,
            committed: 0,
            announcement,
            away: None,
        }
    }

    /// Commits and announces once an interval, until told that it is enough.
    pub async fn run(&mut self, enough: &CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = enough.cancelled() => return,
            }
            let mut outcome = self.commit().await;
            if outcome.is_ok() {
                // Asked also when there is nothing to commit: so a worker without hashes knows, too, whether Redis is there.
                outcome = self.announce().await;
            }
            self.note(outcome);
        }
    }

    /// Commits what is left, trying until the deadline and at least once; returns how many hashes the ledger took in all.
    pub async fn finish(mut self, deadline: Instant) -> u64 {
        loop {
            // A batch may be in hand, and more may have come since: two rounds empty both.
            let mut outcome = self.commit().await;
            if outcome.is_ok() {
                outcome = self.commit().await;
            }
            let done = outcome.is_ok();
            self.note(outcome);
            if done || Instant::now() >= deadline {
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
        if self.in_hand.is_none() {
            let (hashes, coins) = self.account.take();
            if hashes == 0 {
                return Ok(());
            }
            self.number += 1;
            self.in_hand = Some(Batch { number: self.number, hashes, coins });
        }
        if let Some(batch) = &self.in_hand {
            self.ledger.commit(&self.announcement.id, batch).await?;
            self.committed += batch.hashes;
            self.account.committed(batch.hashes);
            self.in_hand = None;
        }
        Ok(())
    }

    async fn announce(&mut self) -> Result<(), Error> {
        self.account.report(&mut self.announcement);
        let trouble = self.upstreams.iter().find_map(|upstream| upstream.trouble());
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
                tracing::info!(
                    seconds = since.elapsed().as_secs_f64(),
                    "Redis takes hashes again; what was mined is counted"
                );
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
