//! Asks primary and replicas where they are, by connections of its own: a pool whose connections are all busy must not
//! make replicas look late, which would relieve it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sluicegate_core::error::PortError;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Inner;
use super::line::Line;
use super::position::{Position, of_primary, of_replica};
use super::replica::{Replica, Why};
use crate::error::bounded;
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
    let mut line = Line::new(inner.primary.pool.connect_options());
    loop {
        ticks.tick().await;
        match ask_primary(&mut line).await {
            Ok((at, position)) => {
                let mut samples = inner.samples.lock().unwrap_or_else(PoisonError::into_inner);
                samples.add(at, position);
            }
            // Whoever needs it says so loudly; without it the replicas' age is not known, and they are left out.
            Err(error) => tracing::debug!(%error, "the primary does not say where it is"),
        }
    }
}

/// Where it is, and a moment before that.
async fn ask_primary(line: &mut Line) -> Result<(Instant, Position), PortError> {
    let mut held = line.hold().await?;
    let at = Instant::now();
    let position = bounded(ANSWER_TIME, of_primary(held.connection())).await?;
    held.give_back();
    Ok((at, position))
}

async fn watch_replica(inner: Arc<Inner>, number: usize) {
    let Some(replica) = inner.replicas.get(number) else {
        return;
    };
    let mut ticks = ticks();
    let mut line = Line::new(replica.options.clone());
    let mut used = false;
    loop {
        ticks.tick().await;
        if let Err(error) = look(&inner, replica, &mut line).await {
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

async fn look(inner: &Inner, replica: &Replica, line: &mut Line) -> Result<(), PortError> {
    if replica.is_several() {
        return Ok(());
    }
    if replica.must_be_probed() {
        // Something else may stand between by now.
        if probe_pooler(&replica.url).await? == Pooling::Unfit {
            replica.leave_out(Why::Unfit, None);
            return Ok(());
        }
        replica.is_probed();
    }
    let met = replica.met();
    let mut held = line.hold().await?;
    let by_new = held.is_new;
    let found = bounded(ANSWER_TIME, of_replica(held.connection())).await?;
    held.give_back();
    if !replica.is_served_by(found.server, by_new, met) {
        return Ok(());
    }
    let Some(position) = found.position else {
        replica.leave_out(Why::NoReplica, None);
        return Ok(());
    };
    let samples = inner.samples.lock().unwrap_or_else(PoisonError::into_inner);
    match samples.judge(&position) {
        None => {}
        Some(Err(why)) => replica.leave_out(why, None),
        Some(Ok(as_of)) => replica.has_reached(as_of),
    }
    Ok(())
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
