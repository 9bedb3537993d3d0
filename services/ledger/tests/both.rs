//! What holds for the ledger, wherever it is; and what holds for Redis alone.

use std::time::Duration;

use ledger::{Announcement, Batch, Coin, Ledger, Totals};
use testbed::{Proxy, RedisServer};

fn batch(number: u64, hashes: u64, digests: &[&str]) -> Batch {
    let coins = digests.iter().map(|digest| Coin { digest: digest.to_string(), bytes: vec![0, 255, 10] }).collect();
    Batch { number, hashes, coins }
}

async fn a_batch_is_counted_once(ledger: &Ledger) {
    assert_eq!(ledger.totals().await.unwrap(), Totals::default());
    for _ in 0..3 {
        ledger.commit("a", &batch(1, 5, &["0a"])).await.unwrap();
    }
    ledger.commit("a", &batch(2, 7, &["0b", "0c"])).await.unwrap();
    ledger.commit("a", &batch(1, 5, &["0a"])).await.unwrap();
    ledger.commit("b", &batch(1, 11, &["0a"])).await.unwrap();
    assert_eq!(ledger.totals().await.unwrap(), Totals { hashes: 23, coins: 3, begun: true });
}

async fn announcements_expire(ledger: &Ledger) {
    let worker = |id: &str| Announcement { id: id.to_owned(), loops: 3, ..Announcement::default() };
    ledger.announce(&worker("short"), Duration::from_millis(30)).await.unwrap();
    ledger.announce(&worker("long"), Duration::from_secs(60)).await.unwrap();
    ledger.announce(&worker("gone"), Duration::from_secs(60)).await.unwrap();
    ledger.withdraw("gone").await.unwrap();
    for _ in 0..500 {
        let workers = ledger.workers().await.unwrap().known;
        assert!(workers.contains(&worker("long")) && !workers.contains(&worker("gone")), "{workers:?}");
        if workers.len() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("an announcement of 30 ms was still there after 5 s");
}

#[tokio::test]
async fn in_memory() {
    let ledger = ledger::in_memory();
    a_batch_is_counted_once(&ledger).await;
    announcements_expire(&ledger).await;
}

#[tokio::test]
async fn in_redis() {
    let server = RedisServer::start();
    let ledger = ledger::in_redis(&server.url()).unwrap();
    a_batch_is_counted_once(&ledger).await;
    announcements_expire(&ledger).await;
    // The keys and types are those that the public application reads.
    let mut redis = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let hashes: i64 = redis::cmd("GET").arg("hashes").query_async(&mut redis).await.unwrap();
    let bytes: Vec<u8> = redis::cmd("HGET").arg("wallet").arg("0a").query_async(&mut redis).await.unwrap();
    assert_eq!((hashes, bytes), (23, vec![0, 255, 10]));
}

#[tokio::test]
async fn a_redis_that_comes_back_is_used_again() {
    let mut server = RedisServer::start();
    let ledger = ledger::in_redis(&server.url()).unwrap();
    ledger.commit("a", &batch(1, 5, &[])).await.unwrap();
    server.kill();
    assert!(ledger.commit("a", &batch(2, 5, &[])).await.is_err());
    server.restart();
    let mut last = ledger.commit("a", &batch(2, 5, &[])).await;
    for _ in 0..100 {
        if last.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        last = ledger.commit("a", &batch(2, 5, &[])).await;
    }
    last.unwrap();
    assert_eq!(ledger.totals().await.unwrap().hashes, 10);
}

#[tokio::test]
async fn a_key_of_another_type_leaves_the_batch_uncounted() {
    let server = RedisServer::start();
    let mut redis = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let () = redis::cmd("SET").arg("wallet").arg("no hash").query_async(&mut redis).await.unwrap();
    let ledger = ledger::in_redis(&server.url()).unwrap();
    assert!(ledger.commit("a", &batch(1, 5, &["0a"])).await.is_err());
    let () = redis::cmd("DEL").arg("wallet").query_async(&mut redis).await.unwrap();
    ledger.commit("a", &batch(1, 5, &["0a"])).await.unwrap();
    assert_eq!(ledger.totals().await.unwrap(), Totals { hashes: 5, coins: 1, begun: true });
}

#[tokio::test]
async fn reading_changes_nothing_and_one_bad_announcement_hides_itself_alone() {
    let server = RedisServer::start();
    let mut redis = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let ledger = ledger::in_redis(&server.url()).unwrap();
    let worker = |id: &str| Announcement { id: id.to_owned(), now: ledger::now(), ..Announcement::default() };
    for id in ["well", "odd", "killed", "long-gone"] {
        ledger.announce(&worker(id), Duration::from_secs(600)).await.unwrap();
    }
    let mut change = redis::pipe();
    change.set("swarmlab:worker:odd", "{").del("swarmlab:worker:killed").zadd("swarmlab:announced", "long-gone", 1);
    let () = change.ignore().query_async(&mut redis).await.unwrap();
    let known = async |redis: &mut redis::aio::MultiplexedConnection| {
        redis::cmd("ZRANGE").arg("swarmlab:announced").arg(0).arg(-1).query_async::<Vec<String>>(redis).await.unwrap()
    };
    let before = known(&mut redis).await;
    let workers = ledger.workers().await.unwrap();
    assert_eq!(workers.known.iter().map(|worker| worker.id.as_str()).collect::<Vec<_>>(), ["long-gone", "well"]);
    assert!(workers.unreadable.len() == 1 && workers.unreadable[0].contains("worker:odd"), "{workers:?}");
    assert_eq!(known(&mut redis).await, before);
    // Who has said nothing for days is forgotten by the next that speaks.
    ledger.announce(&worker("well"), Duration::from_secs(600)).await.unwrap();
    let mut after = known(&mut redis).await;
    after.sort();
    assert_eq!(after, ["killed", "odd", "well"]);
}

/// Anybody may write to Redis, and its keys and values are bytes.
#[tokio::test]
async fn an_announcement_or_an_id_that_is_no_text_hides_itself_alone() {
    let server = RedisServer::start();
    let mut redis = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let ledger = ledger::in_redis(&server.url()).unwrap();
    for id in ["odd", "well"] {
        let worker = Announcement { id: id.to_owned(), now: ledger::now(), ..Announcement::default() };
        ledger.announce(&worker, Duration::from_secs(600)).await.unwrap();
    }
    let (id, key): (&[u8], &[u8]) = (b"\xff", b"swarmlab:worker:\xff");
    let mut change = redis::pipe();
    change.zadd("swarmlab:announced", id, ledger::now()).set(key, "{").set("swarmlab:worker:odd", b"\xff");
    let () = change.ignore().query_async(&mut redis).await.unwrap();
    let workers = ledger.workers().await.unwrap();
    assert_eq!(workers.known.iter().map(|worker| worker.id.as_str()).collect::<Vec<_>>(), ["well"]);
    let [odd, nameless] = &workers.unreadable[..] else { panic!("{workers:?}") };
    assert!(
        odd.starts_with("swarmlab:worker:odd: ") && nameless.starts_with("swarmlab:worker:\u{fffd}: "),
        "{workers:?}"
    );
}

#[tokio::test]
async fn a_redis_whose_host_fell_silent_is_asked_no_more() {
    let server = RedisServer::start();
    let proxy = Proxy::to(server.port());
    let ledger = ledger::in_redis(&format!("redis://127.0.0.1:{}", proxy.port())).unwrap();
    ledger.commit("a", &batch(1, 5, &[])).await.unwrap();
    proxy.lose_power();
    // Whether this one was counted is not known.
    assert!(ledger.commit("a", &batch(2, 5, &[])).await.is_err());
    ledger.commit("a", &batch(2, 5, &[])).await.unwrap();
    assert_eq!(ledger.totals().await.unwrap().hashes, 10);
}

#[tokio::test]
async fn a_redis_that_is_full_takes_a_batch_whole_or_not_at_all() {
    let server = RedisServer::start();
    let mut redis = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let ledger = ledger::in_redis(&server.url()).unwrap();
    ledger.commit("a", &batch(1, 5, &["0a"])).await.unwrap();
    for (limit, full) in [("1", true), ("0", false)] {
        let limit = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(limit).to_owned();
        let () = limit.query_async(&mut redis).await.unwrap();
        let outcome = ledger.commit("a", &batch(2, 7, &["0b"])).await;
        assert_eq!(matches!(outcome, Err(ledger::Error::Full)), full, "{outcome:?}");
        let (hashes, coins) = if full { (5, 1) } else { (12, 2) };
        assert_eq!(ledger.totals().await.unwrap(), Totals { hashes, coins, begun: true });
    }
}
