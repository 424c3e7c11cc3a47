//! The runner and the jobs, on a real database.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helper fails by panicking"
)]

mod caches;
mod erasure;
mod leases;
mod orphans;
mod outages;
mod pictures;
mod pictures_making;
mod posts;
mod purges;
mod runner;
mod support;
mod sweep;
mod sweep_histories;
