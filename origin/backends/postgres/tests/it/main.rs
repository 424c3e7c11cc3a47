//! The Postgres adapters against a real Postgres.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod abandoned;
mod busy;
mod census;
mod conformance;
mod deployed;
mod expanding;
mod fair;
mod hanging;
mod limits;
mod pooled;
mod released;
mod replicated;
mod restarted;
mod role;
mod schema;
mod several;
mod transactions;
mod wake;
