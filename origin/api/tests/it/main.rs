//! The API through its router, on a real Postgres. Objects, pictures and verdicts are stand-ins that
//! tests hold still; the real ones have tests of their own, and the platform's tests run them all.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helper fails by panicking"
)]

mod accounts;
mod addresses;
mod attempts;
mod cached_at_once;
mod caches;
mod contract;
mod deletion;
mod devices;
mod documents;
mod errors;
mod gate;
mod grants;
mod health;
mod limit_classes;
mod limits;
mod posts;
mod profiles;
mod quotas;
mod reads;
mod repeated_sessions;
mod repeats;
mod replicas;
mod sessions;
mod signing_keys;
mod staging;
mod support;
mod tokens;
mod uploads;
mod uploads_direct;
mod uploads_judged;
mod uploads_repeated;
mod waiting;
