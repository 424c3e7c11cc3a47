use async_trait::async_trait;
use sluicegate_core::error::PortError;
use sluicegate_core::job::LeasedJob;

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

    /// It failed for good; it is dead in the queue already. Not called when it died because its worker
    /// did.
    async fn died(&self, job: &LeasedJob) -> Result<(), PortError> {
        let _ = job;
        Ok(())
    }
}
