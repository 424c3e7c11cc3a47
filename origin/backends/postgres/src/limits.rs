//! Times after which the server itself gives up: for what a program that died, or stopped waiting, left behind.
//!
//! They belong to the role, since `PgBouncer` takes none at the start of a connection, and to this database alone.

use std::time::Duration;

use sluicegate_core::error::PortError;
use sqlx::{Connection, PgConnection};

use crate::database::{Database, connect_options};
use crate::error::bounded;

const LIMIT: Duration = Duration::from_secs(30);

/// What is in force for new connections, as the server writes it; `0` is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleLimits {
    /// A statement in all: calls are given up after 10 s, and what they asked for must not go on for long after that.
    pub statement: String,
    /// A wait for a lock.
    pub lock: String,
    /// A transaction in which nothing happens.
    pub idle_in_transaction: String,
}

/// Sets those that nobody has set for the role of this URL: statements 15 s (also where an earlier release set 60 s),
/// waits for locks 10 s, idle transactions 60 s. Needs a direct connection. Idempotent, and does not touch what an
/// operator chose.
pub async fn set_role_limits(direct_url: &str) -> Result<(), PortError> {
    let options = connect_options(direct_url)?;
    bounded(LIMIT, async {
        let mut connection = PgConnection::connect_with(&options).await?;
        let set = sqlx::raw_sql(
            "do $$
            declare wanted text[];
            begin
                perform pg_advisory_xact_lock(hashtext('sluicegate role limits'));
                foreach wanted slice 1 in array array[
                    array['statement_timeout', '15s', '60s'],
                    array['lock_timeout', '10s', '10s'],
                    array['idle_in_transaction_session_timeout', '60s', '60s']
                ] loop
                    if not exists (
                        select from pg_db_role_setting, unnest(setconfig) as setting
                        where setrole = (select oid from pg_roles where rolname = current_user)
                            and setdatabase in
                                (0, (select oid from pg_database where datname = current_database()))
                            and starts_with(setting, wanted[1] || '=')
                            and (setdatabase = 0 or setting <> wanted[1] || '=' || wanted[3])
                    ) then
                        execute format('alter role %I in database %I set %I = %L',
                            current_user, current_database(), wanted[1], wanted[2]);
                    end if;
                end loop;
            end $$",
        )
        .execute(&mut connection)
        .await;
        connection.close().await?;
        set.map(drop)
    })
    .await
}

impl Database {
    /// What is in force for a connection of this pool.
    pub async fn role_limits(&self) -> Result<RoleLimits, PortError> {
        let query = sqlx::query!(
            r#"select current_setting('statement_timeout') as "statement!",
                current_setting('lock_timeout') as "lock!",
                current_setting('idle_in_transaction_session_timeout') as "idle_in_transaction!""#
        );
        let row = self.run(query.fetch_one(&self.pool)).await?;
        Ok(RoleLimits {
            statement: row.statement,
            lock: row.lock,
            idle_in_transaction: row.idle_in_transaction,
        })
    }
}
