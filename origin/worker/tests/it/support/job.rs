use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Env;
use sluicegate_core::fair::Priority;
use sluicegate_core::job::{LeasedJob, NewJob, POST_QUEUE};
use sluicegate_core::ports::{JobQueue, SettleError};
use sluicegate_worker::{Job, JobError, Outcome};

type Ran = Pin<Box<dyn Future<Output = Result<Outcome, JobError>> + Send>>;

/// A job that does what a test says.
pub(crate) struct TestJob {
    run: Box<dyn Fn(LeasedJob) -> Ran + Send + Sync>,
    runs: AtomicUsize,
    deaths: AtomicUsize,
}

impl TestJob {
    pub(crate) fn new<F>(run: impl Fn(LeasedJob) -> F + Send + Sync + 'static) -> Arc<Self>
    where
        F: Future<Output = Result<Outcome, JobError>> + Send + 'static,
    {
        let run = Box::new(move |job| -> Ran { Box::pin(run(job)) });
        Arc::new(Self {
            run,
            runs: AtomicUsize::new(0),
            deaths: AtomicUsize::new(0),
        })
    }

    /// Attempts that were begun.
    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub(crate) fn deaths(&self) -> usize {
        self.deaths.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Job for TestJob {
    fn queue(&self) -> &'static str {
        POST_QUEUE
    }

    fn name(&self) -> &'static str {
        "test"
    }

    async fn run(&self, job: &LeasedJob) -> Result<Outcome, JobError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        (self.run)(job.clone()).await
    }

    async fn bury(
        &self,
        queue: &dyn JobQueue,
        job: &LeasedJob,
        error: &str,
        now: Timestamp,
    ) -> Result<(), SettleError> {
        queue.bury(&job.lease, error, now).await?;
        self.deaths.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// One for [`TestJob`].
pub(crate) fn test_job(env: &Env, max_attempts: u32) -> NewJob {
    let now = env.now();
    NewJob {
        id: JobId(env.new_id()),
        queue: POST_QUEUE,
        name: "test",
        payload: serde_json::json!({}),
        owner: AccountId(env.new_id()),
        priority: Priority::Normal,
        dedup_key: None,
        run_at: now,
        max_attempts,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        created_at: now,
    }
}
