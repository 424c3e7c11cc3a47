use std::time::Duration;

use sluicegate_core::error::PortError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use crate::database::connect_options;
use crate::error::bounded;

/// What stands between us and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Nothing, or a pooler that keeps one server connection for each of ours.
    Session,
    /// A pooler in transaction mode that keeps our prepared statements apart (`PgBouncer` from 1.21
    /// with `max_prepared_statements`). No migrations, no `LISTEN` through it.
    Transaction,
    /// A pooler in transaction mode that mixes up the statements of its clients: answers would belong
    /// to other queries. It must not be used.
    Unfit,
}

const LIMIT: Duration = Duration::from_secs(10);
/// Two chances too many: one pass already meets the fault whenever the pooler gives us another server.
const PASSES: u32 = 3;

/// Finds out by trying: while one connection holds a server in a transaction, another runs a prepared
/// statement; a pooler then runs it on a second server, and later perhaps on the first, which has
/// never heard of it.
pub async fn probe_pooler(url: &str) -> Result<Pooling, PortError> {
    let options = connect_options(url)?;
    bounded(LIMIT, async {
        match probe(&options).await {
            Err(sqlx::Error::Database(error)) if is_mixed_up(error.code().as_deref()) => {
                Ok(Pooling::Unfit)
            }
            other => other,
        }
    })
    .await
}

async fn probe(options: &PgConnectOptions) -> sqlx::Result<Pooling> {
    let mut ours = PgConnection::connect_with(options).await?;
    let mut other = PgConnection::connect_with(options).await?;
    let first = server(&mut ours).await?;
    let mut moved = false;
    for _ in 0..PASSES {
        let mut transaction = other.begin().await?;
        server(&mut transaction).await?;
        moved |= server(&mut ours).await? != first;
        transaction.rollback().await?;
        moved |= server(&mut ours).await? != first;
    }
    ours.close().await?;
    other.close().await?;
    Ok(if moved {
        Pooling::Transaction
    } else {
        Pooling::Session
    })
}

/// The process that serves us, asked by a prepared statement.
async fn server(connection: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::query_scalar("select pg_backend_pid() + $1 * 0")
        .bind(0_i32)
        .fetch_one(connection)
        .await
}

/// No such prepared statement, there is one already, or a message that does not fit.
fn is_mixed_up(code: Option<&str>) -> bool {
    matches!(code, Some("26000" | "42P05" | "08P01"))
}
