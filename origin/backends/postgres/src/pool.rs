//! A pool from which a server that hangs takes nothing for good.
//!
//! sqlx tests each connection when it is given back, for as long as the server likes, and holds its place meanwhile; it
//! knows no keepalive either. So connections are lent and taken back here, each within a time: one that says nothing is
//! dropped, and its place is free. A hook of sqlx's (`after_release`) could test them within a time, too, but nothing of it keeps
//! a transaction out of the pool whose beginning was abandoned (launchbadge/sqlx#4393).

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{
    PgConnectOptions, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTransactionManager,
    PgTypeInfo,
};
use sqlx::{
    Connection, Describe, Either, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr,
};
use sqlx_core::transaction::TransactionManager;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::census::PoolState;
use crate::database::Options;
use crate::replicas::Served;

/// How long a connection that was idle may take at most to show that it is well, and no longer than half of what its
/// borrower has: in the rest a new one is opened instead.
const LEND: Duration = Duration::from_secs(2);
/// How long one that is given back may take to answer what it was asked last.
const TAKE_BACK: Duration = Duration::from_secs(5);

/// A pool of connections. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Pool(PgPool);

impl Pool {
    /// Opens the first connection.
    pub(crate) async fn connect(
        options: &Options,
        connect: PgConnectOptions,
    ) -> sqlx::Result<Self> {
        let limit = lend_within(options);
        let pool = settings(options).before_acquire(move |connection, _| {
            // Quietly: that happens to all of them whenever the server restarts.
            Box::pin(async move { Ok(answer(limit, connection.ping()).await.is_ok()) })
        });
        pool.connect_with(connect).await.map(Self)
    }

    /// Opens none yet. Connections to another server than `served` are not lent, or told of.
    pub(crate) fn of_replica(
        options: &Options,
        connect: PgConnectOptions,
        served: &Arc<Served>,
    ) -> Self {
        let limit = lend_within(options);
        let (expected, opened) = (Arc::clone(served), Arc::clone(served));
        let pool = settings(options)
            .before_acquire(move |connection, _| {
                let served = Arc::clone(&expected);
                Box::pin(async move {
                    let is_still = answer(limit, served.is_still(connection)).await;
                    Ok(is_still.unwrap_or(false))
                })
            })
            .after_connect(move |connection, _| {
                let served = Arc::clone(&opened);
                Box::pin(async move { answer(limit, served.meets(connection)).await })
            });
        Self(pool.connect_lazy_with(connect))
    }

    pub(crate) async fn acquire(&self) -> sqlx::Result<Lent> {
        Ok(Lent {
            connection: self.0.acquire().await?,
            is_beginning: false,
        })
    }

    /// Rolled back unless it is committed.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction> {
        let mut connection = self.acquire().await?;
        // Whoever goes away meanwhile leaves a connection of which sqlx does not know that it is in a transaction: whatever
        // came next by it would be part of that, and lost.
        connection.is_beginning = true;
        PgTransactionManager::begin(&mut connection, None).await?;
        connection.is_beginning = false;
        Ok(Transaction {
            connection,
            open: true,
        })
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }

    pub(crate) fn state(&self) -> PoolState {
        let idle = u32::try_from(self.0.num_idle()).unwrap_or(u32::MAX);
        PoolState {
            in_use: self.0.size().saturating_sub(idle),
            idle,
            most: self.0.options().get_max_connections(),
        }
    }

    /// What its connections are opened with.
    pub(crate) fn connect_options(&self) -> PgConnectOptions {
        (*self.0.connect_options()).clone()
    }
}

fn settings(options: &Options) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        // It has no limit.
        .test_before_acquire(false)
}

/// See [`LEND`].
fn lend_within(options: &Options) -> Duration {
    LEND.min(options.acquire_timeout / 2)
}

async fn answer<T>(
    limit: Duration,
    answer: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    let late = || Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
    timeout(limit, answer).await.unwrap_or_else(|_| late())
}

/// A connection of the pool, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Lent {
    connection: PoolConnection<Postgres>,
    /// A transaction was asked for, and is not there yet. It is closed if it is dropped so.
    is_beginning: bool,
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.is_beginning {
            self.connection.close_on_drop();
            return;
        }
        // Holds the place until it ends, however it ends.
        let back = self.connection.return_to_pool();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                if timeout(TAKE_BACK, back).await.is_err() {
                    tracing::debug!("a connection of the database is given up: it says nothing");
                }
            });
        }
    }
}

/// A transaction on a connection of the pool.
#[derive(Debug)]
pub(crate) struct Transaction {
    connection: Lent,
    open: bool,
}

impl Transaction {
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        PgTransactionManager::commit(&mut self.connection).await?;
        self.open = false;
        Ok(())
    }

    pub(crate) async fn rollback(mut self) -> sqlx::Result<()> {
        PgTransactionManager::rollback(&mut self.connection).await?;
        self.open = false;
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.open {
            // Said when the connection is used next: when it is given back.
            PgTransactionManager::start_rollback(&mut self.connection);
        }
    }
}

/// Each statement on a connection of its own.
impl<'p> Executor<'p> for &Pool {
    type Database = Postgres;

    /// All rows at once: nothing here asks for more than it keeps.
    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        let all = async move {
            let mut connection = pool.acquire().await?;
            let found: Vec<_> = connection.fetch_many(query).try_collect().await?;
            Ok::<_, sqlx::Error>(stream::iter(found.into_iter().map(Ok)))
        };
        stream::once(all).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        Box::pin(async move { pool.acquire().await?.fetch_optional(query).await })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        Box::pin(async move { pool.acquire().await?.prepare_with(sql, parameters).await })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Postgres>>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        Box::pin(async move { pool.acquire().await?.describe(sql).await })
    }
}
