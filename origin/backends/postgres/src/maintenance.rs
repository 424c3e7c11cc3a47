//! Whole databases: made and dropped by `sluicegate-embedded`'s users, `doctor` and tests.

use std::fmt::Write as _;
use std::time::Duration;

use sluicegate_core::error::PortError;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::database::connect_options;
use crate::error::bounded;

/// The longest name that Postgres keeps whole, in bytes.
const NAME_BYTES: usize = 63;
/// Copying a large template takes its time.
const LIMIT: Duration = Duration::from_mins(1);
const DUPLICATE_DATABASE: &str = "42P04";

/// Makes a database on the server of `admin_url`, as a copy of `template` if one is named (nobody may
/// be connected to that). Idempotent: one of that name is left as it is. Names are `a-z 0-9 _`.
pub async fn create_database(
    admin_url: &str,
    name: &str,
    template: Option<&str>,
) -> Result<(), PortError> {
    let mut sql = format!("create database {}", checked(name)?);
    if let Some(template) = template {
        // Copying files is twice as fast here as the default, which writes them to the log.
        // Writing to a string cannot fail.
        let _ = write!(sql, " template {} strategy file_copy", checked(template)?);
    }
    run(admin_url, sql, Some(DUPLICATE_DATABASE)).await
}

/// Drops a database and ends the connections to it. Idempotent.
pub async fn drop_database(admin_url: &str, name: &str) -> Result<(), PortError> {
    let sql = format!("drop database if exists {} with (force)", checked(name)?);
    run(admin_url, sql, None).await
}

/// Gives a database another name; nobody may be connected to it. Fails if the name is taken.
pub async fn rename_database(admin_url: &str, from: &str, to: &str) -> Result<(), PortError> {
    let sql = format!(
        "alter database {} rename to {}",
        checked(from)?,
        checked(to)?
    );
    run(admin_url, sql, None).await
}

/// Whether there is a database of that name.
pub async fn database_exists(admin_url: &str, name: &str) -> Result<bool, PortError> {
    let options = connect_options(admin_url)?;
    bounded(LIMIT, async {
        let mut connection = PgConnection::connect_with(&options).await?;
        let found = sqlx::query_scalar!(
            r#"select exists (select from pg_database where datname = $1) as "found!""#,
            name
        )
        .fetch_one(&mut connection)
        .await?;
        connection.close().await?;
        Ok(found)
    })
    .await
}

/// The tables of which a row has `text` in some column, as Postgres writes it. Reads every table to its end: for
/// those who must prove that nothing is left of somebody.
pub async fn tables_that_mention(url: &str, text: &str) -> Result<Vec<String>, PortError> {
    let options = connect_options(url)?;
    bounded(LIMIT, async {
        let mut connection = PgConnection::connect_with(&options).await?;
        let tables = sqlx::query_scalar!(
            r#"select quote_ident(tablename) as "table!" from pg_tables where schemaname = 'public' order by 1"#
        )
        .fetch_all(&mut connection)
        .await?;
        let mut found = Vec::new();
        for table in tables {
            let sql = format!("select exists (select from {table} t where strpos(t::text, $1) > 0)");
            // Safe: a quoted identifier from the catalogue in constant words.
            let mentions: bool = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(text)
                .fetch_one(&mut connection)
                .await?;
            if mentions {
                found.push(table);
            }
        }
        connection.close().await?;
        Ok(found)
    })
    .await
}

/// Runs one statement that cannot run in a transaction. Failing with the code `tolerated` is
/// no failure.
async fn run(admin_url: &str, sql: String, tolerated: Option<&str>) -> Result<(), PortError> {
    let options = connect_options(admin_url)?;
    bounded(LIMIT, async {
        let mut connection = PgConnection::connect_with(&options).await?;
        // Safe: made in this file from constant words and checked names only.
        let result = sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await;
        connection.close().await?;
        match result {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == tolerated => Ok(()),
            other => other.map(drop),
        }
    })
    .await
}

/// Identifiers cannot be parameters, so nothing but plain names comes through.
fn checked(name: &str) -> Result<&str, PortError> {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= NAME_BYTES
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain {
        Ok(name)
    } else {
        Err(PortError::failed(
            "database",
            format!("{name:?} cannot be a database's name"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_come_through() {
        assert!(checked("sluicegate_1").is_ok());
        for bad in ["", "1a", "a-b", "a\"b", "a; drop", "A", &"a".repeat(64)] {
            assert!(checked(bad).is_err(), "{bad:?} must be refused");
        }
    }
}
