//! A worker against the real rng and hasher, and against ones that misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use kit::metrics::Metrics;
use kit::serve::{self, Limits};
use ledger::Ledger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::{CancellationToken, DropGuard};
use worker::{Config, Outcome, Target, Worker};

/// Bound of every wait.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    _running: DropGuard,
}

impl Server {
    fn start(app: Router) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), app)
    }

    fn at(address: SocketAddr, app: Router) -> Self {
        let listener = kit::listen::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let running = stop.clone().drop_guard();
        let server = serve::Server::new(app, &Metrics::new("test"), &Limits::default());
        tokio::spawn(serve::serve(listener, server, stop));
        Self { address, _running: running }
    }

    fn target(&self) -> Target {
        Target::new("127.0.0.1", self.address.port())
    }
}

fn rng() -> Server {
    let config = rng::Config { delay: Duration::ZERO, ..rng::Config::default() };
    Server::start(rng::app(&config, &Metrics::new("rng")).router)
}

fn hasher() -> Server {
    let config = hasher::Config { delay: Duration::ZERO, ..hasher::Config::default() };
    Server::start(hasher::app(&config, &Metrics::new("hasher")).router)
}

fn config(rng: &Server, hasher: &Server) -> Config {
    Config {
        rng_url: rng.target(),
        hasher_url: hasher.target(),
        think: Duration::from_millis(1),
        flush_interval: Duration::from_millis(20),
        timeout: Duration::from_millis(300),
        ..Config::default()
    }
}

struct Mining {
    ledger: Ledger,
    stop: CancellationToken,
    worker: tokio::task::JoinHandle<Outcome>,
}

impl Mining {
    fn start(config: Config) -> Self {
        let ledger = ledger::in_memory();
        let stop = CancellationToken::new();
        let worker = tokio::spawn(Worker::new(config, ledger.clone()).run(stop.clone(), PATIENCE));
        Self { ledger, stop, worker }
    }

    async fn hashes(&self) -> i64 {
        self.ledger.totals().await.unwrap().hashes
    }

    /// Waits until so many hashes more are counted; returns how long that took.
    async fn gains(&self, more: i64) -> Duration {
        let start = Instant::now();
        let goal = self.hashes().await + more;
        while self.hashes().await < goal {
            assert!(start.elapsed() < PATIENCE, "no {more} hashes within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        start.elapsed()
    }

    async fn state(&self) -> String {
        self.ledger.workers().await.unwrap().known.first().map(|worker| worker.state.clone()).unwrap_or_default()
    }

    async fn until_state(&self, text: &str) {
        let start = Instant::now();
        while !self.state().await.contains(text) {
            assert!(start.elapsed() < PATIENCE, "waited for `{text}`; last seen: `{}`", self.state().await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) -> (Outcome, Ledger) {
        self.stop.cancel();
        (self.worker.await.unwrap(), self.ledger)
    }
}

#[tokio::test]
async fn all_that_is_accepted_is_counted_and_one_in_sixteen_is_a_coin() {
    for keep_alive in [false, true] {
        let (rng, hasher) = (rng(), hasher());
        // Nothing may fail, however busy the machine is.
        let (think, timeout) = (Duration::ZERO, PATIENCE);
        let mining = Mining::start(Config { keep_alive, think, timeout, loops: 4, ..config(&rng, &hasher) });
        mining.gains(2000).await;
        let told = mining.ledger.workers().await.unwrap().known.remove(0);
        assert_eq!((told.loops, told.state.as_str(), told.failures), (4, "mining", 0));
        assert!(told.last_hash > 0.0 && told.hasher.ms > 0.0 && told.rng.count > 0 && !told.loop_times.is_empty());
        let (outcome, ledger) = mining.stop().await;
        let totals = ledger.totals().await.unwrap();
        assert_eq!((outcome.accepted, outcome.committed), (totals.hashes as u64, totals.hashes as u64));
        // The chance of a share outside these bounds is below 1e-9.
        let share = totals.coins as f64 / totals.hashes as f64;
        assert!((0.03..0.11).contains(&share), "{totals:?}");
        assert!(ledger.workers().await.unwrap().known.is_empty(), "a stopped worker still announces itself");
    }
}

/// A server that behaves as told, and counts how often it was asked.
#[derive(Clone, Default)]
struct Moody {
    mood: Arc<AtomicU8>,
    asked: Arc<AtomicU64>,
}

const WELL: u8 = 0;
const STATUS: u8 = 1;
const SHORT: u8 = 2;
const LONG: u8 = 3;
const SLOW: u8 = 4;
const UPPER: u8 = 5;

impl Moody {
    fn app(&self, well: &'static [u8]) -> Router {
        let moody = self.clone();
        Router::new().fallback(async move |_: Request| {
            moody.asked.fetch_add(1, Ordering::Relaxed);
            match moody.mood.load(Ordering::Relaxed) {
                STATUS => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                SHORT => well[1..].to_vec().into_response(),
                LONG => vec![b'0'; 1 << 20].into_response(),
                SLOW => std::future::pending().await,
                UPPER => well.to_ascii_uppercase().into_response(),
                _ => well.into_response(),
            }
        })
    }
}

const BYTES: &[u8] = &[7; 32];
const DIGEST: &[u8] = b"abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789";

/// Puts one of the services in a bad mood; nothing may be counted, and recovery must be quick.
async fn survives(rng_mood: u8, hasher_mood: u8, state: &str) {
    let (bad_rng, bad_hasher) = (Moody::default(), Moody::default());
    let (rng, hasher) = (Server::start(bad_rng.app(BYTES)), Server::start(bad_hasher.app(DIGEST)));
    let mining = Mining::start(Config { loops: 3, ..config(&rng, &hasher) });
    mining.gains(20).await;
    bad_rng.mood.store(rng_mood, Ordering::Relaxed);
    bad_hasher.mood.store(hasher_mood, Ordering::Relaxed);
    mining.until_state(state).await;
    tokio::time::sleep(Duration::from_millis(350)).await;
    let (before, asked) = (mining.hashes().await, bad_rng.asked.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(mining.hashes().await, before, "something was counted");
    // Three loops without a pause would ask thousands of times.
    assert!(bad_rng.asked.load(Ordering::Relaxed) - asked < 60, "it does not back off");
    bad_rng.mood.store(WELL, Ordering::Relaxed);
    bad_hasher.mood.store(WELL, Ordering::Relaxed);
    mining.gains(30).await;
    mining.until_state("mining").await;
    let (outcome, ledger) = mining.stop().await;
    assert_eq!(outcome.committed as i64, ledger.totals().await.unwrap().hashes);
}

#[tokio::test]
async fn an_error_status_is_survived() {
    survives(STATUS, WELL, "waits for rng: answered with status 500").await;
    survives(WELL, STATUS, "waits for hasher: answered with status 500").await;
}

#[tokio::test]
async fn wrong_answers_are_survived() {
    survives(SHORT, WELL, "another number of bytes").await;
    survives(LONG, WELL, "more than was asked for").await;
    survives(WELL, SHORT, "not a SHA-256 digest").await;
    survives(WELL, LONG, "more than was asked for").await;
    survives(WELL, UPPER, "not a SHA-256 digest").await;
}

#[tokio::test]
async fn silence_is_survived() {
    survives(SLOW, WELL, "waits for rng: no answer within 300ms").await;
    survives(WELL, SLOW, "waits for hasher: no answer within 300ms").await;
}

#[tokio::test]
async fn a_service_that_is_gone_is_used_again_soon_after_it_is_back() {
    for keep_alive in [false, true] {
        let (rng, hasher) = (rng(), hasher());
        let address = hasher.address;
        let mining = Mining::start(Config { keep_alive, loops: 3, ..config(&rng, &hasher) });
        mining.gains(20).await;
        drop(hasher);
        mining.until_state("waits for hasher: ").await;
        // Long enough for the back-off to grow beyond the second within which it has to recover.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let quick = hasher::Config { delay: Duration::ZERO, ..hasher::Config::default() };
        let _back = Server::at(address, hasher::app(&quick, &Metrics::new("hasher")).router);
        let took = mining.gains(50).await;
        assert!(took < Duration::from_secs(2), "back at work after {took:?}");
        mining.until_state("mining").await;
        mining.stop().await;
    }
}

/// Answers each connection once and closes it without a word, as a server of HTTP/1.0 does.
async fn answers_once(answer: &'static [u8]) -> Target {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
                stream.read_buf(&mut asked).await.unwrap();
            }
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
            stream.write_all(&[head.as_bytes(), answer].concat()).await.unwrap();
        }
    });
    Target::new("127.0.0.1", port)
}

#[tokio::test]
async fn a_connection_that_ends_with_the_answer_is_not_kept() {
    let (rng_url, hasher) = (answers_once(BYTES).await, hasher());
    let mining = Mining::start(Config { rng_url, keep_alive: true, ..config(&hasher, &hasher) });
    mining.gains(50).await;
    assert_eq!(mining.ledger.workers().await.unwrap().known.remove(0).failures, 0);
    mining.stop().await;
}

#[tokio::test]
async fn a_name_without_an_address_is_told() {
    let hasher = hasher();
    let nowhere = Target::new("no-such-service.invalid", 80);
    let mining = Mining::start(Config { rng_url: nowhere, ..config(&hasher, &hasher) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    mining.until_state("waits for rng: the name does not resolve").await;
    let (outcome, _) = mining.stop().await;
    assert_eq!(outcome, Outcome { accepted: 0, committed: 0 });
}
