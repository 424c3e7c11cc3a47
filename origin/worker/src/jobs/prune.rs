//! Deletes rows whose retention is over.

use std::sync::Arc;

use async_trait::async_trait;
use sluicegate_core::error::PortError;
use sluicegate_core::job::{LeasedJob, MAINTENANCE_QUEUE, PRUNE_JOB};
use sluicegate_core::observe::Observer;
use sluicegate_core::sweep::Sweep;

use super::periodic_end;
use crate::job::Job;
use crate::outcome::{JobError, Outcome};

pub(crate) struct PruneJob {
    sweep: Sweep,
    observer: Arc<dyn Observer>,
}

impl PruneJob {
    pub(crate) fn new(sweep: Sweep, observer: Arc<dyn Observer>) -> Self {
        Self { sweep, observer }
    }

    async fn prune(&self) -> Result<(), PortError> {
        let mut pruned = Vec::new();
        let ended = self.sweep.prune_into(&mut pruned).await;
        for (what, rows) in pruned {
            self.observer.swept(PRUNE_JOB, what.as_str(), rows);
            if rows > 0 {
                tracing::info!(what = what.as_str(), rows, "pruned");
            }
        }
        ended
    }
}

#[async_trait]
impl Job for PruneJob {
    fn queue(&self) -> &'static str {
        MAINTENANCE_QUEUE
    }

    fn name(&self) -> &'static str {
        PRUNE_JOB
    }

    async fn run(&self, job: &LeasedJob) -> Result<Outcome, JobError> {
        periodic_end(job, self.prune().await)
    }
}
