//! Hands ready rows over to Redis.

use std::sync::Arc;

use bullmq::types::{BackoffStrategy, KeepJobs, RemoveOnFinish};
use bullmq::{BulkJob, Job, JobOptions, Queue};
use futures_util::future::try_join_all;
use sluicegate_contract::ids::JobId;
use sluicegate_core::env::Env;
use sluicegate_core::fair::Priority;
use sluicegate_core::outage::Outage;
use sluicegate_core::ports::{JobRelay, ReadyJob, Take, TakeRequest};
use sluicegate_core::wake::{Wake, Waker};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::bull::Bull;
use crate::error::BullError;
use crate::settings::BullSettings;

/// The first pause of a worker that counts by itself, as those of Node do: it doubles with each attempt, without bound. Our workers
/// take the pause from the row.
const BACKOFF_MS: u64 = 2_000;
/// Such a worker gives up after so many attempts at most: three days, as long as a hundred of ours take.
const ATTEMPTS: u32 = 18;
/// Ended jobs stay in Redis for operators to see, and until each row was compared twice at least.
const DONE_KEPT: KeepJobs = KeepJobs {
    // In seconds, whatever the type says.
    age: Some(3_600),
    count: Some(10_000),
    limit: None,
};
const FAILED_KEPT: KeepJobs = KeepJobs {
    age: Some(7 * 24 * 3_600),
    count: Some(10_000),
    limit: None,
};

/// What came of one batch.
enum Step {
    HandedOver(usize),
    /// Jobs are ready, and others have to begin first.
    HeldBack,
    Nothing,
}

/// Hands ready rows over to Redis. Any number may run, in any process.
#[derive(Clone)]
pub struct Relay {
    bull: Arc<Bull>,
    rows: Arc<dyn JobRelay>,
    env: Env,
    waker: Waker,
    settings: BullSettings,
}

impl Relay {
    /// One that has not begun.
    pub fn new(
        bull: Arc<Bull>,
        rows: Arc<dyn JobRelay>,
        env: Env,
        waker: Waker,
        settings: BullSettings,
    ) -> Self {
        Self {
            bull,
            rows,
            env,
            waker,
            settings,
        }
    }

    /// Relays these queues until `shutdown`. While Redis or the database is down, rows wait where they are.
    pub async fn run(self, queues: &[&'static str], shutdown: CancellationToken) {
        let mut loops = JoinSet::new();
        for queue in queues.iter().copied() {
            let (relay, shutdown) = (self.clone(), shutdown.clone());
            loops.spawn(async move { relay.keep_relaying(queue, &shutdown).await });
        }
        while loops.join_next().await.is_some() {}
    }

    async fn keep_relaying(&self, queue: &'static str, shutdown: &CancellationToken) {
        let mut hints = self.waker.listen();
        let mut pause = self.settings.poll_min;
        let outage = Outage::new(self.env.clone());
        while !shutdown.is_cancelled() {
            let (mut held_back, mut down) = (false, false);
            let wait = match self.step(queue).await {
                Ok(step) => {
                    if outage.went_well() {
                        tracing::info!(queue, "jobs are handed to Redis again");
                    }
                    if let Step::HandedOver(_) = step {
                        pause = self.settings.poll_min;
                        continue;
                    }
                    held_back = matches!(step, Step::HeldBack);
                    let wait = pause;
                    pause = (pause * 2).min(self.settings.poll_max);
                    wait
                }
                Err(error) => {
                    if outage.failed() {
                        tracing::warn!(queue, %error, "jobs cannot be handed to Redis; they wait in the table");
                    }
                    down = true;
                    self.settings.retry_pause
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = hint(&mut hints, queue), if !down => pause = self.settings.poll_min,
                () = self.bull.until_one_begins(queue), if held_back => pause = self.settings.poll_min,
                () = time::sleep(wait) => {}
            }
        }
    }

    /// One batch. Answers how many jobs were handed over; 0 if there was none, or it is not their turn before others began. If it
    /// fails, Redis may have some of them: they are handed over again, and Redis takes each id once.
    pub async fn relay_once(&self, queue: &str) -> Result<usize, BullError> {
        Ok(match self.step(queue).await? {
            Step::HandedOver(jobs) => jobs,
            Step::HeldBack | Step::Nothing => 0,
        })
    }

    async fn step(&self, queue: &str) -> Result<Step, BullError> {
        // First: no row is touched while Redis is down.
        let bull_queue = self.bull.queue(queue).await?;
        let request = TakeRequest {
            queue,
            limit: self.settings.batch,
            window: self.settings.window,
            ahead: self.settings.ahead,
            rate: self.settings.rates.of(queue),
        };
        let taken = match self.rows.take(&request, self.env.now()).await? {
            Take::Jobs(taken) => taken,
            Take::HeldBack => return Ok(Step::HeldBack),
            Take::Nothing => return Ok(Step::Nothing),
        };
        self.forget_older_rounds(&bull_queue, taken.jobs()).await?;
        // Each urgent one goes before all that wait there, so the first of them comes last.
        let (urgent, others): (Vec<_>, Vec<_>) =
            taken.jobs().iter().partition(|job| is_urgent(job));
        let jobs = others.into_iter().chain(urgent.into_iter().rev());
        let jobs = jobs.map(bulk_job).collect();
        self.bull.within(bull_queue.add_bulk(jobs)).await?;
        let relayed = taken.jobs().len();
        taken.confirm(self.env.now()).await?;
        tracing::debug!(queue, relayed, "handed over");
        Ok(Step::HandedOver(relayed))
    }

    /// Redis takes no job whose id it still knows, ended or not. One that somebody works on there stays.
    async fn forget_older_rounds(&self, queue: &Queue, jobs: &[ReadyJob]) -> Result<(), BullError> {
        let older = jobs.iter().filter(|job| job.attempts > 0);
        let removed = older.map(|job| async move {
            let id = job.id.to_string();
            queue.remove(&id).await
        });
        self.bull.within(try_join_all(removed)).await.map(drop)
    }
}

fn is_urgent(job: &ReadyJob) -> bool {
    job.priority == Priority::Urgent
}

/// Name, payload and queue as the original's.
fn bulk_job(job: &ReadyJob) -> BulkJob {
    let since = u64::try_from(job.run_at.unix_ms()).unwrap_or_default();
    let options = JobOptions {
        job_id: Some(job.id.to_string()),
        attempts: Some(job.max_attempts.min(ATTEMPTS)),
        backoff: Some(BackoffStrategy::Exponential(BACKOFF_MS)),
        remove_on_complete: Some(RemoveOnFinish::Options(DONE_KEPT)),
        remove_on_fail: Some(RemoveOnFinish::Options(FAILED_KEPT)),
        lifo: is_urgent(job).then_some(true),
        // Since when it waits: what its age is counted from.
        timestamp: Some(since),
        ..JobOptions::default()
    };
    BulkJob::with_options(job.name.clone(), job.payload.clone(), options)
}

/// Whether a relay added this job: by its id, and options that nobody else gives. Not what it is about: any job of ours is about
/// what a foreign one could be about.
pub(crate) fn is_ours(job: &Job) -> bool {
    let is_v7 = job
        .id()
        .parse::<JobId>()
        .is_ok_and(|id| id.0.get_version_num() == 7);
    let of_done = job.opts().remove_on_complete.as_ref();
    is_v7
        && matches!(of_done, Some(RemoveOnFinish::Options(kept))
            if (kept.age, kept.count) == (DONE_KEPT.age, DONE_KEPT.count))
        && matches!(
            job.opts().backoff,
            Some(BackoffStrategy::Exponential(BACKOFF_MS))
        )
}

/// Until somebody says that the queue has jobs. A listener that missed hints looks, too.
async fn hint(hints: &mut Receiver<Wake>, queue: &str) {
    loop {
        match hints.recv().await {
            Ok(Wake::Jobs(name)) if name == queue => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            // Cannot be while the relay holds its waker; polling goes on.
            Err(RecvError::Closed) => std::future::pending::<()>().await,
        }
    }
}
