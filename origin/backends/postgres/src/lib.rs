//! Postgres: the stores of accounts, sessions, signing keys, uploads and posts, and the table queue.
//!
//! The only crate that speaks SQL. It holds no rule of the domain beyond what must be decided in one
//! statement or transaction, and it starts no server: `sluicegate-embedded` does. Start at [`Database`],
//! which gives the ports; `migrations/README.md` says how the schema changes.
//!
//! Behind PgBouncer in transaction mode only `DATABASE_URL` may point at the pooler; [`migrate`] and
//! [`spawn_wake_bridge`] need a direct connection.

#![deny(missing_docs)]

mod accounts;
mod answers;
mod audit;
mod census;
mod columns;
mod database;
mod erasure;
mod error;
mod jobs;
mod limits;
pub mod maintenance;
mod migrate;
mod pool;
mod pooler;
mod posts;
mod records;
pub mod replicas;
mod sessions;
mod shown;
mod signing_keys;
mod sweep;
mod uploads;
mod wake;

pub use census::{COUNT_LIMIT, Census, PoolState};
pub use database::{Database, Options, check_url};
pub use limits::{RoleLimits, set_role_limits};
pub use migrate::{SchemaState, migrate, schema_id};
pub use pooler::{Pooling, probe_pooler};
pub use wake::spawn_wake_bridge;
