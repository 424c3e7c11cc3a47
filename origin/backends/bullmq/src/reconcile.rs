//! Compares rows that were handed over with what Redis knows.

use std::sync::Arc;
use std::time::Duration;

use bullmq::{Job, Queue};
use futures_util::future::join_all;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Env;
use sluicegate_core::fair::Bounds;
use sluicegate_core::outage::Outage;
use sluicegate_core::ports::{
    Delivered, Delivery, DeliveryRequest, Hands, JobRelay, Suspect, Verdict,
};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use crate::bull::Bull;
use crate::error::BullError;
use crate::known::{Known, Seen, known};
use crate::settings::BullSettings;

/// How often it looks whether Redis was emptied, and for rows whose turn it is to be compared.
const LOOK: Duration = Duration::from_secs(1);
/// So many rows at once.
const BATCH: u32 = 100;
/// Who compares all rows says so over and over; when it has said nothing for so long, it is taken for dead.
const COMPARES: Duration = Duration::from_secs(5);
/// How often it says so, rows being slow.
const SAYS_SO: Duration = Duration::from_secs(1);

/// How far it is.
struct Progress {
    seen: Seen,
    /// If it is the one that compares all rows: when it last said so.
    all: Option<Instant>,
}

/// Finds jobs that Redis lost, jobs that somebody who knows no rows ended there, and rows whose worker is gone. Any
/// number may run, in any process: they share the rows, and each decision holds only while nobody works on the job.
pub struct Reconciler {
    bull: Arc<Bull>,
    rows: Arc<dyn JobRelay>,
    hands: Arc<dyn Hands>,
    env: Env,
    settings: BullSettings,
}

impl Progress {
    /// What ended later than that was not seen.
    fn since(at: Timestamp) -> Self {
        Self {
            seen: Seen::before(at),
            all: None,
        }
    }
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

    /// Compares these queues until `shutdown`, each by itself: however much is to be compared of one, the others wait for
    /// nothing. While Redis or the database is down, nothing is decided.
    pub async fn run(self, queues: &[&'static str], shutdown: CancellationToken) {
        let loops = queues
            .iter()
            .map(|queue| self.keep_comparing(queue, &shutdown));
        join_all(loops).await;
    }

    async fn keep_comparing(&self, queue: &str, shutdown: &CancellationToken) {
        let mut progress = Progress::since(self.env.now().minus(self.settings.check_after));
        let outage = Outage::new(self.env.clone());
        while !shutdown.is_cancelled() {
            let more = match self.look(queue, &mut progress, shutdown).await {
                Ok(more) => {
                    if outage.went_well() {
                        tracing::info!(queue, "rows are compared with Redis again");
                    }
                    more
                }
                Err(error) => {
                    // What it had taken is not compared, so its mark must not say that all is.
                    progress.all = None;
                    if outage.failed() {
                        tracing::warn!(queue, %error, "rows cannot be compared with Redis");
                    }
                    false
                }
            };
            if !more {
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = time::sleep(LOOK) => {}
                }
            }
        }
    }

    /// All rows of a queue that are due to be compared; all there are, if Redis was emptied.
    pub async fn compare(&self, queue: &str) -> Result<(), BullError> {
        let mut progress = Progress::since(self.env.now());
        let never = CancellationToken::new();
        while self.look(queue, &mut progress, &never).await? {}
        Ok(())
    }

    /// One batch. Answers whether there may be more.
    async fn look(
        &self,
        queue: &str,
        progress: &mut Progress,
        shutdown: &CancellationToken,
    ) -> Result<bool, BullError> {
        let bull_queue = self.bull.queue(queue).await?;
        if self
            .is_first_to_miss_the_mark(&bull_queue, progress)
            .await?
        {
            tracing::warn!(
                queue,
                "Redis is new or was emptied; all rows are compared with it"
            );
            self.rows.suspect_all(queue).await?;
            progress.all = Some(Instant::now());
        }
        // Rows that our workers ended are over already; those of others would wait for their turn, and keep their owners'
        // next jobs here until then.
        let now = self.env.now();
        let ended = progress.seen.ended_since(&self.bull, &bull_queue, now);
        let ended = ended.await?;
        if !ended.jobs.is_empty() {
            self.rows.suspect(queue, &ended.jobs).await?;
        }
        progress.seen = ended.seen;
        let now = self.env.now();
        let before = now.minus(self.settings.check_after);
        let suspects = self.rows.suspects(queue, before, BATCH, now).await?;
        for (suspect, known) in known(&self.bull, &bull_queue, &suspects).await? {
            if shutdown.is_cancelled() {
                return Ok(false);
            }
            if progress.all.is_some_and(|said| said.elapsed() > SAYS_SO) {
                self.still_compares(&bull_queue, progress).await?;
            }
            match known {
                Known::Completed => self.resolve(&bull_queue, suspect, Verdict::Done).await?,
                Known::Failed => self.bury(&bull_queue, suspect).await?,
                Known::Nothing => {
                    self.resolve(&bull_queue, suspect, Verdict::Missing).await?;
                }
                Known::Waits => {}
            }
        }
        let more = suspects.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
        if progress.all.is_some() && !more {
            // Not if Redis was emptied once more meanwhile. Rows that another one has taken and dies over wait for their turn.
            self.mark(&bull_queue, &["1", "XX"]).await?;
            progress.all = None;
        }
        Ok(ended.more || more)
    }

    /// Our mark is kept as long as Redis keeps jobs, so a Redis without it is new or was emptied. Whoever misses it has all rows
    /// compared, and sets one that is gone soon unless it is said again; one that stays is set when all of them are. So the
    /// next one begins again if that one dies over it.
    async fn is_first_to_miss_the_mark(
        &self,
        queue: &Queue,
        progress: &mut Progress,
    ) -> Result<bool, BullError> {
        if progress.all.is_some() && self.still_compares(queue, progress).await? {
            return Ok(false);
        }
        self.mark_for_a_while(queue, "NX").await
    }

    /// `false` if somebody has to begin again: the mark is gone.
    async fn still_compares(
        &self,
        queue: &Queue,
        progress: &mut Progress,
    ) -> Result<bool, BullError> {
        let still = self.mark_for_a_while(queue, "XX").await?;
        progress.all = still.then(Instant::now);
        Ok(still)
    }

    async fn mark_for_a_while(&self, queue: &Queue, when: &str) -> Result<bool, BullError> {
        let compares = COMPARES.as_millis().to_string();
        let words = ["comparing", "PX", &compares, when];
        self.mark(queue, &words).await
    }

    /// Whether it was set.
    async fn mark(&self, queue: &Queue, words: &[&str]) -> Result<bool, BullError> {
        let mut mark = redis::cmd("SET");
        mark.arg(queue.keys().get("sluicegate")).arg(words);
        let set: Option<String> = self.bull.within(queue.connection().cmd(&mut mark)).await?;
        Ok(set.is_some())
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
        // An operator may have it tried again since it was looked up.
        let now = known(&self.bull, queue, std::slice::from_ref(suspect)).await?;
        if !matches!(now.as_slice(), [(_, Known::Failed)]) {
            return Ok(());
        }
        let own = suspect.job.to_string();
        let id = suspect.relayed_as.as_deref().unwrap_or(&own);
        let there = self.bull.within(queue.get_job(id)).await?;
        let reason = there.as_ref().map_or("", Job::failed_reason);
        let request = DeliveryRequest {
            job: suspect.job,
            queue: queue.name(),
            worker: &self.settings.worker,
            lease: self.settings.lease,
            delivery: Delivery::Burial,
            bounds: Bounds::NONE,
        };
        if let Delivered::Leased(leased) = self.rows.lease(&request, self.env.now()).await? {
            let ended = self.hands.bury(*leased, reason).await;
            tracing::warn!(queue = queue.name(), job.id = %suspect.job, ?ended, "Redis gave a job up");
        }
        Ok(())
    }
}
