//! The sampler against live servers.

mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ping::{Gaps, Kind, Options, Probe, Sampler, Sampling, Snapshot};
use server::{read_head, serve};
use tokio::io::AsyncWriteExt;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Waits until the sampler's window has what is wanted, for ten seconds at most.
async fn until(sampler: &Sampler, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let begun = Instant::now();
    loop {
        let seen = sampler.snapshot();
        assert_eq!(seen.due, seen.ok + seen.failed() + seen.unfinished);
        if wanted(&seen) {
            return seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "in 10 s it came only to {seen:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn start(address: std::net::SocketAddr, sampling: Sampling) -> Sampler {
    Sampler::start(Probe::new(&address.to_string(), Options::default()).unwrap(), sampling).unwrap()
}

#[tokio::test]
async fn every_probe_has_its_own_connection() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let address = serve(move |mut stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            read_head(&mut stream).await;
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let sampler = start(address, Sampling { rate: 500.0, seed: Some(1), ..Sampling::default() });
    let seen = until(&sampler, |seen| seen.ok >= 100).await;
    assert!(connections.load(Ordering::Relaxed) as u64 >= seen.ok);
    assert_eq!((seen.failed(), seen.service.len()), (0, seen.ok));
    assert!(seen.last.is_some() && seen.response.mean() >= seen.service.mean());
    sampler.reset();
    assert!(sampler.snapshot().ok < seen.ok, "a reset begins a new count");
    sampler.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_server_does_not_hold_back_the_schedule() {
    let under_way = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&under_way);
    let address = serve(move |mut stream| {
        let counted = Arc::clone(&counted);
        async move {
            read_head(&mut stream).await;
            counted.fetch_add(1, Ordering::Relaxed);
            // Ends when the sampler closes the connection.
            read_head(&mut stream).await;
            counted.fetch_sub(1, Ordering::Relaxed);
        }
    })
    .await;
    let sampling = Sampling { rate: 200.0, gaps: Gaps::Jittered, outstanding: 5, ..Sampling::default() };
    let sampler = start(address, sampling);
    let seen = until(&sampler, |seen| seen.due >= 40).await;
    assert_eq!((seen.ok, seen.unfinished, seen.response.len()), (0, seen.due, seen.due));
    // The first was due about 40 gaps of 5 ms ago and has waited since; that must not be lost.
    assert!(seen.response.max() >= 150_000, "the longest wait recorded is {} µs", seen.response.max());
    assert_eq!(under_way.load(Ordering::Relaxed), 5, "as many as may be outstanding");
    sampler.stop().await;
    let begun = Instant::now();
    while under_way.load(Ordering::Relaxed) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "connections are open 10 s after the sampler stopped");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn failures_are_counted_by_kind_and_kept_out_of_the_times() {
    let turn = Arc::new(AtomicUsize::new(0));
    let address = serve(move |mut stream| {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        async move {
            read_head(&mut stream).await;
            let busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
            let answer: &[u8] = [OK, busy, b""][turn % 3];
            stream.write_all(answer).await.unwrap();
        }
    })
    .await;
    let sampler = start(address, Sampling { rate: 500.0, ..Sampling::default() });
    let seen = until(&sampler, |seen| seen.failures.len() == 2 && seen.ok >= 3).await;
    assert_eq!(seen.failures.keys().copied().collect::<Vec<_>>(), [Kind::Closed, Kind::Status]);
    assert_eq!(seen.response.len(), seen.ok + seen.unfinished);
    assert!(seen.last_failure.is_some());
}

#[tokio::test]
async fn a_limit_of_none_and_a_senseless_rate_are_refused() {
    let probe = Probe::new("127.0.0.1:1", Options::default()).unwrap();
    assert!(Sampler::start(probe.clone(), Sampling { outstanding: 0, ..Sampling::default() }).is_err());
    assert!(Sampler::start(probe, Sampling { rate: 0.0, ..Sampling::default() }).is_err());
}
