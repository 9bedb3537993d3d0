//! Workers that only say that they work: something to look at, on the page, without rng, hasher and workers.
//!
//! `cargo run -p webui --example crowd -- redis://127.0.0.1 10` plays ten workers behind one rng until ^C.

#[path = "../tests/crowd/mod.rs"]
mod crowd;

use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "redis://127.0.0.1".to_owned());
    let workers = args.next().and_then(|count| count.parse().ok()).unwrap_or(3);
    let ledger = ledger::in_redis(&url).expect("a URL of Redis");
    let mut crowd = crowd::Crowd::new(ledger);
    crowd.scale(workers);
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        crowd.advance().await;
    }
}
