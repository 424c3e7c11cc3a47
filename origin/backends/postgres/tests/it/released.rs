//! Old and new programs run on one schema: what was released still finds all that it asks for.

use sluicegate_conformance::testdb::TestDatabase;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

const RELEASED: &str = include_str!("../../released/queries.json");

/// The queries that the schema does not take any more, with what the server says of each.
async fn refused(database: &TestDatabase, queries: &[String]) -> Vec<String> {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let mut refused = Vec::new();
    for (number, query) in queries.iter().enumerate() {
        // Safe: from a file of ours. The server parses and plans it, and does nothing.
        let sql = AssertSqlSafe(format!("prepare released_{number} as {query}"));
        if let Err(error) = sqlx::raw_sql(sql).execute(&mut connection).await {
            refused.push(format!("{error}: {query}"));
        }
    }
    connection.close().await.unwrap();
    refused
}

fn released() -> Vec<String> {
    serde_json::from_str(RELEASED).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn released_queries_run_on_the_newest_schema() {
    let queries = released();
    assert!(queries.len() > 100, "{} queries", queries.len());
    let database = TestDatabase::new().await;
    let refused = refused(&database, &queries).await;
    assert!(refused.is_empty(), "{}", refused.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_is_taken_away_too_early_is_found() {
    let database = TestDatabase::new().await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("alter table posts drop column body")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let refused = refused(&database, &released()).await;
    assert!(!refused.is_empty());
    assert!(
        refused.iter().all(|query| query.contains("body")),
        "{refused:?}"
    );
}
