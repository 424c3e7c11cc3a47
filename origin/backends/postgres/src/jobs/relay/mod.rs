//! The rows of jobs, for a queue beside the table.

mod deliver;
mod reconcile;
mod take;

use async_trait::async_trait;
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{
    Delivered, DeliveryRequest, ForeignJob, JobRelay, Suspect, Take, TakeRequest, Verdict,
};

use crate::database::Database;
use crate::jobs::pause;

pub(crate) struct PgRelay(pub(crate) Database);

#[async_trait]
impl JobRelay for PgRelay {
    async fn take(&self, request: &TakeRequest<'_>, now: Timestamp) -> Result<Take, PortError> {
        take::take(&self.0, request, now).await
    }

    async fn is_paused(&self, queue: &str) -> Result<bool, PortError> {
        self.0.run(pause::is_paused(&self.0.pool, queue)).await
    }

    async fn lease(
        &self,
        request: &DeliveryRequest<'_>,
        now: Timestamp,
    ) -> Result<Delivered, PortError> {
        self.0.run(deliver::lease(&self.0.pool, request, now)).await
    }

    async fn adopt(&self, job: &ForeignJob, now: Timestamp) -> Result<bool, PortError> {
        self.0.run(deliver::adopt(&self.0.pool, job, now)).await
    }

    async fn suspects(
        &self,
        queue: &str,
        before: Timestamp,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Suspect>, PortError> {
        let found = reconcile::suspects(&self.0.pool, queue, before, limit, now);
        self.0.run(found).await
    }

    async fn suspect(&self, queue: &str, jobs: &[JobId]) -> Result<(), PortError> {
        self.0
            .run(reconcile::suspect(&self.0.pool, queue, jobs))
            .await
    }

    async fn suspect_all(&self, queue: &str) -> Result<(), PortError> {
        self.0
            .run(reconcile::suspect_all(&self.0.pool, queue))
            .await
    }

    async fn resolve(
        &self,
        job: JobId,
        verdict: Verdict,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        let resolved = reconcile::resolve(&self.0.pool, job, verdict, now);
        self.0.run(resolved).await
    }

    async fn recall(&self, limit: u32) -> Result<u64, PortError> {
        self.0.run(reconcile::recall(&self.0.pool, limit)).await
    }
}
