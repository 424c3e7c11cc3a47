//! Several replicas: reads go on by those that are well. And several servers where one is expected.

use std::time::Duration;

use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::Proxy;
use sluicegate_contract::ids::PostId;
use sluicegate_core::ports::Reader;
use sluicegate_postgres::Database;
use sluicegate_postgres::replicas::{Compared, Replicas, Why, compare};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use crate::replicated::{
    GLANCE, LAG_LIMIT, NAME, PATIENCE, Pair, Replicated, by_replica, pool, until, watch,
};

/// Until each of the replicas has it.
async fn until_everywhere(origin: &Replicas, post: PostId) {
    let deadline = Instant::now() + PATIENCE;
    let mut in_turn = 0;
    while in_turn < 2 * origin.standings().len() {
        let by = by_replica(origin, Reader::Anybody, post).await;
        in_turn = if by == (true, true) { in_turn + 1 } else { 0 };
        assert!(Instant::now() < deadline, "{:?}", origin.standings());
    }
}

async fn until_one(origin: &Replicas, replica: usize, used: bool, why: Option<Why>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let standing = origin.standings().swap_remove(replica);
        if standing.used == used && why.is_none_or(|why| standing.why == why) {
            return;
        }
        assert!(Instant::now() < deadline, "{standing:?}");
        sleep(GLANCE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_by_the_other_replica() {
    let mut trio = Replicated::<2>::new().await;
    let ran = RanOn::begins(&trio.version(), "one is late, then gone");
    let origin = trio.watch_all(&[&trio.url(0), &trio.url(1)]);
    until(&origin, |standing| standing.used).await;
    let ada = trio.person().await;
    let post = trio.post(ada, "On both").await;
    until_everywhere(&origin, post).await;
    trio.replicas[0].pause_replay().await;
    let late = trio.post(ada, "On one").await;
    until_one(&origin, 0, false, Some(Why::Late)).await;
    until_one(&origin, 1, true, None).await;
    // Each read by the one that is well.
    for _ in 0..10 {
        assert_eq!(
            by_replica(&origin, Reader::Anybody, post).await,
            (true, true)
        );
    }
    trio.replicas[0].resume_replay().await;
    until_one(&origin, 0, true, None).await;
    until_everywhere(&origin, late).await;
    trio.replicas[1].kill().await;
    // Whoever is sent there before that is known is answered all the same.
    let deadline = Instant::now() + PATIENCE;
    while origin.standings()[1].used {
        assert!(Instant::now() < deadline, "{:?}", origin.standings());
        assert!(by_replica(&origin, Reader::Anybody, post).await.0);
    }
    for _ in 0..10 {
        assert_eq!(
            by_replica(&origin, Reader::Anybody, post).await,
            (true, true)
        );
    }
    trio.replicas[1].start().await;
    until(&origin, |standing| standing.used).await;
    ran.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_falls_silent_leaves_the_other() {
    let pair = Pair::new().await;
    let direct = pair.url(0);
    let proxy = Proxy::before(&[&direct]).await;
    let origin = pair.watch_all(&[&proxy.way_to(&direct), &direct]);
    until(&origin, |standing| standing.used).await;
    let ada = pair.person().await;
    let post = pair.post(ada, "By both ways").await;
    until_everywhere(&origin, post).await;
    proxy.fall_silent().await;
    until_one(&origin, 0, false, Some(Why::Gone)).await;
    for _ in 0..10 {
        assert_eq!(
            by_replica(&origin, Reader::Anybody, post).await,
            (true, true)
        );
    }
    // What was idle in its pool is silent for ever.
    proxy.lead_again();
    until(&origin, |standing| standing.used).await;
    until_everywhere(&origin, post).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_several_servers_is_left_out() {
    let trio = Replicated::<2>::new().await;
    let ran = RanOn::begins(&trio.version(), "both behind one address");
    let (first, second) = (trio.url(0), trio.url(1));
    let balancer = Proxy::before(&[&first, &second]).await;
    let url = balancer.way_to(&first);
    let told = compare(&trio.database, &url, PATIENCE).await.unwrap();
    assert_eq!(told, Compared::Unusable(Why::Several));
    let ada = trio.person().await;
    let origin = trio.watch(&url);
    until(&origin, |standing| standing.used).await;
    // Only one of them goes on.
    trio.replicas[0].pause_replay().await;
    let post = trio.post(ada, "On one of them").await;
    let written = Instant::now();
    let deadline = written + PATIENCE;
    while origin.standings()[0].why != Why::Several {
        // At once, so that each has a connection of its own.
        let read = || by_replica(&origin, Reader::Anybody, post);
        let since = written.elapsed();
        let (one, two, three) = tokio::join!(read(), read(), read());
        let seen = one.0 && two.0 && three.0;
        assert!(seen || since <= LAG_LIMIT, "too old");
        assert!(Instant::now() < deadline, "{:?}", origin.standings());
    }
    // It stays out, however often it answers.
    let end = Instant::now() + LAG_LIMIT;
    while Instant::now() < end {
        assert_eq!(
            by_replica(&origin, Reader::Anybody, post).await,
            (true, false)
        );
        sleep(GLANCE).await;
    }
    assert!(!origin.standings()[0].used);
    trio.replicas[0].resume_replay().await;
    ran.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_only_those_that_went_along_are_used() {
    let mut quartet = Replicated::<3>::new().await;
    let ran = RanOn::begins(&quartet.version(), "a failover");
    let ada = quartet.person().await;
    quartet.post(ada, "Before").await;
    let everywhere = quartet.watch_all(&[&quartet.url(0), &quartet.url(1), &quartet.url(2)]);
    until(&everywhere, |standing| standing.used).await;
    drop(everywhere);
    // One goes with the new primary, one stays with the old one, which goes on writing.
    quartet.replicas[2].kill().await;
    let [promoted, stays, goes] = &mut quartet.replicas;
    let mut connection = PgConnection::connect(&promoted.url(NAME)).await.unwrap();
    sqlx::query("select pg_promote()")
        .execute(&mut connection)
        .await
        .unwrap();
    let mut old = PgConnection::connect(&quartet.primary.url(NAME))
        .await
        .unwrap();
    sqlx::raw_sql("create table stray as select generate_series(1, 100000) as number")
        .execute(&mut old)
        .await
        .unwrap();
    let mut stayed = PgConnection::connect(&stays.url(NAME)).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    let place = async |connection: &mut PgConnection, function: &str| -> i64 {
        let sql = format!("select ({function}() - '0/0'::pg_lsn)::bigint");
        let place = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
        place.fetch_one(connection).await.unwrap()
    };
    loop {
        let new = place(&mut connection, "pg_current_wal_lsn").await;
        if place(&mut stayed, "pg_last_wal_replay_lsn").await > new {
            break;
        }
        assert!(Instant::now() < deadline, "it is not ahead");
        sleep(GLANCE).await;
    }
    goes.follow(promoted).await;
    let primary = Database::connect(&promoted.url(NAME), &pool())
        .await
        .unwrap();
    let origin = watch(&primary, &[&stays.url(NAME), &goes.url(NAME)]);
    until_one(&origin, 0, false, Some(Why::AnotherTimeline)).await;
    until_one(&origin, 1, true, None).await;
    let end = Instant::now() + LAG_LIMIT;
    while Instant::now() < end {
        assert!(!origin.standings()[0].used, "it lacks what came since");
        sleep(GLANCE).await;
    }
    let told = compare(&primary, &stays.url(NAME), Duration::from_secs(1)).await;
    assert_eq!(told.unwrap(), Compared::Unusable(Why::AnotherTimeline));
    ran.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_of_its_own_can_watch() {
    let pair = Pair::new().await;
    let ada = pair.person().await;
    let post = pair.post(ada, "For all").await;
    let mut connection = PgConnection::connect(&pair.primary.url(NAME))
        .await
        .unwrap();
    sqlx::raw_sql(
        "create role plain login password 'of-a-test';
        grant select, insert, update, delete on all tables in schema public to plain",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let plain = |url: &str| url.replacen("superuser:", "plain:", 1);
    let primary = Database::connect(&plain(&pair.primary.url(NAME)), &pool())
        .await
        .unwrap();
    let origin = watch(&primary, &[&plain(&pair.url(0))]);
    until(&origin, |standing| standing.used).await;
    until_everywhere(&origin, post).await;
}
