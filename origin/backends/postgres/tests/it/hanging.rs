//! A server that hangs: connections stay open and nothing is answered, as long as TCP believes that it is there.

use std::time::Duration;

use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{PostgresServer, Proxy};
use sluicegate_conformance::stores::Stores;
use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_core::error::PortError;
use sluicegate_postgres::maintenance::create_database;
use sluicegate_postgres::{Database, Options, migrate};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::conformance::stores_of;
use crate::replicated::{GLANCE, LAG_LIMIT, NAME, PATIENCE, Pair, by_replica, until};

/// Of the pool that is tested.
const PLACES: usize = 3;
/// How soon all must be as before when the server is back.
const BACK: Duration = Duration::from_secs(30);
/// How long those who go away wait: less than a connection has for an answer.
const GOES_AWAY: Duration = Duration::from_millis(200);

/// Calls that wait for a row, as many as a pool has places, and whoever holds the row.
struct Busy {
    holder: PgConnection,
    /// Without a transaction of its own, in which the server would always show the same.
    looks: PgConnection,
    calls: JoinSet<Result<bool, PortError>>,
}

impl Busy {
    /// Returns when all wait at the same time: each has a connection then.
    async fn begin(direct: &str, stores: &Stores, author: AccountId, post: PostId) -> Self {
        let mut holder = PgConnection::connect(direct).await.unwrap();
        sqlx::raw_sql("begin").execute(&mut holder).await.unwrap();
        sqlx::query("select from posts where id = $1 for update")
            .bind(post.0)
            .execute(&mut holder)
            .await
            .unwrap();
        let mut calls = JoinSet::new();
        for _ in 0..PLACES {
            let posts = stores.posts.clone();
            let now = sluicegate_conformance::stores::at(1);
            calls.spawn(async move { posts.delete(post, author, now).await });
        }
        let looks = PgConnection::connect(direct).await.unwrap();
        let mut busy = Self {
            holder,
            looks,
            calls,
        };
        busy.until_waiting(PLACES).await;
        busy
    }

    async fn until_waiting(&mut self, wanted: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let waiting: i64 = sqlx::query_scalar(
                "select count(*) from pg_locks join pg_stat_activity using (pid)
                where not granted and query like 'update posts set deleted_at%'",
            )
            .fetch_one(&mut self.looks)
            .await
            .unwrap();
            if usize::try_from(waiting).unwrap() == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "only {waiting} wait");
            sleep(GLANCE).await;
        }
    }

    /// Lets the row go; what came of the calls.
    async fn end(mut self) -> Vec<Result<bool, PortError>> {
        let ended = sqlx::raw_sql("rollback").execute(&mut self.holder);
        ended.await.unwrap();
        self.holder.close().await.unwrap();
        self.looks.close().await.unwrap();
        self.calls.join_all().await
    }
}

fn assert_outages<T: std::fmt::Debug>(results: &[Result<T, PortError>]) {
    for result in results {
        let error = result.as_ref().unwrap_err();
        assert!(error.is_unavailable(), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_takes_no_places_of_the_pool() {
    let server = PostgresServer::alone().await;
    create_database(&server.url("postgres"), NAME, None)
        .await
        .unwrap();
    let direct = server.url(NAME);
    migrate(&direct).await.unwrap();
    let ran = RanOn::begins(
        &server.version(),
        "a pool's places, behind a way that falls silent",
    );
    let proxy = Proxy::before(&[&direct]).await;
    let options = Options {
        max_connections: u32::try_from(PLACES).unwrap(),
        acquire_timeout: Duration::from_secs(9),
        call_timeout: Duration::from_secs(10),
    };
    let pool = Database::connect(&proxy.way_to(&direct), &options)
        .await
        .unwrap();
    let stores = stores_of(&pool);
    let author = stores.account().await;
    let post = stores.post(author.id, "Held").await;
    let busy = async || Busy::begin(&direct, &stores, author.id, post.id).await;
    let first = busy().await;
    // While all of them wait for an answer; none of them ever gets one.
    proxy.fall_silent().await;
    assert_outages(&first.end().await);
    let asking: JoinSet<_> = (0..2 * PLACES)
        .map(|_| {
            let posts = stores.posts.clone();
            async move { posts.post(post.id).await }
        })
        .collect();
    assert_outages(&asking.join_all().await);

    // It is back, by the same address; what was silent stays so.
    proxy.lead_again();
    let back = Instant::now();
    while stores.posts.post(post.id).await.is_err() {
        assert!(back.elapsed() < BACK, "its places are gone");
    }
    let second = stores.post(author.id, "Held again").await;
    let again = Busy::begin(&direct, &stores, author.id, second.id).await;
    assert!(back.elapsed() < BACK, "{:?}", back.elapsed());
    for result in again.end().await {
        result.unwrap();
    }

    // While all are idle: each is found out when it is lent, and costs its borrower no failure.
    let before = proxy.accepted();
    proxy.fall_silent().await;
    proxy.lead_again();
    let third = stores.post(author.id, "Held once more").await;
    let again = Busy::begin(&direct, &stores, author.id, third.id).await;
    for result in again.end().await {
        result.unwrap();
    }
    assert!(proxy.accepted() >= before + PLACES);

    // Whoever is lent one may go away before it was found out, and those who come then while theirs are opened.
    proxy.fall_silent().await;
    for _ in 0..2 {
        let mut asked = JoinSet::new();
        for _ in 0..PLACES {
            let posts = stores.posts.clone();
            asked.spawn(async move { timeout(GOES_AWAY, posts.post(post.id)).await });
        }
        for gone in asked.join_all().await {
            assert!(gone.is_err(), "it was answered, or refused");
        }
    }
    proxy.lead_again();
    let fourth = stores.post(author.id, "Held at last").await;
    let again = Busy::begin(&direct, &stores, author.id, fourth.id).await;
    for result in again.end().await {
        result.unwrap();
    }
    let closed = timeout(PATIENCE, pool.close()).await;
    closed.expect("it lacks none of its connections");
    ran.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_nobody_gets_anything_of_is_used_up() {
    // More than are opened at once.
    const MANY: u32 = 20;
    let server = PostgresServer::alone().await;
    let direct = server.url("postgres");
    let proxy = Proxy::before(&[&direct]).await;
    let options = Options {
        max_connections: MANY,
        ..Options::default()
    };
    let pool = Database::connect(&proxy.way_to(&direct), &options)
        .await
        .unwrap();
    proxy.fall_silent().await;
    let mut calls = JoinSet::new();
    for _ in 0..=MANY {
        let pool = pool.clone();
        calls.spawn(async move { pool.server_time().await });
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let state = pool.pool_state();
        if (state.in_use, state.idle) == (state.most, 0) {
            break;
        }
        assert!(Instant::now() < deadline, "{state:?}");
        sleep(GLANCE).await;
    }
    assert_outages(&calls.join_all().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_sqlx_alone_does_not_take_it_back() {
    let server = PostgresServer::alone().await;
    let direct = server.url("postgres");
    let proxy = Proxy::before(&[&direct]).await;
    // Longer than ours would need. When this fails, `src/pool/lent.rs` may be needed no more.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(8))
        .connect(&proxy.way_to(&direct))
        .await
        .unwrap();
    let connection = pool.acquire().await.unwrap();
    proxy.fall_silent().await;
    drop(connection);
    proxy.lead_again();
    let error = pool.acquire().await.unwrap_err();
    assert!(matches!(error, sqlx::Error::PoolTimedOut), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_without_a_free_connection_makes_no_replica_late() {
    let pair = Pair::new().await;
    let ran = RanOn::begins(&pair.version(), "a busy primary");
    let origin = pair.origin().await;
    let ada = pair.person().await;
    let post = pair.post(ada, "Held").await;
    let deadline = Instant::now() + PATIENCE;
    let reader = sluicegate_core::ports::Reader::Anybody;
    while by_replica(&origin, reader, post).await != (true, true) {
        assert!(Instant::now() < deadline, "it never gets there");
        sleep(GLANCE).await;
    }
    // All connections to the primary, and one more that waits for one.
    let direct = pair.primary.url(NAME);
    let mut busy = Busy::begin(&direct, &pair.stores, ada, post).await;
    for _ in 0..2 {
        let posts = pair.stores.posts.clone();
        let now = sluicegate_conformance::stores::at(1);
        busy.calls
            .spawn(async move { posts.delete(post, ada, now).await });
    }
    busy.until_waiting(PLACES + 1).await;
    let end = Instant::now() + 2 * LAG_LIMIT;
    while Instant::now() < end {
        assert_eq!(by_replica(&origin, reader, post).await, (true, true));
        sleep(GLANCE).await;
    }
    // It was so all the time.
    busy.until_waiting(PLACES + 1).await;
    until(&origin, |standing| standing.used).await;
    busy.end().await;
    ran.passed();
}
