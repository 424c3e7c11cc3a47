use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgTransactionManager;
use sqlx::{PgConnection, Postgres};
use sqlx_core::transaction::TransactionManager;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// How long one that is given back may take to answer what it was asked last.
const TAKE_BACK: Duration = Duration::from_secs(5);

/// A connection of the pool, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Lent {
    connection: PoolConnection<Postgres>,
    /// The next in line has it when the connection is back.
    place: Arc<OwnedSemaphorePermit>,
    /// It was asked something that decides how it may be used, and has not answered yet. It is closed if it is dropped so.
    is_unsure: bool,
}

impl Lent {
    pub(super) fn new(
        connection: PoolConnection<Postgres>,
        place: &Arc<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            connection,
            place: Arc::clone(place),
            is_unsure: false,
        }
    }

    /// Until it has shown that it is well.
    pub(super) fn unsure(mut self) -> Self {
        self.is_unsure = true;
        self
    }

    pub(super) fn sure(mut self) -> Self {
        self.is_unsure = false;
        self
    }

    /// Rolled back unless it is committed.
    pub(super) async fn begin(mut self) -> sqlx::Result<Transaction> {
        // Whoever goes away meanwhile leaves a connection of which sqlx does not know that it is in a transaction: whatever
        // came next by it would be part of that, and lost.
        self.is_unsure = true;
        PgTransactionManager::begin(&mut self, None).await?;
        Ok(Transaction {
            connection: self.sure(),
            open: true,
        })
    }
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
        let back = self.connection.return_to_pool();
        if self.is_unsure {
            // Closes it at once, without a word that a server which hangs would not read.
            drop(back);
            return;
        }
        // Holds the place until it ends, however it ends. Without a runtime it is closed, too.
        let place = Arc::clone(&self.place);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                if timeout(TAKE_BACK, back).await.is_err() {
                    tracing::debug!("a connection of the database is given up: it says nothing");
                }
                drop(place);
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
