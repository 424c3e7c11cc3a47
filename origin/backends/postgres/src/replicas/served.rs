use std::sync::atomic::{AtomicI64, Ordering};

use sqlx::PgConnection;

/// A server that nobody has seen yet.
const NONE: i64 = 0;

/// Which server answers behind a replica's address. How far a server has got says nothing of another one, so what is read
/// must come from the one that is watched.
#[derive(Debug)]
pub(crate) struct Served {
    /// When it started, in microseconds: it tells servers apart whatever addresses they have.
    server: AtomicI64,
    /// Another one, to which a connection led.
    met: AtomicI64,
}

impl Served {
    pub(super) fn new() -> Self {
        Self {
            server: AtomicI64::new(NONE),
            met: AtomicI64::new(NONE),
        }
    }

    /// The server that is watched.
    pub(super) fn server(&self) -> i64 {
        self.server.load(Ordering::SeqCst)
    }

    /// It is this one from here on; answers whether it was another before.
    pub(super) fn is(&self, server: i64) -> bool {
        let before = self.server.swap(server, Ordering::SeqCst);
        before != server && before != NONE
    }

    /// Another one that was met, and of which nobody knows yet whether it took the place of the one that is watched.
    pub(super) fn met(&self) -> Option<i64> {
        Some(self.met.load(Ordering::SeqCst)).filter(|met| *met != NONE)
    }

    /// That is known.
    pub(super) fn forget(&self, met: i64) {
        // Unless yet another one was met since.
        let _ = self
            .met
            .compare_exchange(met, NONE, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// A new connection led to this one.
    pub(super) fn leads_to(&self, server: i64) {
        if server != self.server() {
            self.met.store(server, Ordering::SeqCst);
        }
    }

    /// Whether a connection may be used still.
    pub(crate) async fn is_still(&self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        Ok(server(connection).await? == self.server())
    }

    /// Looks where a new connection leads to. It is lent all the same, since the pool would try again for as long as its
    /// borrower has time: what is read by it is not used.
    pub(crate) async fn meets(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.leads_to(server(connection).await?);
        Ok(())
    }
}

async fn server(connection: &mut PgConnection) -> sqlx::Result<i64> {
    let query = sqlx::query_scalar!(
        r#"select (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint as "started!""#
    );
    query.fetch_one(connection).await
}
