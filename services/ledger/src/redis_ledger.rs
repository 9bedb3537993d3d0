//! The ledger in Redis, under the keys of the public application and some of our own.
//!
//! | key | type | what |
//! |---|---|---|
//! | `hashes` | integer | hashes counted |
//! | `wallet` | hash | digest of a coin → its bytes |
//! | `swarmlab:batch:<worker>` | integer | number of the worker's last batch; kept for [`MEMORY`] |
//! | `swarmlab:worker:<worker>` | JSON | the worker's announcement; expires by itself |
//! | `swarmlab:workers` | set | workers that may have an announcement |

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, Script};

use crate::{Announcement, Batch, Error, Totals};

/// How long the ledger remembers the last batch of a worker: far longer than a worker tries to commit one.
const MEMORY: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long Redis has for an answer before a commit counts as unknown.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

const HASHES: &str = "hashes";
const WALLET: &str = "wallet";
const WORKERS: &str = "swarmlab:workers";

/// Counts a batch unless its number has been seen. Coins go first, as setting one again changes nothing; the number goes
/// last, so that an error on the way (a key of another type) leaves the batch to be committed again.
const COMMIT: &str = r"
    local last = tonumber(redis.call('GET', KEYS[3]) or '0')
    if tonumber(ARGV[1]) <= last then return 0 end
    for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
    redis.call('INCRBY', KEYS[1], ARGV[2])
    redis.call('SET', KEYS[3], ARGV[1], 'EX', ARGV[3])
    return 1
";

/// A connection that is opened when needed, and the script.
#[derive(Clone)]
pub struct RedisLedger {
    connection: ConnectionManager,
    commit: Script,
}

impl RedisLedger {
    pub fn new(url: &str) -> Result<Self, Error> {
        // One attempt a request: who retries is the caller, who knows when to give up.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connection = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
        Ok(Self { connection, commit: Script::new(COMMIT) })
    }

    pub async fn commit(&self, worker: &str, batch: &Batch) -> Result<(), Error> {
        let mut call = self.commit.prepare_invoke();
        call.key(HASHES).key(WALLET).key(format!("swarmlab:batch:{worker}"));
        call.arg(batch.number).arg(batch.hashes).arg(MEMORY.as_secs());
        for coin in &batch.coins {
            call.arg(&coin.digest).arg(coin.bytes.as_slice());
        }
        let _counted: i64 = call.invoke_async(&mut self.connection.clone()).await?;
        Ok(())
    }

    pub async fn announce(&self, announcement: &Announcement, lifetime: Duration) -> Result<(), Error> {
        let key = announcement_key(&announcement.id);
        let value =
            serde_json::to_string(announcement).map_err(|error| Error::Announcement { key: key.clone(), error })?;
        let _: () = redis::pipe()
            .pset_ex(&key, value, lifetime.as_millis() as u64)
            .sadd(WORKERS, &announcement.id)
            .query_async(&mut self.connection.clone())
            .await?;
        Ok(())
    }

    pub async fn withdraw(&self, worker: &str) -> Result<(), Error> {
        let _: () = redis::pipe()
            .del(announcement_key(worker))
            .srem(WORKERS, worker)
            .query_async(&mut self.connection.clone())
            .await?;
        Ok(())
    }

    pub async fn totals(&self) -> Result<Totals, Error> {
        let (hashes, coins): (Option<i64>, u64) =
            redis::pipe().get(HASHES).hlen(WALLET).query_async(&mut self.connection.clone()).await?;
        Ok(Totals { hashes: hashes.unwrap_or_default(), coins })
    }

    pub async fn workers(&self) -> Result<Vec<Announcement>, Error> {
        let mut connection = self.connection.clone();
        let ids: Vec<String> = connection.smembers(WORKERS).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = ids.iter().map(|id| announcement_key(id)).collect();
        let values: Vec<Option<String>> = connection.mget(&keys).await?;
        let mut workers = Vec::new();
        let mut gone = Vec::new();
        for ((id, key), value) in ids.into_iter().zip(keys).zip(values) {
            match value {
                Some(text) => {
                    let read = serde_json::from_str(&text).map_err(|error| Error::Announcement { key, error })?;
                    workers.push(read);
                }
                None => gone.push(id),
            }
        }
        if !gone.is_empty() {
            let _: () = connection.srem(WORKERS, gone).await?;
        }
        Ok(workers)
    }
}

fn announcement_key(worker: &str) -> String {
    format!("swarmlab:worker:{worker}")
}
