//! The ledger in Redis, under the keys of the public application and some of our own.
//!
//! | key | type | what |
//! |---|---|---|
//! | `hashes` | integer | hashes counted |
//! | `wallet` | hash | digest of a coin → its bytes |
//! | `swarmlab:batch:<worker>` | integer | number of the worker's last batch; kept for [`MEMORY`] |
//! | `swarmlab:worker:<worker>` | JSON | the worker's announcement; expires by itself |
//! | `swarmlab:announced` | sorted set | workers that may have an announcement, by the time of their last one |

use std::time::Duration;

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, Pipeline, RedisError, pipe};
use tokio::sync::Mutex;

use crate::{Announcement, Batch, Error, Store, Totals, Workers};

/// How long the ledger remembers the last batch of a worker: far longer than a worker tries to commit one.
const MEMORY: Duration = Duration::from_secs(7 * 24 * 3600);

/// A worker that has said nothing for so many seconds is forgotten, whatever the clocks of the nodes differ by.
const FORGOTTEN: f64 = 24.0 * 3600.0;

/// How long Redis has for an answer before a commit counts as unknown.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A host that acknowledges nothing for so long has lost its power, and its connection is of no more use.
const SILENCE: Duration = Duration::from_secs(5);

const HASHES: &str = "hashes";
const WALLET: &str = "wallet";
const ANNOUNCED: &str = "swarmlab:announced";

/// Counts a batch unless its number has been seen. Coins go first, as setting one again changes nothing; the number goes
/// last, so that an error on the way (a key of another type) leaves the batch to be committed again. A Redis that is full
/// refuses the first write of the script or none.
const COMMIT: &str = r"
    local last = tonumber(redis.call('GET', KEYS[3]) or '0')
    if tonumber(ARGV[1]) <= last then return 0 end
    for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
    redis.call('INCRBY', KEYS[1], ARGV[2])
    redis.call('SET', KEYS[3], ARGV[1], 'EX', ARGV[3])
    return 1
";

/// A connection that is opened when it is needed.
#[derive(Debug)]
pub struct RedisLedger {
    client: Client,
    config: AsyncConnectionConfig,
    open: Mutex<Option<MultiplexedConnection>>,
}

impl RedisLedger {
    pub fn new(url: &str) -> Result<Self, RedisError> {
        let keepalive = TcpKeepalive::new().with_time(SILENCE / 2).with_interval(SILENCE / 5);
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive).set_user_timeout(SILENCE);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let client = Client::open(url.into_connection_info()?.set_tcp_settings(tcp))?;
        Ok(Self { client, config, open: Mutex::default() })
    }

    /// After an error, a time-out among them, the connection is given up: the next request asks the name for an address
    /// again, and finds the Redis that has taken the place of one whose host never said that it is gone.
    async fn ask<T: FromRedisValue>(&self, request: &Pipeline) -> Result<T, Error> {
        let answer = async { request.query_async(&mut self.connection().await?).await }.await;
        if answer.is_err() {
            *self.open.lock().await = None;
        }
        Ok(answer?)
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut open = self.open.lock().await;
        if let Some(connection) = &*open {
            return Ok(connection.clone());
        }
        let connection = self.client.get_multiplexed_async_connection_with_config(&self.config).await?;
        Ok(open.insert(connection).clone())
    }
}

#[async_trait]
impl Store for RedisLedger {
    fn kind(&self) -> &'static str {
        "redis"
    }

    async fn commit(&self, worker: &str, batch: &Batch) -> Result<(), Error> {
        let mut request = pipe();
        request.cmd("EVAL").arg(COMMIT).arg(3).arg(HASHES).arg(WALLET).arg(format!("swarmlab:batch:{worker}"));
        request.arg(batch.number).arg(batch.hashes).arg(MEMORY.as_secs());
        for coin in &batch.coins {
            request.arg(&coin.digest).arg(coin.bytes.as_slice());
        }
        self.ask(request.ignore()).await
    }

    async fn announce(&self, announcement: &Announcement, lifetime: Duration) -> Result<(), Error> {
        let Announcement { id, now, .. } = announcement;
        let value = serde_json::to_string(announcement).expect("text and numbers are JSON");
        let mut request = pipe();
        request.pset_ex(announcement_key(id), value, lifetime.as_millis() as u64).ignore();
        request.zadd(ANNOUNCED, id, now).ignore();
        self.ask(request.zrembyscore(ANNOUNCED, "-inf", now - FORGOTTEN).ignore()).await
    }

    async fn withdraw(&self, worker: &str) -> Result<(), Error> {
        self.ask(pipe().del(announcement_key(worker)).ignore().zrem(ANNOUNCED, worker).ignore()).await
    }

    async fn totals(&self) -> Result<Totals, Error> {
        let (hashes, coins): (Option<i64>, u64) = self.ask(pipe().get(HASHES).hlen(WALLET)).await?;
        Ok(Totals { hashes: hashes.unwrap_or_default(), coins, begun: hashes.is_some() })
    }

    async fn workers(&self) -> Result<Workers, Error> {
        // Whoever writes to Redis may write what is no text.
        let (mut ids,): (Vec<Vec<u8>>,) = self.ask(pipe().zrange(ANNOUNCED, 0, -1)).await?;
        ids.sort_unstable();
        let mut workers = Workers::default();
        if ids.is_empty() {
            return Ok(workers);
        }
        let keys: Vec<Vec<u8>> = ids.iter().map(announcement_key).collect();
        let (values,): (Vec<Option<Vec<u8>>>,) = self.ask(pipe().mget(&keys)).await?;
        // Who has no announcement has expired, and is forgotten by those who announce themselves: reading changes nothing.
        for (key, text) in keys.into_iter().zip(values).filter_map(|(key, value)| Some((key, value?))) {
            match serde_json::from_slice(&text) {
                Ok(worker) => workers.known.push(worker),
                Err(error) => workers.unreadable.push(format!("{}: {error}", String::from_utf8_lossy(&key))),
            }
        }
        Ok(workers)
    }
}

fn announcement_key(worker: impl AsRef<[u8]>) -> Vec<u8> {
    [b"swarmlab:worker:", worker.as_ref()].concat()
}
