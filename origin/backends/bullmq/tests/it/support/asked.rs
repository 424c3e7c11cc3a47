use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{
    Delivered, DeliveryRequest, ForeignJob, HandOver, JobRelay, ReadyJob, Suspect, Take,
    TakeRequest, Verdict,
};

/// Rows of which is counted how often somebody asked whether a queue is paused, and was told that it is; whose relays can be made
/// to die, and that can be made to hear nothing of what ended.
pub(crate) struct Asked {
    inner: Arc<dyn JobRelay>,
    told: AtomicUsize,
    confirms: AtomicBool,
    suspects: AtomicBool,
}

/// What a relay handed over that died before it could say so.
struct Unconfirmed(Box<dyn HandOver>);

#[async_trait]
impl HandOver for Unconfirmed {
    fn jobs(&self) -> &[ReadyJob] {
        self.0.jobs()
    }

    async fn confirm(self: Box<Self>, _now: Timestamp) -> Result<(), PortError> {
        Err(PortError::unavailable("database", "the relay is dead"))
    }
}

impl Asked {
    pub(crate) fn new(inner: Arc<dyn JobRelay>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            told: AtomicUsize::new(0),
            confirms: AtomicBool::new(true),
            suspects: AtomicBool::new(true),
        })
    }

    /// From now on relays die between adding to Redis and confirming.
    pub(crate) fn let_relays_die(&self) {
        self.confirms.store(false, Ordering::SeqCst);
    }

    /// The next time that somebody names rows, the database fails.
    pub(crate) fn let_next_suspicion_fail(&self) {
        self.suspects.store(false, Ordering::SeqCst);
    }

    pub(crate) fn told(&self) -> usize {
        self.told.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl JobRelay for Asked {
    async fn take(&self, request: &TakeRequest<'_>, now: Timestamp) -> Result<Take, PortError> {
        let taken = self.inner.take(request, now).await?;
        Ok(match taken {
            Take::Jobs(jobs) if !self.confirms.load(Ordering::SeqCst) => {
                Take::Jobs(Box::new(Unconfirmed(jobs)))
            }
            taken => taken,
        })
    }

    async fn is_paused(&self, queue: &str) -> Result<bool, PortError> {
        let paused = self.inner.is_paused(queue).await?;
        self.told.fetch_add(usize::from(paused), Ordering::SeqCst);
        Ok(paused)
    }

    async fn lease(
        &self,
        request: &DeliveryRequest<'_>,
        now: Timestamp,
    ) -> Result<Delivered, PortError> {
        self.inner.lease(request, now).await
    }

    async fn adopt(&self, job: &ForeignJob, now: Timestamp) -> Result<bool, PortError> {
        self.inner.adopt(job, now).await
    }

    async fn suspects(
        &self,
        queue: &str,
        before: Timestamp,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Suspect>, PortError> {
        self.inner.suspects(queue, before, limit, now).await
    }

    async fn suspect(&self, queue: &str, jobs: &[JobId]) -> Result<(), PortError> {
        if !self.suspects.swap(true, Ordering::SeqCst) {
            return Err(PortError::unavailable("database", "it failed"));
        }
        self.inner.suspect(queue, jobs).await
    }

    async fn suspect_all(&self, queue: &str) -> Result<(), PortError> {
        self.inner.suspect_all(queue).await
    }

    async fn resolve(
        &self,
        job: JobId,
        verdict: Verdict,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        self.inner.resolve(job, verdict, now).await
    }

    async fn recall(&self, limit: u32) -> Result<u64, PortError> {
        self.inner.recall(limit).await
    }
}
