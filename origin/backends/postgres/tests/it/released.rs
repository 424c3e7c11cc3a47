//! Old and new programs run on one schema: what was released still finds all that it asks for.

use serde::Deserialize;
use sluicegate_conformance::notes::measured;
use sluicegate_conformance::testdb::TestDatabase;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// What `cargo xtask release-queries` wrote.
#[derive(Deserialize)]
pub(crate) struct Released {
    /// The newest tag; none before the first.
    release: Option<String>,
    /// Its newest migration.
    schema: i64,
    /// All that its programs ask.
    pub(crate) queries: Vec<String>,
}

impl Released {
    pub(crate) fn read() -> Self {
        serde_json::from_str(include_str!("../../released/queries.json")).unwrap()
    }

    /// Whether a migration came after it: then tables may be large by the time it runs.
    pub(crate) fn knows_not(&self, migration: i64) -> bool {
        self.release.is_some() && migration > self.schema
    }

    fn name(&self) -> &str {
        self.release
            .as_deref()
            .unwrap_or("no release yet, an earlier commit")
    }
}

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

#[tokio::test(flavor = "multi_thread")]
async fn released_queries_run_on_the_newest_schema() {
    let released = Released::read();
    let count = released.queries.len();
    assert!(count > 100, "{count} queries");
    let database = TestDatabase::new().await;
    let refused = refused(&database, &released.queries).await;
    assert!(
        refused.is_empty(),
        "{}: {}",
        released.name(),
        refused.join("\n\n")
    );
    measured(&format!(
        "the newest schema takes {count} queries of {}",
        released.name()
    ));
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
    let refused = refused(&database, &Released::read().queries).await;
    assert!(!refused.is_empty());
    assert!(
        refused.iter().all(|query| query.contains("body")),
        "{refused:?}"
    );
}
