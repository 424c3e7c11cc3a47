//! The origin's program as others see it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's helper fails by panicking"
)]

mod bucket;
mod caches;
mod detector;
mod doctor;
mod documented;
mod drain;
mod embedded;
mod jobs;
mod origin;
mod pooled;
mod replicated;
mod seeing;
mod settings;
mod store_probe;
mod two_origins;
mod unread_bodies;
