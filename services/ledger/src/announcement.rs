//! What a worker tells everybody about itself, about once a second.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// What a worker is and does. Fields that a reader does not know are ignored, and missing ones are zero, so that workers
/// of different versions share a page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Announcement {
    /// Names the process: its host and a random part.
    pub id: String,
    /// The host that it runs on: in a container its name or short id.
    pub host: String,
    /// When it began, in seconds since 1970.
    pub started: f64,
    /// When this was written, in seconds since 1970.
    pub now: f64,
    /// What it is doing, in a few words: `mining`, or what it waits for.
    pub state: String,
    /// Loops side by side.
    pub loops: u32,
    /// Hashes that it has accepted since it began.
    pub hashes: u64,
    /// When it accepted the last of them, in seconds since it began, by a clock that is never set.
    pub last_hash: f64,
    /// Loops that failed since it began.
    pub failures: u64,
    /// What `GET /32` of rng took, since the announcement before.
    pub rng: Mean,
    /// What `POST /` of hasher took, since the announcement before.
    pub hasher: Mean,
    /// What whole loops took since it began, as pairs of microseconds (within 0.1 %) and how many.
    pub loop_times: Vec<(u64, u64)>,
}

/// The mean of some times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mean {
    /// How many.
    pub count: u64,
    /// Their mean in milliseconds; 0 for none.
    pub ms: f64,
}

impl Mean {
    /// One time.
    pub fn of(time: Duration) -> Self {
        Self { count: 1, ms: time.as_secs_f64() * 1e3 }
    }

    /// The mean of these and others.
    pub fn and(self, others: Self) -> Self {
        // Somebody else's announcement may say anything.
        let count = self.count.saturating_add(others.count);
        let total = self.count as f64 * self.ms + others.count as f64 * others.ms;
        Self { count, ms: total / count.max(1) as f64 }
    }
}

/// The time of day, in seconds since 1970 with their fraction.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
