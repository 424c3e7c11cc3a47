//! Migrations expand first: programs that know nothing of a change go on writing, and are not kept waiting by it.

use std::collections::{BTreeMap, BTreeSet};

use sluicegate_conformance::testdb::TestDatabase;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::released::Released;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Table and column, and whether an insert that does not name the column is refused.
type Columns = BTreeMap<(String, String), bool>;
/// Table and index.
type Indexes = BTreeSet<(String, String)>;

async fn columns(connection: &mut PgConnection) -> Columns {
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "select table_name::text, column_name::text, is_nullable = 'NO' and column_default is null
            and is_identity = 'NO' and is_generated = 'NEVER'
        from information_schema.columns where table_schema = 'public'",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    let rows = rows.into_iter();
    rows.map(|(table, column, asked)| ((table, column), asked))
        .collect()
}

async fn indexes(connection: &mut PgConnection) -> Indexes {
    let query =
        "select tablename::text, indexname::text from pg_indexes where schemaname = 'public'";
    let rows: Vec<(String, String)> = sqlx::query_as(query).fetch_all(connection).await.unwrap();
    rows.into_iter().collect()
}

/// What is wrong with a migration that comes after a release, whose programs may still run and whose tables may be large.
struct Judged {
    /// Columns of older tables without which an insert is refused from now on: the old programs do not name them.
    asked: Vec<String>,
    /// Indexes that keep everybody from writing to an older table until they are built.
    blocking: Vec<String>,
}

/// Runs a migration, and looks at what it did to the tables that were there.
async fn judge(connection: &mut PgConnection, migration: &str) -> Judged {
    let (columns_before, indexes_before) = (columns(connection).await, indexes(connection).await);
    let tables: BTreeSet<_> = columns_before
        .keys()
        .map(|(table, _)| table.clone())
        .collect();
    // Safe: a file of ours, or of this test.
    let sql = AssertSqlSafe(migration.to_owned());
    sqlx::raw_sql(sql).execute(&mut *connection).await.unwrap();
    let asked = columns(connection)
        .await
        .into_iter()
        .filter(|(place, asked)| {
            *asked && tables.contains(&place.0) && columns_before.get(place) != Some(&true)
        });
    let made = indexes(connection).await;
    let made = made.difference(&indexes_before);
    let at_leisure = migration.contains("concurrently");
    let blocking = made.filter(|(table, _)| tables.contains(table) && !at_leisure);
    Judged {
        asked: asked
            .map(|((table, column), _)| format!("{table}.{column}"))
            .collect(),
        blocking: blocking
            .map(|(table, index)| format!("{table}: {index}"))
            .collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_programs_can_write_after_each_migration() {
    let database = TestDatabase::empty().await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let released = Released::read();
    for migration in MIGRATIONS.iter() {
        let judged = judge(&mut connection, migration.sql.as_str()).await;
        let name = &migration.description;
        assert!(judged.asked.is_empty(), "{name}: {:?}", judged.asked);
        // What comes with the first release finds no rows.
        if released.knows_not(migration.version) {
            assert!(judged.blocking.is_empty(), "{name}: {:?}", judged.blocking);
        }
    }
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_old_programs_do_not_survive_is_found() {
    let database = TestDatabase::new().await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    for (sql, asked, blocking) in [
        ("alter table posts add mood text not null", 1, 0),
        (
            "alter table posts alter column moderated_at set not null",
            1,
            0,
        ),
        (
            "alter table posts alter column moderation drop default",
            1,
            0,
        ),
        (
            "alter table posts add note text, add stars int not null default 0",
            0,
            0,
        ),
        (
            "create table moods (id uuid primary key, mood text not null); create index on moods (mood)",
            0,
            0,
        ),
        ("create index posts_notes on posts (note)", 0, 1),
        (
            "create index concurrently posts_stars on posts (stars)",
            0,
            0,
        ),
    ] {
        let judged = judge(&mut connection, sql).await;
        let found = (judged.asked.len(), judged.blocking.len());
        assert_eq!(found, (asked, blocking), "{sql}");
    }
    connection.close().await.unwrap();
}
