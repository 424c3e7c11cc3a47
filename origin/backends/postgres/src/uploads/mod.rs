mod complete;
mod counts;
mod making;
mod row;
mod ticket;
mod verdict;

use std::time::Duration;

use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::job::{Lease, NewJob};
use sluicegate_core::moderation::{Record, Subject};
use sluicegate_core::ports::{Burial, CreateTicketError, ImageVerdict, SettleError, UploadStore};
use sluicegate_core::quota::{Quota, Usage};
use sluicegate_core::upload::{
    Completion, Derivative, Maker, MakingClaim, NewUpload, Staged, Upload,
};

use crate::database::Database;
use crate::pool::Pool;
use crate::records;
use row::{UploadRow, upload_query};
use ticket::Given;

pub(crate) struct PgUploads(pub(crate) Database);

#[async_trait]
impl UploadStore for PgUploads {
    async fn create_ticket(
        &self,
        upload: &NewUpload,
        quota: &Quota,
    ) -> Result<(Upload, Usage), CreateTicketError> {
        let given = self
            .0
            .run(ticket::create(&self.0.pool, upload, quota))
            .await?;
        match given {
            Given::New(upload, usage) => Ok((upload, usage)),
            Given::Earlier(upload) => Err(CreateTicketError::Repeated(Box::new(upload))),
            Given::Reached(reached) => Err(CreateTicketError::QuotaReached(reached)),
        }
    }

    async fn named(
        &self,
        owner: AccountId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Upload>, PortError> {
        self.0
            .run(ticket::named(&self.0.pool, owner, key, now))
            .await
    }

    async fn upload(&self, id: UploadId) -> Result<Option<Upload>, PortError> {
        self.0.run(find(&self.0.pool, id)).await
    }

    async fn usage(&self, owner: AccountId, now: Timestamp) -> Result<Usage, PortError> {
        self.0.run(counts::usage(&self.0.pool, owner, now)).await
    }

    async fn staged(&self, now: Timestamp) -> Result<Staged, PortError> {
        self.0.run(counts::staged(&self.0.pool, now)).await
    }

    async fn complete(
        &self,
        id: UploadId,
        staged_etag: &str,
        job: &NewJob,
        now: Timestamp,
    ) -> Result<Completion, PortError> {
        self.0
            .run(complete::with_job(&self.0.pool, id, staged_etag, job, now))
            .await
    }

    async fn complete_judged(
        &self,
        id: UploadId,
        staged_etag: &str,
        derivative: &Derivative,
        record: &Record,
        now: Timestamp,
    ) -> Result<Completion, PortError> {
        self.0
            .run(complete::judged(
                &self.0.pool,
                id,
                staged_etag,
                derivative,
                record,
                now,
            ))
            .await
    }

    async fn abandon(&self, id: UploadId) -> Result<Option<Upload>, PortError> {
        self.0.run(ticket::abandon(&self.0.pool, id)).await
    }

    async fn claim_making(
        &self,
        maker: &Maker,
        now: Timestamp,
        lease: Duration,
        on_demand_cap: Option<u32>,
    ) -> Result<MakingClaim, PortError> {
        let until = now.plus(lease);
        match on_demand_cap {
            Some(cap) => {
                self.0
                    .run(making::claim_capped(&self.0.pool, maker, now, until, cap))
                    .await
            }
            None => {
                self.0
                    .run(making::claim(&self.0.pool, maker, now, until))
                    .await
            }
        }
    }

    async fn extend_making(
        &self,
        maker: &Maker,
        now: Timestamp,
        lease: Duration,
    ) -> Result<bool, PortError> {
        self.0
            .run(making::extend(&self.0.pool, maker, now.plus(lease)))
            .await
    }

    async fn finish_making(
        &self,
        maker: &Maker,
        derivative: &Derivative,
        now: Timestamp,
    ) -> Result<Option<Upload>, PortError> {
        self.0
            .run(making::finish(&self.0.pool, maker, derivative, now))
            .await
    }

    async fn release_making(&self, maker: &Maker, _now: Timestamp) -> Result<(), PortError> {
        self.0.run(making::release(&self.0.pool, maker)).await
    }

    async fn reject(&self, id: UploadId, reason: &str, _now: Timestamp) -> Result<(), PortError> {
        let rejected = verdict::reject(&self.0.pool, id, None, reason);
        self.0.run(rejected).await
    }

    async fn reject_making(
        &self,
        maker: &Maker,
        reason: &str,
        _now: Timestamp,
    ) -> Result<(), PortError> {
        let (id, token) = (maker.upload, Some(maker.token));
        let rejected = verdict::reject(&self.0.pool, id, token, reason);
        self.0.run(rejected).await
    }

    async fn fail(
        &self,
        id: UploadId,
        reason: &str,
        burial: Option<&Burial<'_>>,
        now: Timestamp,
    ) -> Result<(), SettleError> {
        let failed = verdict::fail(&self.0.pool, id, reason, burial, now);
        self.0.run(failed).await??;
        Ok(())
    }

    async fn apply_verdict(
        &self,
        id: UploadId,
        verdict: &ImageVerdict,
        settle: Option<&Lease>,
        now: Timestamp,
    ) -> Result<(), SettleError> {
        self.0
            .run(verdict::apply(&self.0.pool, id, verdict, settle, now))
            .await??;
        Ok(())
    }

    async fn records(&self, id: UploadId) -> Result<Vec<Record>, PortError> {
        self.0
            .run(records::list(&self.0.pool, Subject::Upload(id)))
            .await
    }
}

async fn find(pool: &Pool, id: UploadId) -> sqlx::Result<Option<Upload>> {
    upload_query!("select * from uploads where id = $1", id.0)
        .fetch_optional(pool)
        .await?
        .map(UploadRow::read)
        .transpose()
}
