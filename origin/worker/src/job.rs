use async_trait::async_trait;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::LeasedJob;
use sluicegate_core::ports::{JobQueue, SettleError};

use crate::outcome::{JobError, Outcome};

/// One kind of job.
///
/// It may run twice, also at the same time (a worker that lost its lease finds out late), so its
/// effects are idempotent. It may be dropped at any `await`.
#[async_trait]
pub trait Job: Send + Sync {
    /// The queue that it is in.
    fn queue(&self) -> &'static str;

    /// Its name in that queue.
    fn name(&self) -> &'static str;

    /// Does it. Panics and errors are failed attempts.
    async fn run(&self, job: &LeasedJob) -> Result<Outcome, JobError>;

    /// It failed for good, or its worker was lost in the last attempt. What that changes is committed with its
    /// burial, so that neither is lost: another worker takes over until it is done.
    async fn bury(
        &self,
        queue: &dyn JobQueue,
        job: &LeasedJob,
        error: &str,
        now: Timestamp,
    ) -> Result<(), SettleError> {
        queue.bury(&job.lease, error, now).await
    }
}
