//! Ends what has expired, and what was made beyond a limit by a replica that died before it could take it back.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};

use crate::api::{by_age, is_beyond};
use crate::{Environment, Error, Service};

/// For how long after it was made an environment beyond the limit is taken back. A limit that was lowered ends nothing
/// that is older.
const REGRET: Duration = Duration::from_secs(60);

/// How far the clocks of two replicas may differ, in seconds. What has expired for one of them lives on for the other,
/// which must not end what the first has given since in its place.
const SKEW: u64 = 10;

/// Reaps again and again.
pub async fn run(service: Arc<Service>) {
    let mut clock = interval(service.config.reap_every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        let outcome = reap(&service).await;
        if let Err(error) = &outcome {
            tracing::warn!(%error, "not all that should end could be ended");
        }
        service.tell_whether_ready(outcome.map(drop));
    }
}

/// Looks once; returns how many it ended.
///
/// # Errors
/// When the Swarm does not answer, or does not end one of them. The others are ended all the same.
pub async fn reap(service: &Service) -> Result<usize, Error> {
    let all = service.scheduler.list().await?;
    service.count.present.set(i64::try_from(all.len()).unwrap_or(i64::MAX));
    let now = service.now();
    let young = |one: &Environment| SystemTime::UNIX_EPOCH + Duration::from_secs(now) < one.created + REGRET;
    let (mut ended, mut first_error) = (0, None);
    for one in &all {
        let expired = one.labels.expires <= now;
        let beyond = || is_beyond(&by_age(&all, &one.labels.user, now + SKEW), &one.id, service.config.limit);
        if !(expired || (young(one) && beyond())) {
            continue;
        }
        match service.scheduler.remove(one).await {
            Ok(true) => {
                tracing::info!(environment = one.id, user = one.labels.user, expired, "ended");
                service.count.expired.inc();
                ended += 1;
            }
            Ok(false) => {}
            Err(error) => _ = first_error.get_or_insert(error),
        }
    }
    first_error.map_or(Ok(ended), Err)
}
