use std::collections::BTreeSet;
use std::time::Duration;

use sluicegate_core::error::PortError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use crate::database::connect_options;
use crate::error::bounded;
use crate::pool::connect;

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
/// Each order in which two clients can take a server and give it back, twice.
const PASSES: u32 = 8;

/// Finds out by trying: two connections hold a transaction each, again and again, taking and giving back in every
/// order. Whether a pooler lends the server that was idle longest or the one that was given back last, it lends one of
/// them another than before. Each runs a statement of its own, so that one which belongs to the other is recognised.
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
    let mut ours = Client::connect(options, "select pg_backend_pid() + $1, 1", 1).await?;
    let mut other = Client::connect(options, "select pg_backend_pid() + $1, 2", 2).await?;
    for pass in 0..PASSES {
        let (first, second) = if pass & 1 == 0 {
            (&mut ours, &mut other)
        } else {
            (&mut other, &mut ours)
        };
        if !first.takes().await? || !second.takes().await? {
            return Ok(Pooling::Unfit);
        }
        if pass & 2 == 0 {
            first.gives_back().await?;
            second.gives_back().await?;
        } else {
            second.gives_back().await?;
            first.gives_back().await?;
        }
    }
    let moved = ours.servers.len() > 1 || other.servers.len() > 1;
    ours.connection.close().await?;
    other.connection.close().await?;
    Ok(if moved {
        Pooling::Transaction
    } else {
        Pooling::Session
    })
}

/// A connection with a statement of its own, and the processes that have served it.
struct Client {
    connection: PgConnection,
    statement: &'static str,
    sign: i32,
    servers: BTreeSet<i32>,
}

impl Client {
    async fn connect(
        options: &PgConnectOptions,
        statement: &'static str,
        sign: i32,
    ) -> sqlx::Result<Self> {
        Ok(Self {
            connection: connect(options).await?,
            statement,
            sign,
            servers: BTreeSet::new(),
        })
    }

    /// Begins a transaction and asks, by a prepared statement, who serves it; `false` if another's statement answered.
    async fn takes(&mut self) -> sqlx::Result<bool> {
        sqlx::raw_sql("begin").execute(&mut self.connection).await?;
        let (server, sign): (i32, i32) = sqlx::query_as(self.statement)
            .bind(0_i32)
            .fetch_one(&mut self.connection)
            .await?;
        self.servers.insert(server);
        Ok(sign == self.sign)
    }

    async fn gives_back(&mut self) -> sqlx::Result<()> {
        let ended = sqlx::raw_sql("rollback").execute(&mut self.connection);
        ended.await.map(drop)
    }
}

/// No such prepared statement, there is one already, or a message that does not fit.
fn is_mixed_up(code: Option<&str>) -> bool {
    matches!(code, Some("26000" | "42P05" | "08P01"))
}
