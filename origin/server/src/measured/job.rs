use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::LeasedJob;
use sluicegate_core::ports::{JobQueue, SettleError};
use sluicegate_worker::{Job, JobError, Outcome};

use crate::metrics::Metrics;

/// A kind of job whose attempts are counted.
pub struct MeasuredJob {
    inner: Arc<dyn Job>,
    metrics: Metrics,
}

impl MeasuredJob {
    /// Around `inner`.
    pub fn new(inner: Arc<dyn Job>, metrics: Metrics) -> Self {
        Self { inner, metrics }
    }
}

#[async_trait]
impl Job for MeasuredJob {
    fn queue(&self) -> &'static str {
        self.inner.queue()
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn run(&self, job: &LeasedJob) -> Result<Outcome, JobError> {
        let mut attempt = Attempt {
            metrics: &self.metrics,
            queue: self.queue(),
            began: Instant::now(),
            outcome: None,
        };
        let ended = self.inner.run(job).await;
        attempt.outcome = Some(match &ended {
            Ok(Outcome::Done | Outcome::Settled) => "done",
            Ok(Outcome::Retry { .. }) | Err(JobError::Port(_)) => "retry",
            Ok(Outcome::Fail { .. }) => "failed",
            Err(JobError::LeaseLost(_)) => "lease_lost",
        });
        ended
    }

    async fn bury(
        &self,
        queue: &dyn JobQueue,
        job: &LeasedJob,
        error: &str,
        now: Timestamp,
    ) -> Result<(), SettleError> {
        self.inner.bury(queue, job, error, now).await
    }
}

/// An attempt that is running. One that is dropped before it said how it ended panicked, or the runner stopped
/// it: for its time, its lease, or the shutdown.
struct Attempt<'a> {
    metrics: &'a Metrics,
    queue: &'static str,
    began: Instant,
    outcome: Option<&'static str>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let outcome = match self.outcome {
            Some(outcome) => outcome,
            None if std::thread::panicking() => "panicked",
            None => "stopped",
        };
        self.metrics
            .attempt(self.queue, outcome, self.began.elapsed());
    }
}
