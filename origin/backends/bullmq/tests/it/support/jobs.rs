use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::{LeasedJob, POST_QUEUE};
use sluicegate_core::ports::{JobQueue, SettleError};
use sluicegate_worker::{Job, JobError, Outcome};

use super::world::name_in;

type Body = dyn Fn(LeasedJob) -> Pin<Box<dyn Future<Output = Result<Outcome, JobError>> + Send>>
    + Send
    + Sync;

/// The job of posts, or that of pictures, with the body of a test; counts.
pub(crate) struct TestJob {
    queue: &'static str,
    body: Box<Body>,
    runs: Mutex<HashMap<JobId, usize>>,
    deaths: AtomicUsize,
}

impl TestJob {
    pub(crate) fn new<F>(body: impl Fn(LeasedJob) -> F + Send + Sync + 'static) -> Arc<Self>
    where
        F: Future<Output = Result<Outcome, JobError>> + Send + 'static,
    {
        Self::of(POST_QUEUE, body)
    }

    /// That of this queue.
    pub(crate) fn of<F>(
        queue: &'static str,
        body: impl Fn(LeasedJob) -> F + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        F: Future<Output = Result<Outcome, JobError>> + Send + 'static,
    {
        Arc::new(Self {
            queue,
            body: Box::new(move |job| Box::pin(body(job))),
            runs: Mutex::default(),
            deaths: AtomicUsize::new(0),
        })
    }

    /// One that is done at once.
    pub(crate) fn done() -> Arc<Self> {
        Self::new(|_| async { Ok(Outcome::Done) })
    }

    pub(crate) fn queue(&self) -> &'static str {
        self.queue
    }

    /// All attempts at all jobs.
    pub(crate) fn runs(&self) -> usize {
        self.runs.lock().unwrap().values().sum()
    }

    /// What was tried.
    pub(crate) fn rows(&self) -> Vec<JobId> {
        self.runs.lock().unwrap().keys().copied().collect()
    }

    /// The most attempts at one job.
    pub(crate) fn most_runs(&self) -> usize {
        self.runs
            .lock()
            .unwrap()
            .values()
            .copied()
            .max()
            .unwrap_or_default()
    }

    pub(crate) fn deaths(&self) -> usize {
        self.deaths.load(Ordering::SeqCst)
    }
}

/// So that a registry can have it, too.
pub(crate) struct Counted(pub(crate) Arc<TestJob>);

#[async_trait]
impl Job for Counted {
    fn queue(&self) -> &'static str {
        self.0.queue
    }

    fn name(&self) -> &'static str {
        name_in(self.0.queue)
    }

    async fn run(&self, job: &LeasedJob) -> Result<Outcome, JobError> {
        *self
            .0
            .runs
            .lock()
            .unwrap()
            .entry(job.lease.job)
            .or_default() += 1;
        (self.0.body)(job.clone()).await
    }

    async fn bury(
        &self,
        queue: &dyn JobQueue,
        job: &LeasedJob,
        error: &str,
        now: Timestamp,
    ) -> Result<(), SettleError> {
        queue.bury(&job.lease, error, now).await?;
        self.0.deaths.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
