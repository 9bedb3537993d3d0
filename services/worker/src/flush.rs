//! Handing hashes and coins to the ledger, in numbered batches, and telling everybody how it goes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use kit::host;
use ledger::{Announcement, Batch, Ledger};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::account::Account;

/// The pause between attempts to commit what is left when the worker stops.
const LAST_PAUSE: Duration = Duration::from_millis(100);

/// An announcement outlives this many flush intervals, and two seconds more for a slow Redis.
const INTERVALS_REMEMBERED: u32 = 3;

/// The rate that is announced is that of this many seconds: a loop may take longer than a flush interval.
const RATE_SPAN: f64 = 5.0;

/// Commits a worker's batches one after the other.
#[derive(Debug)]
pub struct Flusher {
    ledger: Ledger,
    account: Arc<Account>,
    interval: Duration,
    /// The number of the last batch.
    number: u64,
    /// The batch whose commit has not been confirmed. It is committed again as it is until it is: only then is its number
    /// a protection against counting twice.
    in_hand: Option<Batch>,
    committed: u64,
    announcement: Announcement,
    /// Hashes and the time of the last one, as of some announcements before: what the rate is measured from.
    marks: VecDeque<(u64, f64)>,
    away_since: Option<Instant>,
}

impl Flusher {
    pub fn new(id: &str, ledger: Ledger, account: Arc<Account>, config: &Config) -> Self {
        let announcement = Announcement {
            id: id.to_owned(),
            host: host::name(),
            started: ledger::now(),
            loops: config.loops,
            ..Announcement::default()
        };
        Self {
            ledger,
            account,
            interval: config.flush_interval,
            number: 0,
            in_hand: None,
            committed: 0,
            announcement,
            marks: VecDeque::from([(0, 0.0)]),
            away_since: None,
        }
    }

    /// Flushes and announces once an interval, until told that it is enough.
    pub async fn run(&mut self, enough: &CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = enough.cancelled() => return,
            }
            if self.flush().await {
                self.announce().await;
            }
        }
    }

    /// Commits what is left, trying until the deadline and at least once; returns how many hashes the ledger took in all.
    pub async fn finish(mut self, deadline: Instant) -> u64 {
        // A batch may be in hand, and more may have come since: two rounds empty both.
        loop {
            let done = self.flush().await && self.flush().await;
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

    /// Commits the batch in hand, or a new one if there is something to commit; false when the ledger did not confirm it.
    async fn flush(&mut self) -> bool {
        if self.in_hand.is_none() {
            let (hashes, coins) = self.account.take();
            if hashes == 0 {
                return true;
            }
            self.number += 1;
            self.in_hand = Some(Batch { number: self.number, hashes, coins });
        }
        let Some(batch) = &self.in_hand else { return true };
        let outcome = self.ledger.commit(&self.announcement.id, batch).await;
        let in_hand = batch.hashes;
        self.account.set_ledger_away(outcome.is_err());
        match outcome {
            Ok(()) => {
                self.committed += in_hand;
                self.in_hand = None;
                self.account.show_uncommitted(0);
                if let Some(since) = self.away_since.take() {
                    tracing::info!(seconds = since.elapsed().as_secs_f64(), "Redis is back; what was mined is counted");
                }
                true
            }
            Err(error) => {
                self.account.show_uncommitted(in_hand);
                if self.away_since.is_none() {
                    self.away_since = Some(Instant::now());
                    tracing::warn!(%error, "Redis is away; mining goes on, and hashes are kept until it is back");
                }
                false
            }
        }
    }

    async fn announce(&mut self) {
        let news = self.account.news();
        let rate = self.rate(news.accepted, news.last_hash);
        let told = &mut self.announcement;
        told.rate = rate;
        told.now = ledger::now();
        told.state = news.trouble.unwrap_or_else(|| "mining".to_owned());
        told.hashes = news.accepted;
        told.last_hash = news.last_hash;
        told.failures = news.failures;
        told.rng = news.rng;
        told.hasher = news.hasher;
        told.loop_times = news.loop_times;
        let lifetime = self.interval * INTERVALS_REMEMBERED + Duration::from_secs(2);
        if let Err(error) = self.ledger.announce(&self.announcement, lifetime).await {
            tracing::debug!(%error, "the announcement could not be made");
        }
    }

    /// Hashes a second between the last hash and one some seconds before it. The time between hashes counts, not between
    /// announcements: otherwise the rate of a slow worker would jump between whole numbers of hashes.
    fn rate(&mut self, hashes: u64, last_hash: f64) -> f64 {
        if self.marks.back().is_none_or(|(known, _)| hashes > *known) {
            self.marks.push_back((hashes, last_hash));
        }
        while self.marks.len() > 2 && last_hash - self.marks[1].1 >= RATE_SPAN {
            self.marks.pop_front();
        }
        let (first, since) = self.marks[0];
        let silent = self.account.age() - last_hash;
        if hashes == first || last_hash <= since || silent > RATE_SPAN {
            return 0.0;
        }
        (hashes - first) as f64 / (last_hash - since)
    }
}
