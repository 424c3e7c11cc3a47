mod add;
mod claim;
mod pause;
mod rate;
pub(crate) mod relay;
pub(crate) mod settle;
mod turns;
mod view;

use std::time::Duration;

use async_trait::async_trait;
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::job::{JobView, Lease, LeaseLost, LeasedJob, NewJob};
use sluicegate_core::ports::{ClaimRequest, JobQueue, QueueStats, SettleError};

use crate::database::Database;

pub(crate) use add::insert;

pub(crate) struct PgJobs(pub(crate) Database);

#[async_trait]
impl JobQueue for PgJobs {
    async fn add(&self, job: &NewJob) -> Result<JobId, PortError> {
        self.0.run(add::add(&self.0.pool, job)).await
    }

    async fn claim(
        &self,
        request: &ClaimRequest<'_>,
        now: Timestamp,
    ) -> Result<Vec<LeasedJob>, PortError> {
        self.0.run(claim::claim(&self.0.pool, request, now)).await
    }

    async fn heartbeat(
        &self,
        leases: &[Lease],
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<Lease>, PortError> {
        self.0
            .run(claim::extend(&self.0.pool, leases, now.plus(lease)))
            .await
    }

    async fn settle(&self, lease: &Lease, now: Timestamp) -> Result<(), SettleError> {
        let settled = async {
            let mut connection = self.0.pool.acquire().await?;
            settle::done(&mut connection, lease, now).await
        };
        held(lease, self.0.run(settled).await?)
    }

    async fn retry(
        &self,
        lease: &Lease,
        run_at: Timestamp,
        error: &str,
        now: Timestamp,
    ) -> Result<(), SettleError> {
        let retried = settle::retry(&self.0.pool, lease, run_at, error, now);
        held(lease, self.0.run(retried).await?)
    }

    async fn bury(&self, lease: &Lease, error: &str, now: Timestamp) -> Result<(), SettleError> {
        let buried = settle::bury(&self.0.pool, lease, error, now);
        held(lease, self.0.run(buried).await?)
    }

    async fn release(&self, lease: &Lease, _now: Timestamp) -> Result<(), SettleError> {
        held(
            lease,
            self.0.run(settle::release(&self.0.pool, lease)).await?,
        )
    }

    async fn replay(&self, id: JobId, now: Timestamp) -> Result<bool, PortError> {
        self.0.run(settle::replay(&self.0.pool, id, now)).await
    }

    async fn dead(
        &self,
        queue: Option<&str>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobView>, PortError> {
        self.0
            .run(view::dead(&self.0.pool, queue, after, limit))
            .await
    }

    async fn discard(&self, id: JobId) -> Result<bool, PortError> {
        self.0.run(view::discard(&self.0.pool, id)).await
    }

    async fn job(&self, id: JobId) -> Result<Option<JobView>, PortError> {
        self.0.run(view::job(&self.0.pool, id)).await
    }

    async fn pause(&self, queue: &str, paused: bool, now: Timestamp) -> Result<(), PortError> {
        if paused {
            self.0.run(pause::pause(&self.0.pool, queue, now)).await
        } else {
            self.0.run(pause::resume(&self.0.pool, queue)).await
        }
    }

    async fn stats(&self, queue: &str, now: Timestamp) -> Result<QueueStats, PortError> {
        self.0.run(view::stats(&self.0.pool, queue, now)).await
    }
}

fn held(lease: &Lease, held: bool) -> Result<(), SettleError> {
    if held {
        Ok(())
    } else {
        Err(LeaseLost(*lease).into())
    }
}
