//! The queue beside the table: what runs where `REDIS_URL` is set.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use sluicegate_bullmq::{Bull, BullSettings, Reconciler, Relay, Workers};
use sluicegate_core::job::QUEUES;
use sluicegate_worker::Runner;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::compose::Ports;

/// A call of Redis takes milliseconds; longer than this, it is down.
pub const CALL: Duration = Duration::from_secs(5);

/// Refuses a Redis that may drop jobs. One that is down refuses nothing: jobs are rows, and wait in the table.
pub async fn look_at(bull: &Bull) -> Result<()> {
    let servers = match bull.inspect().await {
        Ok(servers) => servers,
        Err(error) => {
            tracing::warn!(%error, "Redis cannot be used now: jobs wait in the database until it is back");
            return Ok(());
        }
    };
    for server in servers {
        server
            .check()
            .context("cannot use REDIS_URL for jobs: docs/operations/redis.md")?;
        if !server.append_only {
            tracing::warn!(
                "Redis keeps no append-only file: after a restart of it jobs come late; set `appendonly yes`"
            );
        }
    }
    Ok(())
}

/// Relay and reconciler in each process, so that one of any kind is enough; workers for the queues of `runner`.
pub fn spawn(
    bull: &Arc<Bull>,
    ports: &Ports,
    runner: Runner,
    background: &mut JoinSet<()>,
    shutdown: &CancellationToken,
) {
    let how = runner.settings();
    let settings = BullSettings {
        lease: how.lease,
        drain: how.drain,
        rates: how.rates.clone(),
        call_timeout: CALL,
        ..BullSettings::new(how.worker.clone())
    };
    let queues: Vec<_> = how
        .queues
        .iter()
        .map(|queue| (queue.queue, queue.concurrency))
        .collect();
    let (rows, env, hands) = (ports.database.relay(), ports.env.clone(), runner.hands());

    let waker = ports.waker.clone();
    let relay = Relay::new(
        bull.clone(),
        rows.clone(),
        env.clone(),
        waker,
        settings.clone(),
    );
    let stop = shutdown.clone();
    background.spawn(async move { relay.run(&QUEUES, stop).await });

    let reconciler = Reconciler::new(
        bull.clone(),
        rows.clone(),
        hands.clone(),
        env.clone(),
        settings.clone(),
    );
    let stop = shutdown.clone();
    background.spawn(async move { reconciler.run(&QUEUES, stop).await });

    let workers = Workers::new(bull.clone(), rows, hands, env, settings);
    let stop = shutdown.clone();
    background.spawn(async move { workers.run(&queues, stop).await });

    let stop = shutdown.clone();
    background.spawn(async move { runner.write_periodic(stop).await });
}
