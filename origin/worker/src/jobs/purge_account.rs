//! Writes the purges of all pictures of an account that its owner has deleted.

use async_trait::async_trait;
use sluicegate_contract::ids::AccountId;
use sluicegate_contract::media::MediaKey;
use sluicegate_core::error::PortError;
use sluicegate_core::job::{
    LeasedJob, NewJob, PURGE_ACCOUNT_JOB, PURGE_QUEUE, PurgeAccount, PurgeMedia, purge_id,
};
use sluicegate_core::wake::Wake;

use super::payload;
use crate::context::WorkerContext;
use crate::job::Job;
use crate::outcome::{JobError, Outcome};

const PAGE: u32 = 100;

pub(crate) struct PurgeAccountJob {
    context: WorkerContext,
}

impl PurgeAccountJob {
    pub(crate) fn new(context: WorkerContext) -> Self {
        Self { context }
    }

    /// One job a picture, each with attempts of its own; their ids follow from this job's, so that another attempt
    /// writes the same ones.
    async fn write_purges(&self, job: &LeasedJob, account: AccountId) -> Result<(), PortError> {
        let store = &self.context.erasure.store;
        let mut after = None;
        loop {
            let page = store.pictures(account, after, PAGE).await?;
            after = page.last().copied();
            let purges: Vec<NewJob> = page
                .into_iter()
                .map(|upload| purge(job, MediaKey(upload), account))
                .collect();
            if after.is_none() || !store.add_jobs(account, &purges).await? {
                return Ok(());
            }
            self.context.waker.wake(Wake::Jobs(PURGE_QUEUE));
        }
    }
}

fn purge(cause: &LeasedJob, key: MediaKey, user_id: AccountId) -> NewJob {
    let id = purge_id(cause.lease.job.0, key);
    let payload = PurgeMedia { key, user_id };
    NewJob {
        traceparent: cause.traceparent.clone(),
        ..NewJob::purge_media(id, &payload, cause.created_at)
    }
}

#[async_trait]
impl Job for PurgeAccountJob {
    fn queue(&self) -> &'static str {
        PURGE_QUEUE
    }

    fn name(&self) -> &'static str {
        PURGE_ACCOUNT_JOB
    }

    async fn run(&self, job: &LeasedJob) -> Result<Outcome, JobError> {
        let account = match payload::<PurgeAccount>(job) {
            Ok(payload) => payload.user_id,
            Err(failed) => return Ok(failed),
        };
        // Who came back meanwhile is seen again.
        if self.context.accounts.is_hidden(account).await? {
            self.write_purges(job, account).await?;
        }
        Ok(Outcome::Done)
    }
}
