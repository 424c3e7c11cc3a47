//! A pool from which a server that hangs takes nothing for good.
//!
//! sqlx tests each connection when it is given back, for as long as the server likes, and holds its place meanwhile; it
//! knows no keepalive either. So connections are lent and taken back here, each within a time: one that says nothing is
//! dropped, and its place is free. A hook of sqlx's (`after_release`) could test them within a time, too, but nothing of it keeps
//! a transaction out of the pool whose beginning was abandoned (launchbadge/sqlx#4393).
//!
//! sqlx opens connections in the task that asks, too, which takes seconds in a busy process: see [`on_a_thread`].

mod lent;
mod opening;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::postgres::{
    PgConnectOptions, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo,
};
use sqlx::{
    Connection, Describe, Either, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

pub(crate) use self::lent::{Lent, Transaction};
pub(crate) use self::opening::{connect, on_a_thread};
use crate::census::PoolState;
use crate::database::Options;
use crate::replicas::Served;

/// How long a connection may take at most to show that it is well. One that was idle has a quarter of what a borrower has: two may
/// be asked, and in the rest a new one is opened instead, which has half.
const CHECK: Duration = Duration::from_secs(2);
/// Whoever had to wait longer for a connection is told of in the log.
const SLOW: Duration = Duration::from_secs(2);
/// Connections that a pool opens at once, each by a thread.
const OPENINGS: usize = 16;

/// A pool of connections. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    connections: PgPool,
    /// One for each connection that there may be: who has one finds an idle connection, or may open one.
    places: Arc<Semaphore>,
    openings: Arc<Semaphore>,
    acquire_timeout: Duration,
    check: Check,
}

impl Pool {
    /// Opens the first connection.
    pub(crate) async fn connect(
        options: &Options,
        connect: PgConnectOptions,
    ) -> sqlx::Result<Self> {
        let pool = Self::lazy(options, connect, None);
        pool.acquire().await?;
        Ok(pool)
    }

    /// Opens none yet. Connections to another server than `served` are not lent, or told of.
    pub(crate) fn of_replica(
        options: &Options,
        connect: PgConnectOptions,
        served: &Arc<Served>,
    ) -> Self {
        Self::lazy(options, connect, Some(Arc::clone(served)))
    }

    fn lazy(options: &Options, connect: PgConnectOptions, served: Option<Arc<Served>>) -> Self {
        let check = Check {
            idle: CHECK.min(options.acquire_timeout / 4),
            new: CHECK.min(options.acquire_timeout / 2),
            served,
        };
        let places = usize::try_from(options.max_connections).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            connections: settings(options, &check).connect_lazy_with(connect),
            places: Arc::new(Semaphore::new(places)),
            openings: Arc::new(Semaphore::new(OPENINGS)),
            acquire_timeout: options.acquire_timeout,
            check,
        }
    }

    /// First come, first served.
    pub(crate) async fn acquire(&self) -> sqlx::Result<Lent> {
        let since = Instant::now();
        let lent = timeout(self.acquire_timeout, self.lend()).await;
        let lent = lent.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        let waited = since.elapsed();
        if waited > SLOW {
            tracing::warn!(?waited, "a connection of the database was long in coming");
        }
        Ok(lent)
    }

    async fn lend(&self) -> sqlx::Result<Lent> {
        let place = Arc::new(take(&self.places).await?);
        if let Some(idle) = self.connections.try_acquire() {
            let mut lent = Lent::new(idle, &place).unsure();
            if self.check.is_well(&mut lent).await {
                return Ok(lent.sure());
            }
        }
        let opening = take(&self.openings).await?;
        let connections = self.connections.clone();
        on_a_thread(async move {
            let connection = connections.acquire().await?;
            drop(opening);
            Ok(Lent::new(connection, &place))
        })
        .await
    }

    /// Rolled back unless it is committed.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction> {
        self.acquire().await?.begin().await
    }

    pub(crate) async fn close(&self) {
        self.places.close();
        self.connections.close().await;
    }

    pub(crate) fn state(&self) -> PoolState {
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        let most = self.connections.options().get_max_connections();
        // More may be idle for a moment: whoever has one opened has a place already.
        let free = number(self.places.available_permits());
        PoolState {
            in_use: most.saturating_sub(free),
            idle: number(self.connections.num_idle()).min(free),
            most,
        }
    }

    /// What its connections are opened with.
    pub(crate) fn connect_options(&self) -> PgConnectOptions {
        (*self.connections.connect_options()).clone()
    }
}

async fn take(permits: &Arc<Semaphore>) -> sqlx::Result<OwnedSemaphorePermit> {
    let permit = Arc::clone(permits).acquire_owned().await;
    permit.map_err(|_| sqlx::Error::PoolClosed)
}

/// What connections are asked before they are lent.
#[derive(Debug, Clone)]
struct Check {
    /// How long one that was idle may take.
    idle: Duration,
    /// How long a new one may.
    new: Duration,
    /// The server of a replica.
    served: Option<Arc<Served>>,
}

impl Check {
    async fn is_well(&self, idle: &mut PgConnection) -> bool {
        // Quietly: that happens to all of them whenever the server restarts.
        let is_well = match &self.served {
            None => answer(self.idle, idle.ping()).await.map(|()| true),
            Some(served) => answer(self.idle, served.is_still(idle)).await,
        };
        is_well.unwrap_or(false)
    }

    /// Tells to which server it leads.
    async fn meets(&self, new: &mut PgConnection) -> sqlx::Result<()> {
        match &self.served {
            None => Ok(()),
            Some(served) => answer(self.new, served.meets(new)).await,
        }
    }
}

fn settings(options: &Options, check: &Check) -> PgPoolOptions {
    let (idle, new) = (check.clone(), check.clone());
    PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        // Told by us, with the wait for a place.
        .acquire_slow_threshold(options.acquire_timeout)
        // It has no limit.
        .test_before_acquire(false)
        // Another idle one, where the first was not well, or one that was given back while a new one was about to be opened.
        .before_acquire(move |connection, _| {
            let check = idle.clone();
            Box::pin(async move { Ok(check.is_well(connection).await) })
        })
        .after_connect(move |connection, _| {
            let check = new.clone();
            Box::pin(async move { check.meets(connection).await })
        })
}

async fn answer<T>(
    limit: Duration,
    answer: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    let late = || Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
    timeout(limit, answer).await.unwrap_or_else(|_| late())
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
