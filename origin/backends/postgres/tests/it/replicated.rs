//! Reads on a streaming replica: nobody misses a write of their own, and a replica that is late or gone is left out.

use std::time::Duration;

use sluicegate_conformance::notes::{RanOn, measured};
use sluicegate_conformance::servers::{PgBouncer, PostgresServer};
use sluicegate_conformance::stores::{Stores, new_account, new_post, new_session, post_job};
use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_core::ports::{PublicReads, Reader};
use sluicegate_postgres::maintenance::{create_database, database_exists};
use sluicegate_postgres::replicas::{
    Compared, OWN_WRITES, Options, Replicas, Standing, Why, compare,
};
use sluicegate_postgres::{Database, migrate};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use crate::conformance::stores_of;

pub(crate) const NAME: &str = "sluicegate";
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// After a replica is as it should be.
const USED_AGAIN: Duration = Duration::from_secs(30);
pub(crate) const GLANCE: Duration = Duration::from_millis(20);
pub(crate) const LAG_LIMIT: Duration = Duration::from_secs(2);

async fn has_the_database(replica: &PostgresServer) {
    let deadline = Instant::now() + PATIENCE;
    while !database_exists(&replica.url("postgres"), NAME)
        .await
        .unwrap()
    {
        assert!(Instant::now() < deadline, "the replica has not heard of it");
        sleep(GLANCE).await;
    }
}

/// A primary, its replica, and a database on both.
pub(crate) type Pair = Replicated<1>;

/// A primary, its replicas, and a database on all.
pub(crate) struct Replicated<const COUNT: usize> {
    pub(crate) primary: PostgresServer,
    pub(crate) replicas: [PostgresServer; COUNT],
    pub(crate) database: Database,
    pub(crate) stores: Stores,
}

impl<const COUNT: usize> Replicated<COUNT> {
    pub(crate) async fn new() -> Self {
        let (primary, replicas) = PostgresServer::with_replicas().await;
        create_database(&primary.url("postgres"), NAME, None)
            .await
            .unwrap();
        migrate(&primary.url(NAME)).await.unwrap();
        let database = Database::connect(&primary.url(NAME), &pool())
            .await
            .unwrap();
        // They hear of it when they do.
        for replica in &replicas {
            has_the_database(replica).await;
        }
        Self {
            stores: stores_of(&database),
            primary,
            replicas,
            database,
        }
    }

    /// As it calls itself: `Postgres 15.18 with 2 streaming replicas`.
    pub(crate) fn version(&self) -> String {
        let replicas = if COUNT == 1 { "replica" } else { "replicas" };
        format!(
            "{} with {COUNT} streaming {replicas}",
            self.primary.version()
        )
    }

    /// What a process has, whose replica is up to date.
    pub(crate) async fn origin(&self) -> Replicas {
        let origin = self.watch(&self.url(0));
        until(&origin, |standing| standing.used).await;
        origin
    }

    /// Of a replica.
    pub(crate) fn url(&self, replica: usize) -> String {
        self.replicas[replica].url(NAME)
    }

    pub(crate) fn watch(&self, url: &str) -> Replicas {
        self.watch_all(&[url])
    }

    pub(crate) fn watch_all(&self, urls: &[&str]) -> Replicas {
        watch(&self.database, urls)
    }

    pub(crate) async fn person(&self) -> AccountId {
        let account = new_account();
        let session = new_session(account.id);
        self.stores
            .accounts
            .create(&account, &session)
            .await
            .unwrap();
        account.id
    }

    pub(crate) async fn post(&self, author: AccountId, body: &str) -> PostId {
        let post = new_post(author, body, None);
        self.stores
            .posts
            .create(&post, &post_job(&post))
            .await
            .unwrap();
        post.id
    }
}

pub(crate) fn watch(primary: &Database, urls: &[&str]) -> Replicas {
    let options = Options {
        pool: pool(),
        lag_limit: LAG_LIMIT,
    };
    Replicas::watch(primary, urls.iter().copied(), &options).unwrap()
}

pub(crate) fn pool() -> sluicegate_postgres::Options {
    sluicegate_postgres::Options {
        max_connections: 4,
        acquire_timeout: Duration::from_secs(2),
        call_timeout: Duration::from_secs(10),
    }
}

pub(crate) async fn until(origin: &Replicas, holds: impl Fn(&Standing) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !origin.standings().iter().all(&holds) {
        assert!(Instant::now() < deadline, "{:?}", origin.standings());
        sleep(GLANCE).await;
    }
}

/// Notes how long it was until a replica was left out, and used again, and fails if that was too long.
fn tell(what: &str, out_after: Duration, used_after: Duration) {
    measured(&format!(
        "a replica {what}: left out after {:.1} s, used again {:.1} s after it was back; no read failed",
        out_after.as_secs_f64(),
        used_after.as_secs_f64()
    ));
    assert!(out_after < USED_AGAIN, "left out after {out_after:?}");
    assert!(used_after < USED_AGAIN, "used again after {used_after:?}");
}

/// By whom a post is read: `true` if a replica answered.
pub(crate) async fn by_replica(origin: &Replicas, reader: Reader, post: PostId) -> (bool, bool) {
    let (_, before) = origin.reads();
    let found = origin.post(reader, post).await.unwrap().is_some();
    (found, origin.reads().1 > before)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_here_is_read_there_from_the_primary_for_five_seconds() {
    let pair = Pair::new().await;
    let ran = RanOn::begins(&pair.version(), "own writes");
    let (here, there) = (pair.origin().await, pair.origin().await);
    let (ada, grace) = (pair.person().await, pair.person().await);
    let began = Instant::now();
    let post = pair.post(ada, "mine").await;
    here.wrote(ada).await.unwrap();
    // The author at the other origin, at once.
    let own = Reader::Account(ada);
    assert_eq!(by_replica(&there, own, post).await, (true, false));
    // Others are answered by the replica, which has it soon.
    let deadline = Instant::now() + PATIENCE;
    for reader in [Reader::Anybody, Reader::Account(grace)] {
        while by_replica(&there, reader, post).await != (true, true) {
            assert!(Instant::now() < deadline, "{reader:?}");
            sleep(GLANCE).await;
        }
    }
    // And so is the author, after the time.
    while by_replica(&there, own, post).await != (true, true) {
        assert!(Instant::now() < deadline, "the primary for ever");
        sleep(GLANCE).await;
    }
    let primary_for = began.elapsed();
    assert_eq!(OWN_WRITES, Duration::from_secs(5), "so it is promised");
    assert!(primary_for >= OWN_WRITES, "only {primary_for:?}");
    ran.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_replica_is_left_out_and_comes_back() {
    let pair = Pair::new().await;
    let ran = RanOn::begins(&pair.version(), "a late replica");
    let (here, there) = (pair.origin().await, pair.origin().await);
    let ada = pair.person().await;
    let own = Reader::Account(ada);
    pair.replicas[0].pause_replay().await;
    // Until it is left out, its author sees each post at once, and nobody sees data that is too old.
    let first = pair.post(ada, "while it is late").await;
    let written = Instant::now();
    let mut left_out = false;
    let deadline = Instant::now() + PATIENCE;
    while !left_out {
        assert!(Instant::now() < deadline, "{:?}", there.standings());
        let post = pair.post(ada, "another").await;
        here.wrote(ada).await.unwrap();
        assert!(
            by_replica(&there, own, post).await.0,
            "an own write is missed"
        );
        let since = written.elapsed();
        let (seen, _) = by_replica(&there, Reader::Anybody, first).await;
        assert!(seen || since <= LAG_LIMIT, "too old");
        left_out = there.standings().iter().all(|standing| !standing.used);
    }
    let out_after = written.elapsed();
    until(&there, |standing| standing.why == Why::Late).await;
    assert_eq!(
        compare(&pair.database, &pair.url(0), GLANCE).await.unwrap(),
        Compared::Late
    );
    assert_eq!(
        by_replica(&there, Reader::Anybody, first).await,
        (true, false)
    );
    pair.replicas[0].resume_replay().await;
    let since = Instant::now();
    until(&there, |standing| standing.used).await;
    tell("stood still", out_after, since.elapsed());
    assert_eq!(
        by_replica(&there, Reader::Anybody, first).await,
        (true, true)
    );
    assert!(matches!(
        compare(&pair.database, &pair.url(0), PATIENCE)
            .await
            .unwrap(),
        Compared::InStep(_)
    ));
    ran.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_has_nothing_to_do_makes_no_replica_late() {
    let pair = Pair::new().await;
    let origin = pair.origin().await;
    // Longer than the limit, and nothing is written.
    let end = Instant::now() + 2 * LAG_LIMIT;
    while Instant::now() < end {
        let found = origin.posts(Reader::Anybody, None, None, 1).await.unwrap();
        assert!(found.is_empty());
        sleep(GLANCE).await;
    }
    until(&origin, |standing| standing.used).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_dies_fails_nobodys_read_and_comes_back() {
    let mut pair = Pair::new().await;
    let ran = RanOn::begins(&pair.version(), "a replica that dies");
    let origin = pair.origin().await;
    let ada = pair.person().await;
    let post = pair.post(ada, "still there").await;
    let deadline = Instant::now() + PATIENCE;
    while by_replica(&origin, Reader::Anybody, post).await != (true, true) {
        assert!(Instant::now() < deadline, "it never gets there");
        sleep(GLANCE).await;
    }
    let reading = {
        let origin = origin.clone();
        tokio::spawn(async move {
            let mut reads = 0_u64;
            loop {
                let found = origin.post(Reader::Anybody, post).await.unwrap();
                assert!(found.is_some(), "after {reads} reads");
                reads += 1;
                sleep(Duration::from_millis(1)).await;
            }
        })
    };
    pair.replicas[0].kill().await;
    let killed = Instant::now();
    until(&origin, |standing| {
        !standing.used && standing.why == Why::Gone
    })
    .await;
    let out_after = killed.elapsed();
    assert_eq!(
        by_replica(&origin, Reader::Anybody, post).await,
        (true, false)
    );
    pair.replicas[0].start().await;
    let since = Instant::now();
    until(&origin, |standing| standing.used).await;
    tell("was killed", out_after, since.elapsed());
    assert!(!reading.is_finished(), "a read failed");
    reading.abort();
    ran.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_replica_of_ours_is_not_used() {
    let pair = Pair::new().await;
    let primary = pair.watch(&pair.primary.url(NAME));
    until(&primary, |standing| standing.why == Why::NoReplica).await;
    // Of somebody's test system, say.
    let (other, other_replica) = PostgresServer::replicated().await;
    let foreign = pair.watch(&other_replica.url("postgres"));
    until(&foreign, |standing| standing.why == Why::AnotherDatabase).await;
    for origin in [&primary, &foreign] {
        assert!(origin.standings().iter().all(|standing| !standing.used));
    }
    // Promoted: from then on it goes its own way.
    let origin = pair.origin().await;
    let mut connection = PgConnection::connect(&pair.url(0)).await.unwrap();
    sqlx::query("select pg_promote()")
        .execute(&mut connection)
        .await
        .unwrap();
    until(&origin, |standing| {
        !standing.used && standing.why == Why::NoReplica
    })
    .await;
    drop(other);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_primary_nobody_knows_how_old_a_replica_is() {
    let mut pair = Pair::new().await;
    let origin = pair.origin().await;
    pair.primary.kill().await;
    until(&origin, |standing| {
        !standing.used && standing.why == Why::Late
    })
    .await;
    pair.primary.start().await;
    until(&origin, |standing| standing.used).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_mixes_statements_keeps_its_replica_out() {
    let name = "a_pooler_that_mixes_statements_keeps_its_replica_out";
    let pair = Pair::new().await;
    let url = pair.url(0);
    let Some(mixing) = PgBouncer::before(&url, 0, name).await else {
        return;
    };
    let ran = RanOn::begins(mixing.version(), "before a replica");
    let unfit = pair.watch(&mixing.url());
    until(&unfit, |standing| standing.why == Why::Unfit).await;
    let sound = PgBouncer::before(&url, 200, name).await.unwrap();
    let used = pair.watch(&sound.url());
    until(&used, |standing| standing.used).await;
    assert!(unfit.standings().iter().all(|standing| !standing.used));
    ran.passed();
}
