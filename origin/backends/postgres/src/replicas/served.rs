use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use sqlx::PgConnection;

/// A server that nobody has seen yet.
const NONE: i64 = 0;

/// Which server answers behind a replica's address. How far a server has got says nothing of another one, so what is read
/// must come from the one that is watched.
#[derive(Debug)]
pub(crate) struct Served {
    /// When it started, in microseconds: it tells servers apart whatever addresses they have.
    server: AtomicI64,
    met_another: AtomicBool,
}

impl Served {
    pub(super) fn new() -> Self {
        Self {
            server: AtomicI64::new(NONE),
            met_another: AtomicBool::new(false),
        }
    }

    /// It is this one from here on; answers whether it was another before.
    pub(super) fn is(&self, server: i64) -> bool {
        let before = self.server.swap(server, Ordering::SeqCst);
        before != server && before != NONE
    }

    /// Whether a connection led to another one since that was asked for the last time.
    pub(super) fn has_met_another(&self) -> bool {
        self.met_another.load(Ordering::SeqCst)
    }

    pub(super) fn forget(&self) {
        self.met_another.store(false, Ordering::SeqCst);
    }

    /// Whether a connection may be used still.
    pub(crate) async fn is_still(&self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        Ok(server(connection).await? == self.server.load(Ordering::SeqCst))
    }

    /// Looks where a new connection leads to. It is lent all the same, since the pool would try again for as long as its
    /// borrower has time: what is read by it is not used.
    pub(crate) async fn meets(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        if !self.is_still(connection).await? {
            self.met_another.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

async fn server(connection: &mut PgConnection) -> sqlx::Result<i64> {
    let query = sqlx::query_scalar!(
        r#"select (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint as "started!""#
    );
    query.fetch_one(connection).await
}
