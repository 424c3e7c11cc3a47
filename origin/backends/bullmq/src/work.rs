//! Workers on Redis.

use std::sync::Arc;
use std::time::Duration;

use bullmq::options::WorkerOptions;
use bullmq::worker::{CancellationToken as JobToken, WorkerEvent};
use bullmq::{Job, Worker};
use sluicegate_core::env::Env;
use sluicegate_core::outage::Outage;
use sluicegate_core::ports::{Hands, JobRelay};
use tokio::task::JoinSet;
use tokio::time::{self, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::bull::Bull;
use crate::deliver::{Shared, guarded};
use crate::error::BullError;
use crate::settings::BullSettings;
use crate::share::Share;

/// After the time to drain, so long for giving jobs back.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How long an idle worker waits at Redis at once; a stop waits for it.
const IDLE: Duration = Duration::from_secs(1);

/// How often it is asked whether the queue is paused.
const LOOK: Duration = Duration::from_secs(1);

/// Works on whatever Redis delivers. Any number may run.
pub struct Workers {
    shared: Arc<Shared>,
}

impl Workers {
    /// One that has not begun. `hands` do the work.
    pub fn new(
        bull: Arc<Bull>,
        rows: Arc<dyn JobRelay>,
        hands: Arc<dyn Hands>,
        env: Env,
        settings: BullSettings,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                bull,
                rows,
                hands,
                env,
                settings,
            }),
        }
    }

    /// Works on these queues, so many jobs of each at once, until `shutdown`; then lets jobs finish for the time to drain, and
    /// gives back those that did not. Redis may be down at any time, also when this begins.
    pub async fn run(self, queues: &[(&'static str, u32)], shutdown: CancellationToken) {
        let workers = Arc::new(self);
        let mut loops = JoinSet::new();
        for (queue, concurrency) in queues.iter().copied() {
            let (workers, shutdown) = (workers.clone(), shutdown.clone());
            loops.spawn(async move { workers.work(queue, concurrency, &shutdown).await });
        }
        while loops.join_next().await.is_some() {}
    }

    async fn work(&self, queue: &'static str, concurrency: u32, shutdown: &CancellationToken) {
        let outage = Outage::new(self.shared.env.clone());
        while !shutdown.is_cancelled() {
            match self.begin(queue, concurrency).await {
                Ok(worker) => {
                    if outage.went_well() {
                        tracing::info!(queue, "a queue is worked on now");
                    }
                    self.watch(queue, &worker, shutdown).await;
                    return self.end(queue, &worker).await;
                }
                Err(error) => {
                    if outage.failed() {
                        tracing::warn!(queue, %error, "cannot work on a queue; trying again");
                    }
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        () = time::sleep(self.shared.settings.retry_pause) => {}
                    }
                }
            }
        }
    }

    async fn begin(&self, queue: &'static str, concurrency: u32) -> Result<Worker, BullError> {
        // Sees to it that Redis answers and keeps jobs.
        self.shared.bull.queue(queue).await?;
        let settings = &self.shared.settings;
        let options = WorkerOptions::new()
            .connection(self.shared.bull.connection_options())
            .prefix(self.shared.bull.prefix())
            .name(settings.worker.clone())
            .concurrency(usize::try_from(concurrency).unwrap_or(usize::MAX))
            .lock_duration(settings.lock)
            // Each delivery renews its own.
            .skip_lock_renewal()
            .stalled_interval(settings.stalled_interval)
            .max_stalled_count(settings.max_stalled_count)
            .drain_delay(IDLE)
            .run_retry_delay(settings.retry_pause);
        let (shared, share) = (self.shared.clone(), Arc::new(Share::of(concurrency)));
        let handler = move |job: Job, _: JobToken| {
            guarded(shared.clone(), share.clone(), queue, Arc::new(job))
        };
        self.shared
            .bull
            .within(Worker::with_options(queue, handler, options))
            .await
    }

    /// Takes the worker's events: nobody else does, and they would pile up.
    async fn watch(&self, queue: &str, worker: &Worker, shutdown: &CancellationToken) {
        let mut looks = time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => return,
                event = worker.next_event() => event,
                _ = looks.tick() => {
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = self.heed_pause(queue, worker) => continue,
                    }
                }
            };
            match event {
                Some(WorkerEvent::Error(error)) => {
                    tracing::warn!(queue, error, "a worker on Redis");
                }
                Some(_) => {}
                None => return shutdown.cancelled().await,
            }
        }
    }

    /// A queue that an operator paused is not fetched from: what waits in Redis stays there. A delivery that was on its way is held
    /// by its row. The pause of BullMQ itself, as dashboards set it, is another one.
    async fn heed_pause(&self, queue: &str, worker: &Worker) {
        match self.shared.rows.is_paused(queue).await {
            Ok(true) if !worker.is_paused() => {
                tracing::info!(queue, "the queue is paused: nothing more is begun");
                worker.pause();
            }
            Ok(false) if worker.is_paused() => {
                tracing::info!(queue, "the queue is not paused any more");
                worker.resume();
            }
            Ok(_) => {}
            // Nothing could be begun, either.
            Err(error) => tracing::debug!(queue, %error, "cannot ask whether a queue is paused"),
        }
    }

    async fn end(&self, queue: &str, worker: &Worker) {
        let drain = self.shared.settings.drain;
        let whole = u64::try_from((drain + LAST_WORDS).as_millis()).unwrap_or(u64::MAX);
        let close = worker.close(whole);
        tokio::pin!(close);
        let closed = tokio::select! {
            closed = &mut close => closed,
            () = time::sleep(drain) => {
                self.shared.hands.give_back();
                close.await
            }
        };
        if let Err(error) = closed {
            tracing::warn!(queue, %error, "a worker on Redis did not end well");
        }
    }
}
