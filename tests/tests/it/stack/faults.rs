//! Its servers fail under load, one after the other.

use std::time::{Duration, Instant};

use anyhow::Context;
use sluicegate_conformance::servers::{Minio, PostgresServer};
use sluicegate_tests::audit::Audit;
use sluicegate_tests::load::{Habit, Load};
use sluicegate_tests::metrics::Metrics;
use sluicegate_tests::platform::{Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;

use super::Servers;
use crate::shared;

const CLIENTS: u64 = 4;
/// Until a replica is left out, or used again.
const LIMIT: Duration = Duration::from_mins(1);
const USED_AGAIN: Duration = Duration::from_secs(30);

/// The pooler dies under load and comes back, and so does the database: who asks meanwhile is told to come back. Then a drive of
/// the store is away for a while, and the replica gone, and late, and nobody feels it. Nothing that was taken is lost.
pub(super) async fn under_load(servers: &mut Servers, platform: &Platform, edge: &[(&str, &str)]) {
    let edge = platform.start_edge_with(&platform.origin_url, edge).await;
    let (edge, edge_url) = edge.unwrap();
    let worker = platform.start_worker().await.unwrap();
    let people = shared::people(platform, "busy", CLIENTS).await;
    let people = people.iter().map(|client| client.at(&edge_url));
    let habit = Habit {
        posts_a_picture: 3,
        pause: Duration::from_millis(100),
    };
    let load = Load::begin(people, habit);
    load.each_is_answered("answered at first").await.unwrap();

    let before = load.times().await.unwrap();
    servers.pooler.kill().await;
    load.each_is_refused("refused without a pooler")
        .await
        .unwrap();
    servers.pooler.start().await;
    let since = Instant::now();
    load.each_is_answered("answered again").await.unwrap();
    let fault = "PgBouncer was killed under load and started again";
    load.is_normal_again(fault, &before, since).await.unwrap();

    restart_the_primary(&mut servers.primary, &load).await;
    let refused = load.refused();

    take_a_drive_out(&servers.store, &load).await;
    kill_the_replica(&mut servers.replica, platform, &load).await;
    hold_the_replica_back(&servers.replica, platform, &load).await;
    assert_eq!(
        load.refused(),
        refused,
        "only without a pooler or a database"
    );
    let reads = load.reads();
    let taken = load.end().await.unwrap();
    shared::measured(&format!(
        "of the stack under {CLIENTS} clients the pooler and the database were killed, a drive taken out, the replica killed, then late: {} posts and \
         {} pictures were taken and are there, each judged, {reads} posts were read; {refused} requests were refused with a time to \
         come back, all of them without pooler or database",
        taken.posts, taken.uploads,
    ));
    let audit = Audit::of(platform).await.unwrap();
    audit.ensure_nothing_lost().unwrap();
    worker.stop(STOP_LIMIT).await.unwrap();
    edge.stop(STOP_LIMIT).await.unwrap();
}

async fn restart_the_primary(primary: &mut PostgresServer, load: &Load) {
    let before = load.times().await.unwrap();
    primary.kill().await;
    load.each_is_refused("refused without a database")
        .await
        .unwrap();
    primary.start().await;
    let since = Instant::now();
    load.each_is_answered("answered again").await.unwrap();
    let fault = "Postgres behind PgBouncer was killed under load and started again";
    load.is_normal_again(fault, &before, since).await.unwrap();
}

async fn take_a_drive_out(store: &Minio, load: &Load) {
    let before = load.times().await.unwrap();
    store.take_out(0);
    for _ in 0..2 {
        load.each_is_answered("answered without a drive")
            .await
            .unwrap();
    }
    assert!(store.is_out(0), "nobody has made a new one");
    store.put_back(0);
    let since = Instant::now();
    let fault = "a drive of four was taken out under load and put back";
    load.is_normal_again(fault, &before, since).await.unwrap();
}

async fn kill_the_replica(replica: &mut PostgresServer, platform: &Platform, load: &Load) {
    let before = load.times().await.unwrap();
    replica_is(1, platform).await;
    replica.kill().await;
    replica_is(0, platform).await;
    load.each_is_answered("answered without a replica")
        .await
        .unwrap();
    replica.start().await;
    let since = used_again(platform).await;
    let fault = "the replica was killed under load and started again";
    load.is_normal_again(fault, &before, since).await.unwrap();
}

async fn hold_the_replica_back(replica: &PostgresServer, platform: &Platform, load: &Load) {
    let before = load.times().await.unwrap();
    replica.pause_replay().await;
    replica_is(0, platform).await;
    load.each_is_answered("answered while the replica is late")
        .await
        .unwrap();
    replica.resume_replay().await;
    let since = used_again(platform).await;
    let fault = "the replica was late under load and caught up";
    load.is_normal_again(fault, &before, since).await.unwrap();
}

/// Waits until the replica is used, which is well from the moment on that this answers.
async fn used_again(platform: &Platform) -> Instant {
    let since = Instant::now();
    replica_is(1, platform).await;
    let took = since.elapsed();
    shared::measured(&format!(
        "the replica was used again {:.1} s after it was well",
        took.as_secs_f64()
    ));
    assert!(took < USED_AGAIN, "{took:?}");
    since
}

/// Waits until the origin asks so many replicas; if it asks one, until it was answered by it.
async fn replica_is(in_use: u8, platform: &Platform) {
    let seen = async || {
        let origin = platform.origin.as_ref().context("no origin")?;
        let metrics = Metrics::of(origin).await?;
        let used = metrics.sum("sluicegate_database_replicas_in_use", &[]);
        let reads = [("by", "replica")];
        let reads = metrics.sum("sluicegate_database_public_reads_total", &reads);
        anyhow::Ok((used, reads))
    };
    let (_, before) = seen().await.unwrap();
    let what = format!("{in_use} replicas to be in use");
    wait_for(what, LIMIT, async || {
        let (used, reads) = seen().await?;
        let is_so = (used - f64::from(in_use)).abs() < 0.5;
        Ok((is_so && (in_use == 0 || reads > before)).then_some(()))
    })
    .await
    .unwrap();
}
