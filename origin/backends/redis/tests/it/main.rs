//! What is shared on a real Redis.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

mod acl;
mod caches;
mod faults;
mod limits;
mod secured;
mod slots;
mod support;
