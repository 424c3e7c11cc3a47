//! Real servers that a test starts for itself: each in a folder of its own, on loopback, gone with the test.

mod child;
mod database;
mod minio;
mod node;
mod pgbouncer;
mod port;
mod postgres;
mod proxy;
mod redis;

pub use database::{Holds, ask_database, make_database, tell_database};
pub use minio::{Drives, Minio};
pub use node::{NodePeer, node_package, node_peer};
pub use pgbouncer::{Lends, PgBouncer};
pub use port::Port;
pub use postgres::PostgresServer;
pub(crate) use postgres::postgres_search;
pub use proxy::Proxy;
pub use redis::{RedisCluster, RedisServer};
