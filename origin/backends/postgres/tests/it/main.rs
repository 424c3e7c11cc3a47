//! The Postgres adapters against a real Postgres.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

mod census;
mod conformance;
mod fair;
mod limits;
mod pooled;
mod released;
mod replicated;
mod restarted;
mod schema;
mod transactions;
mod wake;
