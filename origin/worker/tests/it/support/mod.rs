//! What the tests share.

mod clock;
mod job;
mod judges;
mod maker;
mod objects;
mod observer;
mod purge;
mod queue;
mod world;

use std::time::Duration;

pub(crate) use job::{TestJob, test_job};
pub(crate) use judges::Mood;
pub(crate) use objects::Memory;
pub(crate) use queue::FlakyQueue;
pub(crate) use world::{LEASE, Running, World};

/// Waits until `check` is true; fails after 20 s.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain until {what}");
}
