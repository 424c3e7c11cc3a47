//! Deletes what nobody needs any more: tickets, staged files, pictures that nothing shows.

use std::sync::Arc;

use async_trait::async_trait;
use sluicegate_core::error::PortError;
use sluicegate_core::job::{LeasedJob, MAINTENANCE_QUEUE, SWEEP_JOB};
use sluicegate_core::observe::Observer;
use sluicegate_core::sweep::{Bucket, Sweep, SweepReport};

use super::periodic_end;
use crate::job::Job;
use crate::outcome::{JobError, Outcome};

pub(crate) struct SweepJob {
    sweep: Sweep,
    observer: Arc<dyn Observer>,
}

impl SweepJob {
    pub(crate) fn new(sweep: Sweep, observer: Arc<dyn Observer>) -> Self {
        Self { sweep, observer }
    }

    async fn sweep(&self) -> Result<(), PortError> {
        let mut report = SweepReport::default();
        let ended = self.sweep.run_into(&mut report).await;
        for (what, count) in report.counts() {
            self.observer.swept(SWEEP_JOB, what, count);
        }
        ended?;
        tracing::info!(
            report.tickets_expired,
            report.loose_found,
            report.loose_expired,
            report.uploads_swept,
            report.leftovers_deleted,
            report.orphans_deleted,
            "swept"
        );
        if report.bucket != Bucket::Ours {
            tracing::warn!(
                bucket = ?report.bucket,
                "objects that no row knows stay: the bucket may be another database's; see docs/operations/store.md"
            );
        }
        Ok(())
    }
}

#[async_trait]
impl Job for SweepJob {
    fn queue(&self) -> &'static str {
        MAINTENANCE_QUEUE
    }

    fn name(&self) -> &'static str {
        SWEEP_JOB
    }

    async fn run(&self, job: &LeasedJob) -> Result<Outcome, JobError> {
        periodic_end(job, self.sweep().await)
    }
}
