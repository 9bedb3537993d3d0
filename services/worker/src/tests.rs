use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use kit::serve::{Limits, Server, serve};
use tokio::time::timeout;

use super::*;

/// Bound of every wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// Serves on a loopback port until the test ends.
fn server(app: Router) -> Target {
    let listener = kit::listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, Server::new(app, &Metrics::new("test"), &Limits::default()), stop));
    Target::new("127.0.0.1", port)
}

fn quick() -> Config {
    let rng_url = server(Router::new().fallback(async || [7; 32].into_response()));
    let digest = format!("0{}", "a".repeat(63));
    let hasher_url = server(Router::new().fallback(async move || digest.clone()));
    Config { rng_url, hasher_url, think: Duration::ZERO, keep_alive: true, ..Config::default() }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"));
}

#[tokio::test]
async fn a_worker_with_as_many_coins_as_fit_pauses_and_stops_at_once_with_nothing_lost() {
    // Flushed in an hour, so that the coins are not committed meanwhile.
    let config = Config { loops: 4, flush_interval: Duration::from_secs(3600), ..quick() };
    let ledger = ledger::in_memory();
    let mut worker = Worker::new(config, ledger.clone());
    worker.account = Arc::new(Account::new(4, 100, &worker.metrics));
    let account = worker.account.clone();
    // Something is flushed in the first moment, of which the books know nothing any more.
    let stop = CancellationToken::new();
    let running = tokio::spawn(worker.run(stop.clone(), Duration::from_secs(600)));
    until("a pause", async || {
        let before = account.outcome().accepted;
        tokio::time::sleep(Duration::from_millis(300)).await;
        before >= 100 && account.outcome().accepted == before
    })
    .await;
    stop.cancel();
    let outcome = timeout(PATIENCE, running).await.expect("it stops long before the drain timeout").unwrap();
    assert!(outcome.accepted >= 100, "{outcome:?}");
    assert_eq!(outcome.accepted, outcome.committed);
    assert_eq!(ledger.totals().await.unwrap().hashes as u64, outcome.committed);
}

#[tokio::test]
async fn a_worker_is_not_ready_before_it_has_spoken_to_the_ledger() {
    let config = Config { flush_interval: Duration::from_millis(20), ..quick() };
    let worker = Worker::new(config, ledger::in_memory());
    let account = worker.account.clone();
    assert_eq!(account.ready(), Err("Redis has not answered yet".to_owned()));
    let stop = CancellationToken::new();
    let running = tokio::spawn(worker.run(stop.clone(), PATIENCE));
    until("readiness", async || account.ready().is_ok()).await;
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn one_bad_replica_among_several_is_one_trouble_with_one_prober() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let rng_url = server(Router::new().fallback(async move || match count.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => [7; 32].into_response(),
    }));
    let config = Config { rng_url, think: Duration::from_millis(1), loops: 5, ..quick() };
    let worker = Worker::new(config, ledger::in_memory());
    let log = log_of(async {
        let (config, account) = (&worker.config, &worker.account);
        let upstreams = [Upstream::rng(config, account), Upstream::hasher(config, account)];
        let stop = CancellationToken::new();
        let mut loops = worker.start_loops(&upstreams, &stop);
        until("many failures between good answers", async || asked.load(Ordering::Relaxed) > 300).await;
        // Ours, one for each client, and one prober's.
        let holders = Arc::strong_count(&upstreams[0]);
        assert!(holders <= 1 + 5 + 2, "{holders} hold it");
        stop.cancel();
        while loops.join_next().await.is_some() {}
    })
    .await;
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("status 500"), "{log}");
}

#[tokio::test]
async fn loops_that_fail_are_told_and_not_what_the_prober_asked() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let rng_url = server(Router::new().fallback(async move || {
        count.fetch_add(1, Ordering::Relaxed);
        StatusCode::INTERNAL_SERVER_ERROR
    }));
    let worker = Worker::new(Config { rng_url, ..quick() }, ledger::in_memory());
    let (config, account) = (&worker.config, &worker.account);
    let (rng, hasher) = (Upstream::rng(config, account), Upstream::hasher(config, account));
    let (stop, failed) = (CancellationToken::new(), || account.report(String::new()).failures);
    let miner =
        Miner { think: config.think, account: account.clone(), rng: Client::new(&rng), hasher: Client::new(&hasher) };
    let mining = tokio::spawn(miner.run(stop.clone()));
    until("a loop that fails", async || asked.load(Ordering::Relaxed) > 0).await;
    stop.cancel();
    mining.await.unwrap();
    let (loops, requests) = (failed(), asked.load(Ordering::Relaxed));
    assert_eq!(loops, requests);
    let probing = tokio::spawn(rng.probe());
    until("more requests of the prober", async || asked.load(Ordering::Relaxed) > requests + 2).await;
    probing.abort();
    assert_eq!(failed(), loops);
}

/// What is logged meanwhile, by this thread.
async fn log_of(work: impl Future<Output = ()>) -> String {
    let lines = Arc::new(std::sync::Mutex::new(Vec::new()));
    let writer = {
        let lines = lines.clone();
        move || Lines(lines.clone())
    };
    let _logging =
        tracing::subscriber::set_default(tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish());
    work.await;
    let lines = lines.lock().unwrap();
    String::from_utf8(lines.clone()).unwrap()
}

struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
