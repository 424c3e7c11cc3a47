//! Erases accounts whose owners deleted them 30 days ago.

use std::sync::Arc;

use async_trait::async_trait;
use sluicegate_core::erasure::Erasure;
use sluicegate_core::error::PortError;
use sluicegate_core::job::{ERASE_JOB, LeasedJob, MAINTENANCE_QUEUE};
use sluicegate_core::observe::Observer;

use super::periodic_end;
use crate::job::Job;
use crate::outcome::{JobError, Outcome};

pub(crate) struct EraseAccountsJob {
    erasure: Erasure,
    observer: Arc<dyn Observer>,
}

impl EraseAccountsJob {
    pub(crate) fn new(erasure: Erasure, observer: Arc<dyn Observer>) -> Self {
        Self { erasure, observer }
    }

    async fn erase(&self) -> Result<(), PortError> {
        let mut accounts = 0;
        let ended = self.erasure.run_into(&mut accounts).await;
        self.observer.swept(ERASE_JOB, "accounts", accounts);
        if accounts > 0 {
            tracing::info!(accounts, "erased");
        }
        ended
    }
}

#[async_trait]
impl Job for EraseAccountsJob {
    fn queue(&self) -> &'static str {
        MAINTENANCE_QUEUE
    }

    fn name(&self) -> &'static str {
        ERASE_JOB
    }

    async fn run(&self, job: &LeasedJob) -> Result<Outcome, JobError> {
        periodic_end(job, self.erase().await)
    }
}
