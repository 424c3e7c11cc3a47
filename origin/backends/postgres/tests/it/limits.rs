//! What the server itself ends, since its programs have given it up.

use std::time::Duration;

use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_postgres::{Database, Options, RoleLimits, set_role_limits};
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;

use crate::conformance::stores_of;

async fn limits(url: &str) -> RoleLimits {
    let options = Options {
        max_connections: 1,
        ..Options::default()
    };
    let database = Database::connect(url, &options).await.unwrap();
    let limits = database.role_limits().await.unwrap();
    database.close().await;
    limits
}

/// As an administrator does it, for this database.
async fn alter(url: &str, setting: &str, value: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let sql = format!(
        "do $$ begin execute format('alter role %I in database %I set {setting} = ''{value}''', \
         current_user, current_database()); end $$"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_gets_what_nobody_has_chosen() {
    let database = TestDatabase::new().await;
    for _ in 0..2 {
        set_role_limits(database.url()).await.unwrap();
        let expected = RoleLimits {
            statement: "15s".to_owned(),
            lock: "10s".to_owned(),
            idle_in_transaction: "1min".to_owned(),
        };
        assert_eq!(limits(database.url()).await, expected);
    }
    // What an earlier release set is not an operator's choice.
    alter(database.url(), "statement_timeout", "60s").await;
    assert_eq!(limits(database.url()).await.statement, "1min");
    set_role_limits(database.url()).await.unwrap();
    assert_eq!(limits(database.url()).await.statement, "15s");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_chose_is_kept() {
    let database = TestDatabase::new().await;
    alter(database.url(), "statement_timeout", "40s").await;
    alter(database.url(), "lock_timeout", "3s").await;
    set_role_limits(database.url()).await.unwrap();
    let found = limits(database.url()).await;
    assert_eq!((&*found.statement, &*found.lock), ("40s", "3s"));
    assert_eq!(found.idle_in_transaction, "1min");
    // In the URL, for one program alone.
    let more = if database.url().contains('?') {
        '&'
    } else {
        '?'
    };
    let own = format!(
        "{}{more}options=-c%20statement_timeout%3D7s",
        database.url()
    );
    let found = limits(&own).await;
    assert_eq!((&*found.statement, &*found.lock), ("7s", "3s"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_ends_a_statement_that_takes_too_long() {
    let database = TestDatabase::new().await;
    alter(database.url(), "statement_timeout", "2s").await;
    set_role_limits(database.url()).await.unwrap();
    let pool = Database::connect(database.url(), &Options::default())
        .await
        .unwrap();
    let stores = stores_of(&pool);
    let author = stores.account().await;
    let post = stores.post(author.id, "Held").await;
    let mut blocker = PgConnection::connect(database.url()).await.unwrap();
    let mut held = blocker.begin().await.unwrap();
    sqlx::query("select from posts where id = $1 for update")
        .bind(post.id.0)
        .execute(&mut *held)
        .await
        .unwrap();
    let began = Instant::now();
    let ended = stores.posts.delete(post.id, author.id, post.created_at);
    let error = ended.await.unwrap_err();
    // By the server, and long before the program would give up.
    assert!(error.to_string().contains("statement timeout"), "{error}");
    assert!(error.is_unavailable(), "{error}");
    let call_timeout = Options::default().call_timeout;
    assert!(began.elapsed() + Duration::from_secs(1) < call_timeout);
    held.rollback().await.unwrap();
    let deleted = stores.posts.delete(post.id, author.id, post.created_at);
    assert!(deleted.await.unwrap());
}
