//! Each suite on a Postgres that nothing stands before.

use std::sync::Arc;

use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::reads::Reads;
use sluicegate_conformance::stores::Stores;
use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_conformance::{
    accounts, answers, audit, erasure, fair, jobs, posts, reads, relay, sessions, sweep, uploads,
};
use sluicegate_core::ports::OneDatabase;
use sluicegate_postgres::Database;
use sqlx::{Connection, PgConnection};

use crate::replicated::Pair;

pub(crate) fn stores(database: &TestDatabase) -> Stores {
    stores_of(&database.database())
}

pub(crate) fn stores_of(database: &Database) -> Stores {
    Stores {
        accounts: database.accounts(),
        sessions: database.sessions(),
        signing_keys: database.signing_keys(),
        uploads: database.uploads(),
        answers: database.answers(),
        posts: database.posts(),
        audit: database.audit(),
        sweep: database.sweep(),
        jobs: database.jobs(),
        erasure: database.erasure(),
    }
}

/// `Postgres 15.18`.
async fn version(url: &str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let version: String = sqlx::query_scalar("select current_setting('server_version')")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    // Those who package it add a name.
    let number = version.split_whitespace().next().unwrap_or_default();
    format!("Postgres {number}")
}

/// A test of one suite, on a database of its own.
macro_rules! suite {
    ($test:ident, $what:literal, |$database:ident| $runs:expr) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let $database = TestDatabase::new().await;
            let server = version($database.url()).await;
            let ran = RanOn::begins(&server, concat!("conformance of ", $what));
            $runs.await;
            ran.passed();
        }
    };
}

suite!(keeps_the_promises_of_answers, "answers", |database| {
    async { answers::run(&stores(&database)).await }
});

suite!(
    keeps_the_promises_of_job_queues,
    "the table queue",
    |database| { async { jobs::run(&database.database().jobs()).await } }
);

suite!(keeps_the_promises_of_job_relays, "the relay", |database| {
    async {
        let both = (database.database().relay(), database.database().jobs());
        relay::run(&both).await;
    }
});

suite!(claims_are_fair, "turns by claims", |database| {
    async {
        let jobs = database.database().jobs();
        fair::run(&(Arc::new(fair::ByClaim(jobs)) as Arc<dyn fair::Begins>)).await;
    }
});

suite!(relays_are_fair, "turns by the relay", |database| {
    async {
        let (rows, jobs) = (database.database().relay(), database.database().jobs());
        fair::run(&(Arc::new(fair::ByRelay::new(rows, jobs)) as Arc<dyn fair::Begins>)).await;
    }
});

suite!(
    keeps_the_promises_of_account_stores,
    "accounts",
    |database| { async { accounts::run(&stores(&database)).await } }
);

suite!(
    keeps_the_promises_of_session_stores,
    "sessions",
    |database| { async { sessions::run(&stores(&database)).await } }
);

suite!(keeps_the_promises_of_upload_stores, "uploads", |database| {
    async { uploads::run(&stores(&database)).await }
});

suite!(keeps_the_promises_of_post_stores, "posts", |database| {
    async { posts::run(&stores(&database)).await }
});

suite!(keeps_the_promises_of_audit_stores, "audit", |database| {
    async { audit::run(&stores(&database)).await }
});

suite!(keeps_the_promises_of_sweep_stores, "sweep", |database| {
    async { sweep::run(&stores(&database)).await }
});

suite!(
    keeps_the_promises_of_erasure_stores,
    "erasure",
    |database| { async { erasure::run(&stores(&database)).await } }
);

suite!(
    keeps_the_promises_of_public_reads,
    "public reads",
    |database| {
        async {
            let stores = stores(&database);
            let reads = Arc::new(OneDatabase {
                accounts: Arc::clone(&stores.accounts),
                posts: Arc::clone(&stores.posts),
            });
            reads::run(&Reads { reads, stores }).await;
        }
    }
);

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_public_reads_with_a_replica() {
    let pair = Pair::new().await;
    let ran = RanOn::begins(&pair.version(), "conformance of public reads");
    let origin = pair.origin().await;
    let stores = pair.stores.clone();
    let reads = Arc::new(origin.clone());
    reads::run(&Reads { reads, stores }).await;
    let (by_primary, by_replica) = origin.reads();
    assert!(
        by_primary > 0 && by_replica > 0,
        "{by_primary} and {by_replica}"
    );
    ran.passed();
}
