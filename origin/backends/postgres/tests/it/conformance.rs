use std::sync::Arc;

use sluicegate_conformance::stores::Stores;
use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_conformance::{
    accounts, answers, audit, erasure, fair, jobs, posts, relay, sessions, sweep, uploads,
};
use sluicegate_postgres::Database;

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

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_answers() {
    let database = TestDatabase::new().await;
    answers::run(&stores(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_job_queues() {
    let database = TestDatabase::new().await;
    jobs::run(&database.database().jobs()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_job_relays() {
    let database = TestDatabase::new().await;
    let both = (database.database().relay(), database.database().jobs());
    relay::run(&both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_fair() {
    let database = TestDatabase::new().await;
    let jobs = database.database().jobs();
    fair::run(&(Arc::new(fair::ByClaim(jobs)) as Arc<dyn fair::Begins>)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_are_fair() {
    let database = TestDatabase::new().await;
    let (rows, jobs) = (database.database().relay(), database.database().jobs());
    fair::run(&(Arc::new(fair::ByRelay::new(rows, jobs)) as Arc<dyn fair::Begins>)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_account_stores() {
    let database = TestDatabase::new().await;
    accounts::run(&stores(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_session_stores() {
    let database = TestDatabase::new().await;
    sessions::run(&stores(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_upload_stores() {
    let database = TestDatabase::new().await;
    uploads::run(&stores(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_post_stores() {
    let database = TestDatabase::new().await;
    posts::run(&stores(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_audit_stores() {
    let database = TestDatabase::new().await;
    audit::run(&stores(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_sweep_stores() {
    let database = TestDatabase::new().await;
    sweep::run(&stores(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_erasure_stores() {
    let database = TestDatabase::new().await;
    erasure::run(&stores(&database)).await;
}
