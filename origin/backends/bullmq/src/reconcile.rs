//! Compares rows that were handed over with what Redis knows.

use std::sync::Arc;
use std::time::Duration;

use bullmq::{JobState, Queue};
use sluicegate_core::env::Env;
use sluicegate_core::ports::{
    Delivered, Delivery, DeliveryRequest, Hands, JobRelay, Suspect, Verdict,
};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::bull::Bull;
use crate::error::BullError;
use crate::settings::BullSettings;

/// How often it looks whether Redis was emptied, and for rows whose turn it is to be compared.
const LOOK: Duration = Duration::from_secs(1);
/// So many rows at once.
const BATCH: u32 = 100;

/// Finds jobs that Redis lost, jobs that somebody who knows no rows ended there, and rows whose worker is gone. Any
/// number may run, in any process: they share the rows, and each decision holds only while nobody works on the job.
pub struct Reconciler {
    bull: Arc<Bull>,
    rows: Arc<dyn JobRelay>,
    hands: Arc<dyn Hands>,
    env: Env,
    settings: BullSettings,
}

impl Reconciler {
    /// One that has not begun. `hands` bury what Redis gave up.
    pub fn new(
        bull: Arc<Bull>,
        rows: Arc<dyn JobRelay>,
        hands: Arc<dyn Hands>,
        env: Env,
        settings: BullSettings,
    ) -> Self {
        Self {
            bull,
            rows,
            hands,
            env,
            settings,
        }
    }

    /// Compares these queues until `shutdown`. While Redis or the database is down, nothing is decided.
    pub async fn run(self, queues: &[&'static str], shutdown: CancellationToken) {
        let mut down = false;
        loop {
            for queue in queues {
                match self.compare(queue).await {
                    Ok(()) => down = false,
                    Err(error) if !down => {
                        tracing::warn!(queue, %error, "rows cannot be compared with Redis");
                        down = true;
                    }
                    Err(_) => {}
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = time::sleep(LOOK) => {}
            }
        }
    }

    /// All rows of a queue that are due to be compared; all there are, if Redis was emptied.
    pub async fn compare(&self, queue: &str) -> Result<(), BullError> {
        let bull_queue = self.bull.queue(queue).await?;
        if self.was_emptied(&bull_queue).await? {
            tracing::warn!(
                queue,
                "Redis is new or was emptied; all rows are compared with it"
            );
            self.rows.suspect_all(queue).await?;
        }
        loop {
            let now = self.env.now();
            let before = now.minus(self.settings.check_after);
            let suspects = self.rows.suspects(queue, before, BATCH, now).await?;
            let full = suspects.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
            for suspect in suspects {
                self.judge(&bull_queue, &suspect).await?;
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// Our mark is kept as long as Redis keeps jobs: whoever misses it sets it, and has all compared. Should that one die in
    /// between, rows are compared when it is their turn.
    async fn was_emptied(&self, queue: &Queue) -> Result<bool, BullError> {
        let mut mark = redis::cmd("SET");
        mark.arg(queue.keys().get("sluicegate")).arg(1).arg("NX");
        let set: Option<String> = self.bull.within(queue.connection().cmd(&mut mark)).await?;
        Ok(set.is_some())
    }

    async fn judge(&self, queue: &Queue, suspect: &Suspect) -> Result<(), BullError> {
        let own = suspect.job.to_string();
        let id = suspect.relayed_as.as_deref().unwrap_or(&own);
        match self.bull.within(queue.get_job_state(id)).await? {
            JobState::Completed => self.resolve(queue, suspect, Verdict::Done).await,
            JobState::Failed => self.bury(queue, suspect).await,
            JobState::Unknown if !self.is_known(queue, id).await? => {
                self.resolve(queue, suspect, Verdict::Missing).await
            }
            JobState::Unknown => {
                // A list of a version that we do not know; whoever uses it ends the job.
                tracing::warn!(
                    queue = queue.name(),
                    job.id = id,
                    "Redis has a job in no list that we know"
                );
                Ok(())
            }
            JobState::Waiting
            | JobState::Active
            | JobState::Delayed
            | JobState::Prioritized
            | JobState::WaitingChildren => Ok(()),
        }
    }

    async fn is_known(&self, queue: &Queue, id: &str) -> Result<bool, BullError> {
        let mut exists = redis::cmd("EXISTS");
        exists.arg(queue.keys().job_key(id));
        let found: u32 = self
            .bull
            .within(queue.connection().cmd(&mut exists))
            .await?;
        Ok(found > 0)
    }

    async fn resolve(
        &self,
        queue: &Queue,
        suspect: &Suspect,
        verdict: Verdict,
    ) -> Result<(), BullError> {
        let changed = self
            .rows
            .resolve(suspect.job, verdict, self.env.now())
            .await?;
        if changed {
            tracing::info!(queue = queue.name(), job.id = %suspect.job, ?verdict, "compared with Redis");
        }
        Ok(())
    }

    /// Redis gave it up: after the last attempt of a worker that knows no rows, or too many lost workers. What its death
    /// changes is committed with its burial.
    async fn bury(&self, queue: &Queue, suspect: &Suspect) -> Result<(), BullError> {
        let request = DeliveryRequest {
            job: suspect.job,
            queue: queue.name(),
            worker: &self.settings.worker,
            lease: self.settings.lease,
            delivery: Delivery::Burial,
            rate: None,
        };
        if let Delivered::Leased(leased) = self.rows.lease(&request, self.env.now()).await? {
            let ended = self.hands.work_on(*leased).await;
            tracing::warn!(queue = queue.name(), job.id = %suspect.job, ?ended, "Redis gave a job up");
        }
        Ok(())
    }
}
