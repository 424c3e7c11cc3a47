//! Real servers that a test starts for itself: each in a folder of its own, on loopback, gone with the test.

mod child;
mod pgbouncer;
mod postgres;

pub use pgbouncer::PgBouncer;
pub use postgres::PostgresServer;
