use std::time::Duration;

use sluicegate_core::error::PortError;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;

use crate::database::connect_options;
use crate::error::{migrate_error, port_error};
use crate::pool::Pool;

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// How the schema of a database stands to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// Exactly what we were built for.
    Current,
    /// Migrations are missing: `sluicegate-origin migrate` must run first.
    Behind,
    /// A newer program has migrated it. Migrations expand before they contract, so this one still works.
    Ahead,
}

/// Runs the migrations that are missing. Idempotent; of several at once one works and the others
/// wait. Needs a direct connection: the lock between them belongs to a session.
pub async fn migrate(url: &str) -> Result<(), PortError> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        // A migration, and the wait for another that migrates, take as long as they take.
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql("set statement_timeout = 0; set lock_timeout = 0")
                    .execute(connection)
                    .await
                    .map(drop)
            })
        })
        .connect_with(connect_options(url)?)
        .await
        .map_err(port_error)?;
    let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
    // A newer program may have been here first.
    migrator.set_ignore_missing(true);
    let result = migrator.run(&pool).await.map_err(migrate_error);
    pool.close().await;
    result
}

pub(crate) async fn schema_state(pool: &Pool) -> sqlx::Result<SchemaState> {
    // The table is made by the migrator, so the macros cannot know it.
    let applied: sqlx::Result<Option<i64>> =
        sqlx::query_scalar("select max(version) from _sqlx_migrations where success")
            .fetch_one(pool)
            .await;
    let applied = match applied {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => None,
        other => other?,
    };
    let ours = MIGRATOR.iter().map(|migration| migration.version).max();
    Ok(match applied.cmp(&ours) {
        std::cmp::Ordering::Less => SchemaState::Behind,
        std::cmp::Ordering::Equal => SchemaState::Current,
        std::cmp::Ordering::Greater => SchemaState::Ahead,
    })
}

/// Names the schema: changes whenever a migration is added or edited. For databases that are kept as
/// templates.
pub fn schema_id() -> String {
    // FNV-1a (RFC 9923) over the migrations' own checksums.
    let bytes = MIGRATOR
        .iter()
        .flat_map(|migration| migration.checksum.iter());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
