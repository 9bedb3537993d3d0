//! Waiting for something, with a bound.

use std::time::{Duration, Instant};

/// Calls `look` until it gives `Ok`, for at most `bound`.
///
/// # Panics
/// When the bound is passed, with what was last seen.
pub fn wait_for<T>(what: &str, bound: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(start.elapsed() < bound, "waited {bound:?} for {what}; last seen: {seen}"),
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that waits for something, with a bound")]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}
