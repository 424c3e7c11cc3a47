//! The same promises through `PgBouncer` in transaction mode, and what must not go through it.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{Lends, PgBouncer};
use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_conformance::{
    accounts, answers, audit, erasure, fair, jobs, posts, relay, sessions, sweep, uploads,
};
use sluicegate_postgres::{Database, Options, Pooling, probe_pooler};

use crate::conformance::stores_of;

/// Prepared statements that the pooler keeps for each connection of the server.
const STATEMENTS: u32 = 200;
const PATIENCE: Duration = Duration::from_mins(1);

/// A database, and a pool that reaches it through a pooler.
struct Pooled {
    pool: Database,
    pooler: PgBouncer,
    _database: TestDatabase,
}

impl Pooled {
    async fn new(test: &str) -> Option<Self> {
        let database = TestDatabase::new().await;
        let pooler = PgBouncer::before(database.url(), STATEMENTS, test).await?;
        // What is promised is no matter of time, and a suite's floods may wait on a busy machine.
        let options = Options {
            max_connections: 8,
            acquire_timeout: PATIENCE,
            call_timeout: PATIENCE,
        };
        let pool = Database::connect(&pooler.url(), &options).await.unwrap();
        Some(Self {
            pool,
            pooler,
            _database: database,
        })
    }

    fn ran(&self, what: &str) -> RanOn {
        RanOn::begins(self.pooler.version(), what)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn job_queues_keep_their_promises_behind_a_pooler() {
    let name = "job_queues_keep_their_promises_behind_a_pooler";
    let Some(pooled) = Pooled::new(name).await else {
        return;
    };
    let ran = pooled.ran("conformance of the table queue");
    jobs::run(&pooled.pool.jobs()).await;
    ran.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_keep_their_promises_behind_a_pooler() {
    let name = "relays_keep_their_promises_behind_a_pooler";
    let Some(pooled) = Pooled::new(name).await else {
        return;
    };
    let ran = pooled.ran("conformance of the relay");
    relay::run(&(pooled.pool.relay(), pooled.pool.jobs())).await;
    ran.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_are_fair_behind_a_pooler() {
    let name = "turns_are_fair_behind_a_pooler";
    // Each on a database of its own, as the suite expects it.
    for by in ["claims", "the relay"] {
        let Some(pooled) = Pooled::new(name).await else {
            return;
        };
        let ran = pooled.ran(&format!("conformance of turns by {by}"));
        let (rows, jobs) = (pooled.pool.relay(), pooled.pool.jobs());
        let begins: Arc<dyn fair::Begins> = match by {
            "claims" => Arc::new(fair::ByClaim(jobs)),
            _ => Arc::new(fair::ByRelay::new(rows, jobs)),
        };
        fair::run(&begins).await;
        ran.passed();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_keep_their_promises_behind_a_pooler() {
    let name = "stores_keep_their_promises_behind_a_pooler";
    // Each on a database of its own, as the suites expect it.
    let suites = [
        "accounts", "answers", "sessions", "uploads", "posts", "audit", "sweep", "erasure",
    ];
    for suite in suites {
        let Some(pooled) = Pooled::new(name).await else {
            return;
        };
        let ran = pooled.ran(&format!("conformance of {suite}"));
        let stores = stores_of(&pooled.pool);
        match suite {
            "accounts" => accounts::run(&stores).await,
            "answers" => answers::run(&stores).await,
            "sessions" => sessions::run(&stores).await,
            "uploads" => uploads::run(&stores).await,
            "posts" => posts::run(&stores).await,
            "audit" => audit::run(&stores).await,
            "sweep" => sweep::run(&stores).await,
            _ => erasure::run(&stores).await,
        }
        ran.passed();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_tells_what_stands_between() {
    let name = "the_probe_tells_what_stands_between";
    let database = TestDatabase::empty().await;
    let probe = async |url: &str| probe_pooler(url).await.unwrap();
    assert_eq!(probe(database.url()).await, Pooling::Session);
    for lends in [Lends::TheLast, Lends::ByTurns] {
        let pooler =
            async |statements| PgBouncer::lending(lends, database.url(), statements, name).await;
        let Some(sound) = pooler(STATEMENTS).await else {
            return;
        };
        let ran = RanOn::begins(sound.version(), "the probe of poolers");
        let mixing = pooler(0).await.unwrap();
        // However many servers those before have left idle.
        for _ in 0..6 {
            assert_eq!(probe(&sound.url()).await, Pooling::Transaction, "{lends:?}");
            assert_eq!(probe(&mixing.url()).await, Pooling::Unfit, "{lends:?}");
            assert_eq!(probe(database.url()).await, Pooling::Session);
        }
        ran.passed();
    }
}
