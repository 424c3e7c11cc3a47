use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::job::{JobView, Lease, LeasedJob, NewJob};
use sluicegate_core::ports::{ClaimRequest, JobQueue, QueueStats, SettleError};

/// The queue behind a database that can be unreachable.
pub(crate) struct FlakyQueue {
    inner: Arc<dyn JobQueue>,
    down: AtomicBool,
    refused: AtomicUsize,
}

impl FlakyQueue {
    pub(crate) fn new(inner: Arc<dyn JobQueue>) -> Self {
        Self {
            inner,
            down: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
        }
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Calls that were made while it was down.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    fn inner(&self) -> Result<&dyn JobQueue, PortError> {
        if self.down.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(PortError::unavailable("database", "nobody there"));
        }
        Ok(&*self.inner)
    }
}

#[async_trait]
impl JobQueue for FlakyQueue {
    async fn add(&self, job: &NewJob) -> Result<JobId, PortError> {
        self.inner()?.add(job).await
    }

    async fn claim(
        &self,
        request: &ClaimRequest<'_>,
        now: Timestamp,
    ) -> Result<Vec<LeasedJob>, PortError> {
        self.inner()?.claim(request, now).await
    }

    async fn heartbeat(
        &self,
        leases: &[Lease],
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<Lease>, PortError> {
        self.inner()?.heartbeat(leases, lease, now).await
    }

    async fn settle(&self, lease: &Lease, now: Timestamp) -> Result<(), SettleError> {
        self.inner()?.settle(lease, now).await
    }

    async fn retry(
        &self,
        lease: &Lease,
        run_at: Timestamp,
        error: &str,
        now: Timestamp,
    ) -> Result<(), SettleError> {
        self.inner()?.retry(lease, run_at, error, now).await
    }

    async fn bury(&self, lease: &Lease, error: &str, now: Timestamp) -> Result<(), SettleError> {
        self.inner()?.bury(lease, error, now).await
    }

    async fn release(&self, lease: &Lease, now: Timestamp) -> Result<(), SettleError> {
        self.inner()?.release(lease, now).await
    }

    async fn replay(&self, id: JobId, now: Timestamp) -> Result<bool, PortError> {
        self.inner()?.replay(id, now).await
    }

    async fn dead(
        &self,
        queue: Option<&str>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobView>, PortError> {
        self.inner()?.dead(queue, after, limit).await
    }

    async fn discard(&self, id: JobId) -> Result<bool, PortError> {
        self.inner()?.discard(id).await
    }

    async fn job(&self, id: JobId) -> Result<Option<JobView>, PortError> {
        self.inner()?.job(id).await
    }

    async fn pause(&self, queue: &str, paused: bool, now: Timestamp) -> Result<(), PortError> {
        self.inner()?.pause(queue, paused, now).await
    }

    async fn stats(&self, queue: &str, now: Timestamp) -> Result<QueueStats, PortError> {
        self.inner()?.stats(queue, now).await
    }
}
