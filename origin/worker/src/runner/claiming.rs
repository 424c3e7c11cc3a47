//! The loop of one queue.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_core::fair::{Bounds, places_of_one};
use sluicegate_core::job::LeasedJob;
use sluicegate_core::ports::ClaimRequest;
use sluicegate_core::wake::Wake;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use super::attempt::Attempt;
use super::leases::{Leases, beat};
use super::pace::Pace;
use super::{QueueSettings, Shared};

const OUTAGE_MIN: Duration = Duration::from_millis(250);
const OUTAGE_MAX: Duration = Duration::from_secs(5);
/// After the time to drain, so long for giving jobs back.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Works on a queue until `shutdown`, then drains.
pub(super) async fn work(shared: Arc<Shared>, queue: QueueSettings, shutdown: CancellationToken) {
    let leases = Arc::new(Leases::default());
    let mut heart = JoinSet::new();
    let (heart_shared, heart_leases) = (shared.clone(), leases.clone());
    heart.spawn(async move { beat(&heart_shared, &heart_leases).await });
    let queue = Queue {
        hints: shared.waker.listen(),
        polls: Pace::new(shared.settings.poll_min, shared.settings.poll_max),
        outages: Pace::new(OUTAGE_MIN, OUTAGE_MAX),
        attempts: JoinSet::new(),
        give_back: CancellationToken::new(),
        shared,
        leases,
        settings: queue,
    };
    queue.run(&shutdown).await;
    // The heart ends here, with its set: jobs that drain still needed it.
}

struct Queue {
    shared: Arc<Shared>,
    settings: QueueSettings,
    leases: Arc<Leases>,
    attempts: JoinSet<()>,
    hints: Receiver<Wake>,
    polls: Pace,
    outages: Pace,
    give_back: CancellationToken,
}

impl Queue {
    async fn run(mut self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            let pause = self.fill(shutdown).await;
            self.wait(pause, shutdown).await;
        }
        self.drain().await;
    }

    fn free(&self) -> u32 {
        let busy = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        self.settings.concurrency.saturating_sub(busy)
    }

    /// Claims for the free slots, and says how long to wait before the next look.
    async fn fill(&mut self, shutdown: &CancellationToken) -> Duration {
        let free = self.free();
        if free == 0 {
            return self.shared.settings.poll_max;
        }
        let begun = Instant::now();
        // Never dropped half-way: what it leased would wait for the end of its lease.
        match self.claim(free).await {
            Ok(jobs) => {
                self.outages.reset();
                if !jobs.is_empty() {
                    self.polls.reset();
                }
                for job in jobs {
                    self.begin(job, begun, shutdown).await;
                }
                self.polls.pause(&self.shared.env)
            }
            Err(error) => {
                tracing::warn!(queue = self.settings.queue, %error, "cannot claim jobs");
                self.outages.pause(&self.shared.env)
            }
        }
    }

    async fn claim(&self, limit: u32) -> Result<Vec<LeasedJob>, sluicegate_core::error::PortError> {
        let settings = &self.shared.settings;
        let request = ClaimRequest {
            queue: self.settings.queue,
            worker: &settings.worker,
            limit,
            lease: settings.lease,
            bounds: Bounds {
                of_one_owner: places_of_one(self.settings.concurrency),
                rate: settings.rates.of(self.settings.queue),
            },
        };
        self.shared
            .queue
            .claim(&request, self.shared.env.now())
            .await
    }

    async fn begin(&mut self, job: LeasedJob, claimed: Instant, shutdown: &CancellationToken) {
        if shutdown.is_cancelled() {
            let released = self
                .shared
                .queue
                .release(&job.lease, self.shared.env.now())
                .await;
            if let Err(error) = released {
                tracing::warn!(job.id = %job.lease.job, %error, "could not give a job back");
            }
            return;
        }
        let until = claimed + self.shared.settings.lease;
        let attempt = Attempt {
            lost: self.leases.hold(job.lease, until),
            give_back: self.give_back.clone(),
            shared: self.shared.clone(),
            leases: self.leases.clone(),
            job,
            given_up: None,
        };
        self.attempts.spawn(async move {
            // The row says how it ended; nobody else has to know.
            attempt.run().await;
        });
    }

    /// Until there may be something to do.
    async fn wait(&mut self, pause: Duration, shutdown: &CancellationToken) {
        let room = self.free() > 0;
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            Some(_) = self.attempts.join_next() => {
                while self.attempts.try_join_next().is_some() {}
            }
            () = hint(&mut self.hints, self.settings.queue), if room => self.polls.reset(),
            () = time::sleep(pause), if room => {}
        }
    }

    async fn drain(mut self) {
        let running = self.attempts.len();
        if running > 0 {
            tracing::info!(queue = self.settings.queue, running, "letting jobs finish");
        }
        let time = self.shared.settings.drain;
        if time::timeout(time, finish(&mut self.attempts))
            .await
            .is_err()
        {
            self.give_back.cancel();
            let _ = time::timeout(LAST_WORDS, finish(&mut self.attempts)).await;
        }
    }
}

async fn finish(attempts: &mut JoinSet<()>) {
    while attempts.join_next().await.is_some() {}
}

/// Until somebody says that the queue has jobs. A listener that missed hints looks, too.
async fn hint(hints: &mut Receiver<Wake>, queue: &str) {
    loop {
        match hints.recv().await {
            Ok(Wake::Jobs(name)) if name == queue => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            // Cannot be while the runner holds its waker; polling goes on.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
