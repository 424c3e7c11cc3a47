use std::time::Duration;

use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_postgres::{Database, Options, Pooling, SchemaState, migrate, probe_pooler};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn migrates_an_empty_database_and_then_nothing() {
    let database = TestDatabase::empty().await;
    assert_eq!(
        database.database().schema_state().await.unwrap(),
        SchemaState::Behind
    );
    for _ in 0..2 {
        migrate(database.url()).await.unwrap();
        assert_eq!(
            database.database().schema_state().await.unwrap(),
            SchemaState::Current
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lets_many_migrate_at_once() {
    let database = TestDatabase::empty().await;
    let mut migrators = JoinSet::new();
    for _ in 0..4 {
        let url = database.url().to_owned();
        migrators.spawn(async move { migrate(&url).await });
    }
    for result in migrators.join_all().await {
        result.unwrap();
    }
    assert_eq!(
        database.database().schema_state().await.unwrap(),
        SchemaState::Current
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_with_a_schema_of_a_newer_program() {
    let database = TestDatabase::new().await;
    let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (99991231235959, 'newer', true, ''::bytea, 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    migrate(database.url()).await.unwrap();
    assert_eq!(
        database.database().schema_state().await.unwrap(),
        SchemaState::Ahead
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_an_outage_from_a_fault() {
    let options = Options {
        acquire_timeout: Duration::from_secs(2),
        ..Options::default()
    };
    let nobody = Database::connect("postgres://nobody@127.0.0.1:1/none", &options).await;
    assert!(nobody.unwrap_err().is_unavailable());
    let database = TestDatabase::empty().await;
    let accounts = database.database().accounts();
    let no_table = accounts.by_handle("anybody").await.unwrap_err();
    assert!(!no_table.is_unavailable(), "{no_table}");
    database.database().close().await;
    let closed = accounts.ping().await.unwrap_err();
    assert!(closed.is_unavailable(), "{closed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_calls_that_wait_for_a_lock() {
    let database = TestDatabase::new().await;
    let options = Options {
        call_timeout: Duration::from_millis(200),
        ..Options::default()
    };
    let hurried = Database::connect(database.url(), &options).await.unwrap();
    let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
    let mut blocker = pool.begin().await.unwrap();
    sqlx::query("lock table accounts")
        .execute(&mut *blocker)
        .await
        .unwrap();
    let error = hurried.accounts().by_handle("anybody").await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    blocker.rollback().await.unwrap();
    // A busy machine may need longer than that now and then.
    let answered = tokio::time::timeout(Duration::from_secs(20), async {
        while hurried.accounts().by_handle("anybody").await.is_err() {}
    });
    answered.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn recognises_a_direct_connection() {
    let database = TestDatabase::empty().await;
    assert_eq!(
        probe_pooler(database.url()).await.unwrap(),
        Pooling::Session
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_records_as_they_were_written() {
    let database = TestDatabase::new().await;
    let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
    let change = sqlx::query("update moderation_records set reason = 'other'");
    let error = change.execute(&pool).await.unwrap_err();
    assert!(error.to_string().contains("append-only"), "{error}");
}
