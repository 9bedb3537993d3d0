//! A service that a worker asks: where it is, what it is asked, and what is done while it fails.
//!
//! Each loop backs off exponentially with full jitter, up to [`LONGEST`]. Beside the loops one prober asks the failing
//! service the same about twice a second, and its first good answer wakes all loops: so a service that fails is asked
//! little, and one that recovers is used at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header, request};
use http_body_util::Full;
use rand::RngExt;
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::account::Account;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::health::Health;
use crate::target::Target;

/// The first pause, before jitter.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);

/// Bounds of a prober's pause, in milliseconds.
const PROBE_PAUSE: std::ops::Range<u64> = 300..600;

/// How many random bytes a loop asks for.
const SIZE: usize = 32;

/// How many hexadecimal digits a SHA-256 digest has.
const DIGITS: usize = 64;

/// rng or hasher, shared by all loops of a worker.
#[derive(Debug)]
pub struct Upstream {
    target: Target,
    keep_alive: bool,
    timeout: Duration,
    /// Method, path and headers are the same every time; the body is the one that a prober sends.
    question: Request<Bytes>,
    /// What is wrong with an answer.
    fault: fn(&[u8]) -> Option<&'static str>,
    /// How it is doing.
    pub health: Health,
}

impl Upstream {
    /// rng: gives random bytes.
    pub fn rng(config: &Config, account: &Arc<Account>) -> Arc<Self> {
        let fault = |bytes: &[u8]| (bytes.len() != SIZE).then_some("another number of bytes than asked for");
        let head = Request::get(format!("{}/{SIZE}", config.rng_url.base));
        let question = question(head, &config.rng_url, config.keep_alive, Bytes::new());
        let (target, health) = (config.rng_url.clone(), Health::new("rng", account));
        Arc::new(Self { target, keep_alive: config.keep_alive, timeout: config.timeout, question, fault, health })
    }

    /// hasher: gives the digest of what it is sent.
    pub fn hasher(config: &Config, account: &Arc<Account>) -> Arc<Self> {
        let fault = |answer: &[u8]| {
            let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            (answer.len() != DIGITS || !answer.iter().all(is_digit)).then_some("what is not a SHA-256 digest")
        };
        // A Rack server reads a body without a type as a form, and refuses most bytes as a bad one.
        let head = Request::post(format!("{}/", config.hasher_url.base));
        let head = head.header(header::CONTENT_TYPE, "application/octet-stream");
        let question = question(head, &config.hasher_url, config.keep_alive, Bytes::from_static(&[0; SIZE]));
        let (target, health) = (config.hasher_url.clone(), Health::new("hasher", account));
        Arc::new(Self { target, keep_alive: config.keep_alive, timeout: config.timeout, question, fault, health })
    }

    /// Asks the failing service about twice a second until it answers: one task for all loops.
    pub async fn probe(self: Arc<Self>) {
        let mut client = Client::new(&self);
        loop {
            self.health.failed.notified().await;
            let pause = rand::rng().random_range(PROBE_PAUSE);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            if self.health.trouble().is_some() {
                self.health.note(&client.answer(self.question.body().clone()).await);
            }
        }
    }
}

/// A request with what both services are told.
fn question(head: request::Builder, target: &Target, keep_alive: bool, sample: Bytes) -> Request<Bytes> {
    let mut head = head.header(header::HOST, target.authority());
    if !keep_alive {
        // The server closes first, so that the many ports in TIME_WAIT are not the client's.
        head = head.header(header::CONNECTION, "close");
    }
    head.body(sample).expect("the parts of a URL are those of a request")
}

/// What one loop asks an upstream with.
#[derive(Debug)]
pub struct Client {
    upstream: Arc<Upstream>,
    kept: Option<Connection>,
    /// Which of the service's addresses is next.
    turn: usize,
    /// Failures since the last good answer, for the back-off.
    tries: u32,
}

impl Client {
    pub fn new(upstream: &Arc<Upstream>) -> Self {
        Self { upstream: upstream.clone(), kept: None, turn: rand::random_range(0..1 << 16), tries: 0 }
    }

    /// Asks once; after a failure waits until it is time to try again, and gives nothing.
    pub async fn ask(&mut self, body: Bytes, stop: &CancellationToken) -> Option<Bytes> {
        let outcome = self.answer(body).await;
        let health = &self.upstream.health;
        let recovered = health.recovered.notified();
        health.note(&outcome);
        if let Ok(answer) = outcome {
            self.tries = 0;
            return Some(answer);
        }
        tokio::select! {
            () = tokio::time::sleep(pause(self.tries)) => {}
            () = recovered => {}
            () = stop.cancelled() => {}
        }
        self.tries = self.tries.saturating_add(1);
        None
    }

    async fn answer(&mut self, body: Bytes) -> Result<Bytes, Failure> {
        let limit = self.upstream.timeout;
        let answer = tokio::time::timeout(limit, self.exchange(body)).await.unwrap_or(Err(Failure::Timeout(limit)))?;
        (self.upstream.fault)(&answer).map_or(Ok(answer), |fault| Err(Failure::Wrong(fault)))
    }

    async fn exchange(&mut self, body: Bytes) -> Result<Bytes, Failure> {
        let request = |body| self.upstream.question.clone().map(|_| Full::new(body));
        // A request that is given up leaves no connection behind: it is taken out before, and kept only after an answer.
        if let Some(kept) = self.kept.take() {
            match kept.ask(request(body.clone())).await {
                // The server may close a connection that it kept just when a request is on its way. Both requests here
                // may be sent again: one asks for any bytes, the other's answer depends on its body alone.
                (Err(Failure::Broken(_)), _) => {}
                (answer, kept) => {
                    self.kept = kept;
                    return answer;
                }
            }
        }
        let connection = Connection::open(&self.upstream.target, &mut self.turn).await?;
        let (answer, kept) = connection.ask(request(body)).await;
        self.kept = kept.filter(|_| self.upstream.keep_alive);
        answer
    }
}

/// A random pause between zero and the exponential bound ("full jitter").
fn pause(tries: u32) -> Duration {
    let bound = FIRST.saturating_mul(1 << tries.min(20)).min(LONGEST);
    bound.mul_f64(rand::rng().random_range(0.0..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_ten_seconds() {
        let longest = |tries| (0..2000).map(|_| pause(tries)).max().unwrap_or_default();
        assert!(longest(0) < FIRST);
        assert!(longest(3) > FIRST && longest(3) < 8 * FIRST);
        assert!(longest(7) > LONGEST / 2);
        assert!(longest(u32::MAX) <= LONGEST);
    }
}
