//! Tells caches that a picture was removed, or hidden with its owner.

use async_trait::async_trait;
use sluicegate_contract::uploads::Moderation;
use sluicegate_core::job::{LeasedJob, PURGE_JOB, PURGE_QUEUE, PurgeMedia};
use sluicegate_core::ports::Purge;
use sluicegate_core::upload::media_object;

use super::payload;
use crate::context::WorkerContext;
use crate::job::Job;
use crate::outcome::{JobError, Outcome};

pub(crate) struct PurgeMediaJob {
    context: WorkerContext,
}

impl PurgeMediaJob {
    pub(crate) fn new(context: WorkerContext) -> Self {
        Self { context }
    }
}

#[async_trait]
impl Job for PurgeMediaJob {
    fn queue(&self) -> &'static str {
        PURGE_QUEUE
    }

    fn name(&self) -> &'static str {
        PURGE_JOB
    }

    async fn run(&self, job: &LeasedJob) -> Result<Outcome, JobError> {
        let key = match payload::<PurgeMedia>(job) {
            Ok(payload) => payload.key,
            Err(failed) => return Ok(failed),
        };
        if let Some(upload) = self.context.uploads.upload(key.0).await? {
            if upload.moderation == Moderation::Removed {
                // Whoever removed it may not have come to this yet, or the store may refuse it. As long as it does,
                // this job comes again: caches that are told must find nothing to fetch.
                let object = media_object(upload.id);
                self.context.objects.delete(&object).await?;
            } else if !self.context.accounts.is_hidden(upload.owner).await? {
                // A person gave it back, or its owner came back: what caches have is right.
                return Ok(Outcome::Done);
            }
        }
        let purge = Purge {
            id: job.lease.job,
            key,
        };
        self.context.purge.purge(&purge).await?;
        Ok(Outcome::Done)
    }
}
