//! Where hashes and coins are kept: Redis, or the memory of one process.
//!
//! The promise: *a batch is counted once*, however often it is committed. A worker numbers its batches, and the ledger
//! remembers the last number that it took from each worker; so a worker that does not know whether a commit happened
//! (a time-out, a connection that broke) commits the same batch again.

mod announcement;
mod memory;
mod redis_ledger;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

pub use announcement::{Announcement, Mean, now};
use memory::MemoryLedger;
use redis_ledger::RedisLedger;

/// A digest that begins with `0`, and the bytes that it is the digest of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coin {
    /// SHA-256 in 64 lowercase hexadecimal digits.
    pub digest: String,
    /// The bytes that rng gave.
    pub bytes: Vec<u8>,
}

/// Hashes and coins that a worker hands over together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Counts a worker's batches, from 1. A batch whose number the ledger has seen is not counted again.
    pub number: u64,
    /// Hashes done since the batch before.
    pub hashes: u64,
    /// The coins among them.
    pub coins: Vec<Coin>,
}

/// What has been mined so far, by everybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Hashes counted.
    pub hashes: i64,
    /// Different coins found.
    pub coins: u64,
    /// Whether anything was counted yet, if only 0 hashes.
    #[serde(skip)]
    pub begun: bool,
}

/// The workers that have announced themselves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Workers {
    /// By id.
    pub known: Vec<Announcement>,
    /// Announcements that cannot be read: where, and why.
    pub unreadable: Vec<String>,
}

/// Why the ledger could not be used. Whether the request took effect is not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis did not answer, or answered with an error.
    #[error("{0}")]
    Redis(redis::RedisError),
    /// Redis has reached its `maxmemory`, and evicts nothing.
    #[error("Redis is full, and takes nothing more: raise its maxmemory, or empty the wallet (redis-cli del wallet)")]
    Full,
}

impl From<redis::RedisError> for Error {
    fn from(error: redis::RedisError) -> Self {
        if error.to_string().contains("OOM") { Self::Full } else { Self::Redis(error) }
    }
}

/// What a ledger does, wherever it keeps things.
///
/// After an error of `commit` it is not known whether the batch was counted: commit the same batch again. The errors of the
/// others are that the ledger does not answer, or that its keys hold something else.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// Where it is: `memory` or `redis`.
    fn kind(&self) -> &'static str;
    /// Counts a worker's batch, unless it has been counted before.
    async fn commit(&self, worker: &str, batch: &Batch) -> Result<(), Error>;
    /// Tells everybody what a worker is doing; forgotten after `lifetime`.
    async fn announce(&self, announcement: &Announcement, lifetime: Duration) -> Result<(), Error>;
    /// Withdraws a worker's announcement, when it stops.
    async fn withdraw(&self, worker: &str) -> Result<(), Error>;
    /// What has been mined so far.
    async fn totals(&self) -> Result<Totals, Error>;
    /// The workers that have announced themselves, by id.
    async fn workers(&self) -> Result<Workers, Error>;
}

/// A ledger; clones share it.
pub type Ledger = Arc<dyn Store>;

/// A ledger in the memory of this process.
pub fn in_memory() -> Ledger {
    Arc::new(MemoryLedger::default())
}

/// The ledger in Redis. Connects when it is first used, and again after every loss.
///
/// # Errors
/// The URL cannot be read; `redis://host[:port][/db]` is meant.
pub fn in_redis(url: &str) -> Result<Ledger, Error> {
    Ok(Arc::new(RedisLedger::new(url)?))
}
