use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sluicegate_core::error::PortError;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Inner;
use super::position::{of_primary, of_replica};
use super::replica::{Replica, Why};
use crate::pooler::{Pooling, probe_pooler};

/// How often primary and replicas are asked where they are.
const PACE: Duration = Duration::from_millis(250);
/// How long each may take to say it.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Asks each on its own, so that one that hangs holds up no other. Ends with the set.
pub(super) fn watch(inner: &Arc<Inner>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(watch_primary(Arc::clone(inner)));
    for number in 0..inner.replicas.len() {
        tasks.spawn(watch_replica(Arc::clone(inner), number));
    }
    tasks
}

async fn watch_primary(inner: Arc<Inner>) {
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        let at = Instant::now();
        match of_primary(&inner.primary, ANSWER_TIME).await {
            Ok(position) => {
                let mut samples = inner.samples.lock().unwrap_or_else(PoisonError::into_inner);
                samples.add(at, position);
            }
            // Whoever needs it says so loudly; without it the replicas' age is not known, and they are left out.
            Err(error) => tracing::debug!(%error, "the primary does not say where it is"),
        }
    }
}

async fn watch_replica(inner: Arc<Inner>, number: usize) {
    let Some(replica) = inner.replicas.get(number) else {
        return;
    };
    let mut ticks = ticks();
    let mut used = false;
    loop {
        ticks.tick().await;
        if let Err(error) = look(&inner, replica).await {
            replica.leave_out(Why::Gone, Some(&error));
        }
        let standing = replica.standing(inner.lag_limit);
        if standing.used != used {
            used = standing.used;
            let place = &replica.place;
            if used {
                tracing::info!(place, "a replica is used");
            } else {
                let (why, age) = (standing.why.as_str(), standing.age);
                tracing::warn!(place, why, ?age, "a replica is left out");
            }
        }
    }
}

async fn look(inner: &Inner, replica: &Replica) -> Result<(), PortError> {
    if replica.must_be_probed() {
        // Something else may stand between by now.
        if probe_pooler(&replica.url).await? == Pooling::Unfit {
            replica.leave_out(Why::Unfit, None);
            return Ok(());
        }
        replica.is_probed();
    }
    let found = of_replica(&replica.database, ANSWER_TIME).await?;
    let samples = inner.samples.lock().unwrap_or_else(PoisonError::into_inner);
    match found {
        None => replica.leave_out(Why::NoReplica, None),
        Some(found) => match samples.is_same(found.system) {
            None => {}
            Some(false) => replica.leave_out(Why::AnotherDatabase, None),
            Some(true) => replica.has_reached(samples.as_of(found.position)),
        },
    }
    Ok(())
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
