//! All jobs there are.

use std::sync::Arc;

use sluicegate_core::job::LeasedJob;

use crate::context::WorkerContext;
use crate::job::Job;
use crate::jobs::{
    EraseAccountsJob, ModerateImageJob, ProcessPostJob, PruneJob, PurgeAccountJob, PurgeMediaJob,
    SweepJob,
};

/// The jobs of this version.
pub fn registry(context: &WorkerContext) -> Registry {
    Registry::new(vec![
        Arc::new(EraseAccountsJob::new(
            context.erasure.clone(),
            context.observer.clone(),
        )),
        Arc::new(ModerateImageJob::new(context.clone())),
        Arc::new(ProcessPostJob::new(context.clone())),
        Arc::new(SweepJob::new(
            context.sweep.clone(),
            context.observer.clone(),
        )),
        Arc::new(PruneJob::new(
            context.sweep.clone(),
            context.observer.clone(),
        )),
        Arc::new(PurgeAccountJob::new(context.clone())),
        Arc::new(PurgeMediaJob::new(context.clone())),
    ])
}

/// Finds the job for what was leased.
#[derive(Clone)]
pub struct Registry {
    jobs: Vec<Arc<dyn Job>>,
}

impl Registry {
    /// With these jobs.
    pub fn new(jobs: Vec<Arc<dyn Job>>) -> Self {
        Self { jobs }
    }

    /// The same jobs, each within what `around` makes of it.
    #[must_use]
    pub fn map(self, around: impl FnMut(Arc<dyn Job>) -> Arc<dyn Job>) -> Self {
        Self {
            jobs: self.jobs.into_iter().map(around).collect(),
        }
    }

    pub(crate) fn find(&self, leased: &LeasedJob) -> Option<Arc<dyn Job>> {
        self.jobs
            .iter()
            .find(|job| job.queue() == leased.queue && job.name() == leased.name)
            .cloned()
    }
}
