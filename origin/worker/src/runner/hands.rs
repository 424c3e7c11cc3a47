//! Work on jobs that another queue delivers.

use std::sync::Arc;

use async_trait::async_trait;
use sluicegate_core::job::{Lease, LeasedJob};
use sluicegate_core::ports::{Ended, Hands};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::attempt::Attempt;
use super::leases::{Leases, beat};

pub(super) struct RunnerHands {
    shared: Arc<Shared>,
    leases: Arc<Leases>,
    give_back: CancellationToken,
    /// Ends with the hands.
    _heart: JoinSet<()>,
}

impl RunnerHands {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let leases = Arc::new(Leases::default());
        let mut heart = JoinSet::new();
        let (heart_shared, heart_leases) = (shared.clone(), leases.clone());
        heart.spawn(async move { beat(&heart_shared, &heart_leases).await });
        Self {
            shared,
            leases,
            give_back: CancellationToken::new(),
            _heart: heart,
        }
    }
}

struct Held<'a>(&'a Leases, Lease);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.forget(self.1);
    }
}

impl RunnerHands {
    async fn attempt(&self, job: LeasedJob, given_up: Option<String>) -> Ended {
        let until = Instant::now() + self.shared.settings.lease;
        let attempt = Attempt {
            lost: self.leases.hold(job.lease, until),
            give_back: self.give_back.clone(),
            shared: self.shared.clone(),
            leases: self.leases.clone(),
            job,
            given_up,
        };
        // Dropped, it must not be kept by the heart.
        let _held = Held(&self.leases, attempt.job.lease);
        attempt.run().await
    }
}

#[async_trait]
impl Hands for RunnerHands {
    async fn work_on(&self, job: LeasedJob) -> Ended {
        self.attempt(job, None).await
    }

    async fn bury(&self, job: LeasedJob, reason: &str) -> Ended {
        self.attempt(job, Some(reason.to_owned())).await
    }

    fn give_back(&self) {
        self.give_back.cancel();
    }
}
