//! The queue on a real Redis, with a real Postgres behind it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod fair;
mod faults;
mod floods;
mod foreign;
mod node;
mod pitfalls;
mod reconciling;
mod relaying;
mod secured;
mod support;
mod working;
